package resources

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// tagsOf is {scope}/providers/Microsoft.Resources/tags/default: the tags of the
// resource, group or subscription above it, for those who may change nothing else.
func (p *Provider) tagsOf() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "tags", APIVersions: apiVersions(),
		Levels:    providers.AtSubscription | providers.AtGroup | providers.AtResource,
		Verbs:     providers.CanGet | providers.CanPut | providers.CanPatch | providers.CanDelete,
		HideState: true, HideSystem: true,
		Get: p.getTags, Prepare: prepareTags, Apply: p.applyTags,
	}
}

type tagsProperties struct {
	Tags map[string]string `json:"tags"`
}

func (p *Provider) getTags(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
	if !strings.EqualFold(r.ID.Name(), "default") {
		return nil, rest.ResourceNotFound("Microsoft.Resources/tags/"+r.ID.Name(), r.ID.ResourceGroup())
	}
	of, err := p.resources.Get(ctx, r.ID.Parent())
	if err != nil {
		return nil, err
	}
	return tagsDocument(of)
}

func tagsDocument(of *resource.Resource) (*resource.Resource, error) {
	shown := tagsProperties{Tags: of.Tags}
	if shown.Tags == nil {
		shown.Tags = map[string]string{}
	}
	raw, err := json.Marshal(shown)
	if err != nil {
		return nil, fmt.Errorf("writing tags: %w", err)
	}
	return &resource.Resource{ID: of.ID.Extension(namespace, "tags", "default"), Properties: raw, Revision: of.Revision}, nil
}

type tagsChange struct {
	Operation  string         `json:"operation"`
	Properties tagsProperties `json:"properties"`
}

func prepareTags(_ context.Context, r *providers.Request) error {
	_, err := readTags(r)
	return err
}

// readTags reads what is to be done: a PUT replaces, a PATCH says it.
func readTags(r *providers.Request) (tagsChange, error) {
	var c tagsChange
	if err := json.Unmarshal(r.Body, &c); err != nil {
		return c, rest.InvalidRequestContent(err.Error())
	}
	if r.Method == providers.Put {
		c.Operation = "Replace"
	}
	for _, known := range []string{"Replace", "Merge", "Delete"} {
		if strings.EqualFold(known, c.Operation) {
			c.Operation = known
			return c, checkTags(c.Properties.Tags)
		}
	}
	return c, rest.NewError(http.StatusBadRequest, "InvalidTagsPatchOperation",
		fmt.Sprintf("The operation '%s' of a tags patch is invalid: it is 'Replace', 'Merge' or 'Delete'.", c.Operation))
}

func (p *Provider) applyTags(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
	change := tagsChange{Operation: "Replace"}
	if r.Next != nil {
		var err error
		if change, err = readTags(r); err != nil {
			return nil, err
		}
	}
	changed, err := p.resources.Update(ctx, r.ID.Parent(), func(of *resource.Resource) error {
		of.Tags = change.apply(of.Tags)
		return checkTags(of.Tags)
	})
	if err != nil {
		return nil, err
	}
	return tagsDocument(changed)
}

func (c tagsChange) apply(to map[string]string) map[string]string {
	if c.Operation == "Replace" {
		return c.Properties.Tags
	}
	out := maps.Clone(to)
	if out == nil {
		out = map[string]string{}
	}
	for name, value := range c.Properties.Tags {
		for known := range out {
			if strings.EqualFold(known, name) && (c.Operation == "Merge" || out[known] == value || value == "") {
				delete(out, known)
			}
		}
		if c.Operation == "Merge" {
			out[name] = value
		}
	}
	return out
}

// Limits of tags, as the pipeline has them for tags in resources.
const (
	maxTags     = 50
	maxTagName  = 512
	maxTagValue = 256
)

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return rest.NewError(http.StatusBadRequest, "TooManyTags", fmt.Sprintf("The number of tags '%d' exceeds the limit of '%d' on a resource.", len(tags), maxTags))
	}
	for name, value := range tags {
		if name == "" || len(name) > maxTagName || len(value) > maxTagValue {
			return rest.NewError(http.StatusBadRequest, "InvalidTagValueLength",
				fmt.Sprintf("The tag '%s' is invalid: a name has 1 to %d characters, a value up to %d.", name, maxTagName, maxTagValue))
		}
	}
	return nil
}

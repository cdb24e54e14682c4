package resources

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// tagNames is …/tagNames: which tags the subscription uses, and how often, with
// those that were predefined for it.
func (p *Provider) tagNames() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "tagNames", ActionType: "Microsoft.Resources/subscriptions/tagNames", APIVersions: apiVersions(),
		Levels: providers.AtSubscription, Verbs: providers.CanList | providers.CanPut | providers.CanDelete, NoBody: true,
		NamePattern: regexp.MustCompile(`^.{1,512}$`), NameRule: "The name of a tag has up to 512 characters.",
		Prepare: prepareTagName, Remove: p.removeTagName, List: p.listTagNames, Document: p.tagDetails,
	}
}

// predefined is what is stored of a tag name.
type predefined struct {
	Values []string `json:"values,omitempty"`
}

type tagCount struct {
	Type  string `json:"type"`
	Value int    `json:"value"`
}

type tagName struct {
	ID     string     `json:"id"`
	Name   string     `json:"tagName"`
	Count  tagCount   `json:"count"`
	Values []tagValue `json:"values"`
}

// prepareTagName keeps a name's values: a PUT of the name says nothing of them, or
// of anything else.
func prepareTagName(_ context.Context, r *providers.Request) error {
	for _, reserved := range []string{"microsoft", "azure", "windows"} {
		if strings.HasPrefix(strings.ToLower(r.ID.Name()), reserved) {
			return rest.NewError(http.StatusBadRequest, "InvalidTagNamePrefix",
				fmt.Sprintf("The tag name '%s' is invalid: names that start with '%s' are reserved. Choose another name.", r.ID.Name(), reserved))
		}
	}
	r.Next.Properties, r.Next.Tags, r.Next.Location, r.Next.Extra = nil, nil, "", nil
	if r.Old != nil {
		r.Next.Properties = r.Old.Properties
	}
	return nil
}

// removeTagName refuses while the name is of use to somebody.
func (p *Provider) removeTagName(ctx context.Context, r *providers.Request) error {
	uses, err := p.uses(ctx, r.ID.SubscriptionID())
	if err != nil {
		return err
	}
	kept, err := resource.Read[predefined](r.Old)
	switch n := uses[strings.ToLower(r.ID.Name())].total(); {
	case err != nil:
		return err
	case n > 0:
		return tagInUse(fmt.Sprintf("The tag name '%s' can't be deleted: %d resources or resource groups have it. Remove it from them first.", r.ID.Name(), n))
	case len(kept.Values) > 0:
		return tagInUse(fmt.Sprintf("The tag name '%s' can't be deleted: it has the predefined values '%s'. Delete them first.", r.ID.Name(), strings.Join(kept.Values, "', '")))
	}
	return nil
}

func tagInUse(message string) *rest.Error {
	return rest.NewError(http.StatusConflict, "TagInUse", message)
}

// use is how often a tag is used: its name as the first one spells it, and its
// values, whose casing counts.
type use struct {
	name   string
	values map[string]int
}

func (u *use) total() int {
	n := 0
	if u != nil {
		for _, count := range u.values {
			n += count
		}
	}
	return n
}

// uses counts the tags of everything in the subscription, by their names in lower case.
func (p *Provider) uses(ctx context.Context, subscription armid.ID) (map[string]*use, error) {
	all, err := p.resources.List(ctx, subscription, "")
	if err != nil {
		return nil, err
	}
	uses := map[string]*use{}
	for _, one := range all {
		for name, value := range one.Tags {
			key := strings.ToLower(name)
			if uses[key] == nil {
				uses[key] = &use{name: name, values: map[string]int{}}
			}
			uses[key].values[value]++
		}
	}
	return uses, nil
}

func (p *Provider) listTagNames(ctx context.Context, r *providers.Request) ([]*resource.Resource, error) {
	uses, err := p.uses(ctx, r.Scope)
	if err != nil {
		return nil, err
	}
	kept, err := p.resources.List(ctx, r.Scope, namespace+"/tagNames")
	if err != nil {
		return nil, err
	}
	var out []*resource.Resource
	show := func(name string, values []string, u *use) error {
		raw, err := json.Marshal(details(r.Scope, name, values, u))
		out = append(out, &resource.Resource{ID: tagNameID(r.Scope, name), Properties: raw})
		return err
	}
	for _, one := range kept {
		props, err := resource.Read[predefined](one)
		if err != nil {
			return nil, err
		}
		key := strings.ToLower(one.ID.Name())
		if err := show(one.ID.Name(), props.Values, uses[key]); err != nil {
			return nil, err
		}
		delete(uses, key)
	}
	for _, key := range slices.Sorted(maps.Keys(uses)) {
		if err := show(uses[key].name, nil, uses[key]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// tagDetails shows a tag name: one of the list as that has counted it, the
// answer to a PUT counted now.
func (p *Provider) tagDetails(ctx context.Context, r *resource.Resource, _ string) (json.RawMessage, error) {
	listed, err := resource.Read[tagName](&resource.Resource{Properties: r.Properties})
	if err == nil && listed.ID != "" {
		return r.Properties, nil
	}
	kept, err := resource.Read[predefined](r)
	if err != nil {
		return nil, err
	}
	subscription := r.ID.SubscriptionID()
	uses, err := p.uses(ctx, subscription)
	if err != nil {
		return nil, err
	}
	return json.Marshal(details(subscription, r.ID.Name(), kept.Values, uses[strings.ToLower(r.ID.Name())]))
}

// details are a name, its predefined values and those in use.
func details(subscription armid.ID, name string, values []string, u *use) tagName {
	shown := tagName{ID: subscription.String() + "/tagNames/" + name, Name: name, Count: tagCount{"Total", u.total()}, Values: []tagValue{}}
	counts := map[string]int{}
	for _, value := range values {
		counts[value] = 0
	}
	if u != nil {
		maps.Copy(counts, u.values)
	}
	for _, value := range slices.Sorted(maps.Keys(counts)) {
		shown.Values = append(shown.Values, tagValue{ID: shown.ID + "/tagValues/" + value, Value: value, Count: tagCount{"Total", counts[value]}})
	}
	return shown
}

func tagNameID(subscription armid.ID, name string) armid.ID {
	return subscription.Extension(namespace, "tagNames", name)
}

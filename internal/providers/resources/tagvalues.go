package resources

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// maxPredefined bounds the values of a predefined name, which are one document.
const maxPredefined = 1000

// tagValues is …/tagNames/NAME/tagValues/VALUE: the values predefined for a name.
// They are kept in the name's document, because their casing counts, as that of
// resources' names does not.
func (p *Provider) tagValues() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "tagNames/tagValues", ActionType: "Microsoft.Resources/subscriptions/tagNames/tagValues", APIVersions: apiVersions(),
		Levels: providers.AtSubscription, Verbs: providers.CanPut | providers.CanDelete, NoBody: true,
		NamePattern: regexp.MustCompile(`^.{1,256}$`), NameRule: "The value of a tag has up to 256 characters.",
		Get: p.getTagValue, Apply: p.applyTagValue,
		Document: func(_ context.Context, r *resource.Resource, _ string) (json.RawMessage, error) {
			return r.Properties, nil
		},
	}
}

type tagValue struct {
	ID    string   `json:"id"`
	Value string   `json:"tagValue"`
	Count tagCount `json:"count"`
}

func (p *Provider) getTagValue(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
	name, err := p.resources.Get(ctx, r.ID.Parent())
	if err != nil {
		return nil, err
	}
	kept, err := resource.Read[predefined](name)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(kept.Values, r.ID.Name()) {
		return nil, rest.ResourceNotFound("tagNames/"+name.ID.Name()+"/tagValues/"+r.ID.Name(), "")
	}
	return p.shownValue(ctx, r.ID.Rebase(name.ID))
}

// shownValue is a value with the number of its uses.
func (p *Provider) shownValue(ctx context.Context, id armid.ID) (*resource.Resource, error) {
	subscription, name := id.SubscriptionID(), id.Parent().Name()
	uses, err := p.uses(ctx, subscription)
	if err != nil {
		return nil, err
	}
	shown := tagValue{ID: subscription.String() + "/tagNames/" + name + "/tagValues/" + id.Name(), Value: id.Name(), Count: tagCount{Type: "Total"}}
	if u := uses[strings.ToLower(name)]; u != nil {
		shown.Count.Value = u.values[id.Name()]
	}
	raw, err := json.Marshal(shown)
	if err != nil {
		return nil, fmt.Errorf("writing a tag value: %w", err)
	}
	return &resource.Resource{ID: id, Properties: raw}, nil
}

func (p *Provider) applyTagValue(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
	value := r.ID.Name()
	if r.Next == nil {
		uses, err := p.uses(ctx, r.ID.SubscriptionID())
		if err != nil {
			return nil, err
		}
		if u := uses[strings.ToLower(r.ID.Parent().Name())]; u != nil && u.values[value] > 0 {
			return nil, tagInUse(fmt.Sprintf("The value '%s' of the tag '%s' can't be deleted: %d resources or resource groups have it. Remove it from them first.",
				value, r.ID.Parent().Name(), u.values[value]))
		}
	}
	name, err := p.resources.Update(ctx, r.ID.Parent(), func(name *resource.Resource) error {
		kept, err := resource.Read[predefined](name)
		if err != nil {
			return err
		}
		has := slices.Contains(kept.Values, value)
		switch {
		case r.Next == nil:
			kept.Values = slices.DeleteFunc(kept.Values, func(v string) bool { return v == value })
		case !has && len(kept.Values) == maxPredefined:
			return rest.NewError(http.StatusConflict, "TooManyTagValues", fmt.Sprintf("The tag name '%s' has %d predefined values, which is the limit. Delete some first.", name.ID.Name(), maxPredefined))
		case !has:
			kept.Values = append(kept.Values, value)
			slices.Sort(kept.Values)
		}
		return name.Set("values", kept.Values)
	})
	if err != nil || r.Next == nil {
		return nil, err
	}
	return p.shownValue(ctx, r.ID.Rebase(name.ID))
}

package managedidentity

import (
	"context"
	"strconv"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// associatedResource is a resource that an identity is assigned to.
type associatedResource struct {
	ID                      string `json:"id"`
	Name                    string `json:"name"`
	Type                    string `json:"type"`
	ResourceGroup           string `json:"resourceGroup"`
	SubscriptionID          string `json:"subscriptionId"`
	SubscriptionDisplayName string `json:"subscriptionDisplayName"`
}

type associatedPage struct {
	TotalCount int                  `json:"totalCount"`
	Value      []associatedResource `json:"value"`
}

// associated answers listAssociatedResources: who carries the identity, in one
// page unless $top and $skip say otherwise.
func (p *Provider) associated(ctx context.Context, r *providers.Request) (rest.Response, error) {
	top, err := number(r, "$top", -1)
	if err != nil {
		return rest.Response{}, err
	}
	skip, err := number(r, "$skip", 0)
	if err != nil {
		return rest.Response{}, err
	}
	all, err := p.cfg.Resources.List(ctx, r.Old.ID.SubscriptionID(), "")
	if err != nil {
		return rest.Response{}, err
	}
	name := p.subscriptionName(r.Old.ID.Subscription())
	page := associatedPage{Value: []associatedResource{}}
	for _, candidate := range all {
		if key, _ := candidate.Identity.Find(r.Old.ID); key == "" {
			continue
		}
		page.TotalCount++
		if page.TotalCount <= skip || top >= 0 && len(page.Value) >= top {
			continue
		}
		id := candidate.ID
		page.Value = append(page.Value, associatedResource{
			ID: id.String(), Name: id.Name(), Type: id.Type(), ResourceGroup: id.ResourceGroup(),
			SubscriptionID: id.Subscription(), SubscriptionDisplayName: name,
		})
	}
	return rest.OK(page), nil
}

// subscriptionName is how the portal calls a subscription.
func (p *Provider) subscriptionName(id string) string {
	tenant, _ := p.cfg.Directory.TenantOf(id)
	for _, s := range tenant.Subscriptions {
		if strings.EqualFold(s.ID, id) {
			return s.DisplayName
		}
	}
	return id
}

// number reads a count from the query.
func number(r *providers.Request, name string, absent int) (int, error) {
	text := r.Query.Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, rest.InvalidTop(text)
	}
	return n, nil
}

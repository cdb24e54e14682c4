package resources

import (
	"context"
	"encoding/json"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
)

func (p *Provider) subscriptions() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "subscriptions", APIVersions: apiVersions(), Levels: providers.AtTenant,
		Verbs: providers.ReadOnly, ListVisible: true, Document: subscriptionDocument,
	}
}

type subscriptionPolicies struct {
	LocationPlacementID string `json:"locationPlacementId"`
	QuotaID             string `json:"quotaId"`
	SpendingLimit       string `json:"spendingLimit"`
}

func subscriptionDocument(_ context.Context, r *resource.Resource, _ string) (json.RawMessage, error) {
	s, err := resource.ReadInternal[Subscription](r)
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		ID                  string               `json:"id"`
		AuthorizationSource string               `json:"authorizationSource"`
		ManagedByTenants    []string             `json:"managedByTenants"`
		SubscriptionID      string               `json:"subscriptionId"`
		TenantID            string               `json:"tenantId"`
		DisplayName         string               `json:"displayName"`
		State               string               `json:"state"`
		Policies            subscriptionPolicies `json:"subscriptionPolicies"`
	}{
		ID: r.ID.String(), AuthorizationSource: "RoleBased", ManagedByTenants: []string{}, SubscriptionID: r.ID.Name(),
		TenantID: s.TenantID, DisplayName: s.DisplayName, State: "Enabled",
		Policies: subscriptionPolicies{LocationPlacementID: "Public_2014-09-01", QuotaID: "PayAsYouGo_2014-09-01", SpendingLimit: "Off"},
	})
}

// tenants lists the one tenant that the caller's token is of.
func (p *Provider) tenants() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "tenants", APIVersions: apiVersions(), Levels: providers.AtTenant,
		Verbs: providers.CanList, Public: true,
		List: func(_ context.Context, r *providers.Request) ([]*resource.Resource, error) {
			return []*resource.Resource{{ID: armid.Root().Extension(namespace, "tenants", r.Caller.TenantID)}}, nil
		},
		Document: p.tenantDocument,
	}
}

func (p *Provider) tenantDocument(_ context.Context, r *resource.Resource, _ string) (json.RawMessage, error) {
	id := r.ID.Name()
	name, domain := p.nameTenant(id)
	return json.Marshal(struct {
		ID             string   `json:"id"`
		TenantID       string   `json:"tenantId"`
		CountryCode    string   `json:"countryCode"`
		DisplayName    string   `json:"displayName"`
		Domains        []string `json:"domains"`
		DefaultDomain  string   `json:"defaultDomain"`
		TenantType     string   `json:"tenantType"`
		TenantCategory string   `json:"tenantCategory"`
	}{"/tenants/" + id, id, "", name, []string{domain}, domain, "AAD", "Home"})
}

func (p *Provider) locations() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "locations", ActionType: "Microsoft.Resources/subscriptions/locations",
		APIVersions: apiVersions(), Levels: providers.AtSubscription, Verbs: providers.CanList,
		List: func(_ context.Context, r *providers.Request) ([]*resource.Resource, error) {
			var out []*resource.Resource
			for _, region := range providers.Regions() {
				out = append(out, &resource.Resource{ID: r.Scope.Child("locations", region.Name)})
			}
			return out, nil
		},
		Document: locationDocument,
	}
}

type pairedRegion struct {
	Name string `json:"name"`
	ID   string `json:"id"`
}

type locationMetadata struct {
	RegionType     string         `json:"regionType"`
	RegionCategory string         `json:"regionCategory"`
	GeographyGroup string         `json:"geographyGroup"`
	PairedRegion   []pairedRegion `json:"pairedRegion"`
}

func locationDocument(_ context.Context, r *resource.Resource, _ string) (json.RawMessage, error) {
	for _, region := range providers.Regions() {
		if region.Name != r.ID.Name() {
			continue
		}
		metadata := locationMetadata{RegionType: "Physical", RegionCategory: "Recommended", GeographyGroup: region.Geography, PairedRegion: []pairedRegion{}}
		if region.Paired != "" {
			metadata.PairedRegion = append(metadata.PairedRegion, pairedRegion{region.Paired, r.ID.Parent().String() + "/locations/" + region.Paired})
		}
		return json.Marshal(struct {
			ID                  string           `json:"id"`
			Name                string           `json:"name"`
			Type                string           `json:"type"`
			DisplayName         string           `json:"displayName"`
			RegionalDisplayName string           `json:"regionalDisplayName"`
			Metadata            locationMetadata `json:"metadata"`
		}{r.ID.String(), region.Name, "Region", region.DisplayName, "(" + region.Geography + ") " + region.DisplayName, metadata})
	}
	return r.Wire(resource.WireOptions{})
}

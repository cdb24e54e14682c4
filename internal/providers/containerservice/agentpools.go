package containerservice

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// agentPools are read from their cluster's document, which is the only place where they are stored: the two can't
// disagree. Writing one writes the cluster.
func (p *Provider) agentPools() *providers.Type {
	return &providers.Type{
		Namespace:    namespace,
		Name:         "managedClusters/agentPools",
		WireType:     namespace + "/managedClusters/agentPools",
		GroupSegment: "resourcegroups",
		APIVersions:  apiVersions(),
		Levels:       providers.AtGroup,
		HideSystem:   true,
		FlatErrors:   true,
		Get:          p.getPool,
		List:         p.listPools,
		Part:         p.writePool,
		Verbs:        providers.CanGet | providers.CanList | providers.CanPut | providers.CanDelete,
		Mismatch:     etagMismatch,
		Actions:      []providers.Action{{Name: "upgradeNodeImageVersion", Run: p.upgradeNodeImage}},
	}
}

func (p *Provider) getPool(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
	pools, err := p.poolsOf(ctx, r.ID.Parent())
	if err != nil {
		return nil, err
	}
	for _, pool := range pools {
		if strings.EqualFold(pool.ID.Name(), r.ID.Name()) {
			return pool, nil
		}
	}
	return nil, rest.ResourceNotFound(clusterType+"/"+r.ID.Parent().Name()+"/agentPools/"+r.ID.Name(), r.ID.ResourceGroup())
}

func (p *Provider) listPools(ctx context.Context, r *providers.Request) ([]*resource.Resource, error) {
	return p.poolsOf(ctx, r.Scope)
}

func (p *Provider) poolsOf(ctx context.Context, cluster armid.ID) ([]*resource.Resource, error) {
	c, err := p.Resources.Get(ctx, cluster)
	if err != nil {
		return nil, err
	}
	d, err := parseDocument(c.Properties)
	if err != nil {
		return nil, err
	}
	leaving, err := going(c, d)
	if err != nil {
		return nil, err
	}
	var pools []*resource.Resource
	for _, profile := range append(d.objects("agentPoolProfiles"), leaving...) {
		pool := &resource.Resource{ID: c.ID.Child("agentPools", profile.text("name")), ProvisioningState: profile.text("provisioningState"), Revision: c.Revision}
		delete(profile, "name") // in the envelope
		delete(profile, "provisioningState")
		if pool.Properties, err = json.Marshal(profile); err != nil {
			return nil, fmt.Errorf("writing an agent pool: %w", err)
		}
		pools = append(pools, pool)
	}
	return pools, nil
}

package network

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/google/uuid"
	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// EnsureVNet makes a virtual network with one subnet, as a cluster does that
// wasn't given one. What exists already stays as it is.
func (p *Provider) EnsureVNet(ctx context.Context, by providers.Caller, vnet armid.ID, location string, space netip.Prefix, subnet string, prefix netip.Prefix) error {
	next := &resource.Resource{ID: vnet, Location: location}
	if err := next.Merge(map[string]any{
		"addressSpace": map[string]any{"addressPrefixes": []string{space.String()}}, "resourceGuid": uuid.NewString(),
		"enableDdosProtection": false, "virtualNetworkPeerings": []any{},
	}); err != nil {
		return err
	}
	made, err := p.cfg.Resources.Create(ctx, by, next, nil)
	if err != nil {
		return fmt.Errorf("making virtual network %s: %w", vnet, err)
	}
	child := &resource.Resource{ID: made.ID.Child("subnets", subnet)}
	if err := child.Merge(map[string]any{"addressPrefix": prefix.String()}); err != nil {
		return err
	}
	if _, err := completeSubnet(child); err != nil {
		return err
	}
	if _, err := p.cfg.Resources.Create(ctx, by, child, nil); err != nil {
		return fmt.Errorf("making subnet %s: %w", child.ID, err)
	}
	return nil
}

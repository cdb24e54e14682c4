package network

import (
	"context"
	"fmt"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

const remoteNetwork = "remoteVirtualNetwork"

// peerings are half a connection each: two networks are connected while each has
// one that names the other. A peering holds no network: the other half stays
// behind, disconnected.
func (p *Provider) peerings() shape.Kind {
	return shape.Kind{
		Type: document("virtualNetworks/virtualNetworkPeerings"),
		Rules: shape.Rules{
			Defaults: `{"allowVirtualNetworkAccess":true,"allowForwardedTraffic":false,"allowGatewayTransit":false,"useRemoteGateways":false,"doNotVerifyRemoteGateways":false,"peerCompleteVnets":true}`,
			Required: []string{remoteNetwork},
			Server:   []string{"resourceGuid", "peeringState", "peeringSyncLevel", "remoteAddressSpace", "remoteVirtualNetworkAddressSpace"},
			Fixed:    []string{remoteNetwork + ".id"},
			References: []shape.Reference{
				{Path: remoteNetwork, To: vnetType, Action: vnetType + "/peer/action", Weak: true},
			},
		},
		Admit: p.admitPeering,
		Show:  p.showPeering,
	}
}

func (p *Provider) admitPeering(ctx context.Context, d *shape.Document) error {
	giveGUID(d)
	remote, err := armid.Parse(d.Properties.Text(remoteNetwork + ".id"))
	if err != nil {
		return err
	}
	local := d.ID.Parent()
	if remote.Equal(local) {
		return rest.NewError(http.StatusBadRequest, "VnetCannotBePeeredWithItself", fmt.Sprintf("Virtual network %s cannot be peered with itself.", local))
	}
	theirs, err := p.cfg.Resources.Get(ctx, remote)
	if err != nil {
		return err
	}
	ours, err := p.cfg.Resources.Get(ctx, local)
	if rest.IsNotFound(err) {
		return nil // the pipeline has the error for a missing parent
	}
	if err != nil {
		return err
	}
	return apart(d.ID, ours, theirs)
}

// apart refuses networks whose addresses overlap.
func apart(id armid.ID, ours, theirs *resource.Resource) error {
	local, err := spacesOf(ours)
	if err != nil {
		return err
	}
	remote, err := spacesOf(theirs)
	if err != nil {
		return err
	}
	for _, space := range local {
		if overlapsAny(space, remote) {
			return rest.NewError(http.StatusBadRequest, "VnetAddressSpacesOverlap", fmt.Sprintf(
				"Cannot create or update peering %s. Virtual networks %s and %s cannot be peered because their address spaces overlap.", id, ours.ID, theirs.ID))
		}
	}
	return nil
}

func (p *Provider) showPeering(ctx context.Context, d *shape.Document) error {
	remote, err := armid.Parse(d.Properties.Text(remoteNetwork + ".id"))
	if err != nil {
		return err
	}
	d.Properties.Set("peeringSyncLevel", "FullyInSync")
	theirs, err := p.cfg.Resources.Get(ctx, remote)
	if rest.IsNotFound(err) {
		d.Properties.Set("peeringState", "Disconnected")
		return nil
	}
	if err != nil {
		return err
	}
	props, err := resource.Read[vnetProperties](theirs)
	if err != nil {
		return err
	}
	space := map[string]any{"addressPrefixes": props.AddressSpace.AddressPrefixes}
	d.Properties.Set("remoteAddressSpace", space)
	d.Properties.Set("remoteVirtualNetworkAddressSpace", space)
	halves, err := p.cfg.Resources.List(ctx, remote, peeringType)
	if err != nil {
		return err
	}
	state := "Initiated"
	for _, half := range halves {
		other, err := resource.Read[struct {
			Remote link `json:"remoteVirtualNetwork"`
		}](half)
		if err != nil {
			return err
		}
		if id, err := armid.Parse(other.Remote.ID); err == nil && id.Equal(d.ID.Parent()) {
			state = "Connected"
		}
	}
	d.Properties.Set("peeringState", state)
	return nil
}

// renderPeering shows a peering inside its network.
func (p *Provider) renderPeering(ctx context.Context, r *resource.Resource, _ string) error {
	return shape.Show(ctx, p.deps(), r, p.showPeering)
}

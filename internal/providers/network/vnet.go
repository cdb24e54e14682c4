package network

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"

	"github.com/google/uuid"
	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/store"
)

// vnetProperties are what we understand of a virtual network. A client may leave
// the subnets out (they stay) or send all that are to be.
type vnetProperties struct {
	AddressSpace struct {
		AddressPrefixes []string `json:"addressPrefixes"`
	} `json:"addressSpace"`
	Subnets      *[]json.RawMessage `json:"subnets"`
	ResourceGUID string             `json:"resourceGuid"`
}

// spacesOf are a network's address prefixes.
func spacesOf(vnet *resource.Resource) ([]netip.Prefix, error) {
	props, err := resource.Read[vnetProperties](vnet)
	if err != nil {
		return nil, rest.InvalidRequestContent(err.Error())
	}
	if len(props.AddressSpace.AddressPrefixes) == 0 {
		return nil, missingSpace(vnet.ID.Name())
	}
	var out []netip.Prefix
	for _, text := range props.AddressSpace.AddressPrefixes {
		space, err := parsePrefix(vnet.ID.String(), text)
		switch {
		case err != nil:
			return nil, err
		case overlapsAny(space, platform()):
			return nil, reservedSpace(space, vnet.ID.String())
		case overlapsAny(space, out):
			return nil, spacesOverlap(vnet.ID.Name())
		}
		out = append(out, space)
	}
	return out, nil
}

func prepareVNet(_ context.Context, r *providers.Request) error {
	if _, err := spacesOf(r.Next); err != nil {
		return err
	}
	if err := setDefaults(r.Next, map[string]any{"enableDdosProtection": false}); err != nil {
		return err
	}
	wanted, err := inlineSubnets(r.Next)
	if err != nil {
		return err
	}
	for _, s := range wanted {
		refs, err := completeSubnet(s)
		if err != nil {
			return err
		}
		shape.Link(r, refs, nil)
	}
	return nil
}

// inlineSubnets reads the subnets inside a network's document as resources of
// their own; nil when the document has no list of them.
func inlineSubnets(vnet *resource.Resource) ([]*resource.Resource, error) {
	props, err := resource.Read[vnetProperties](vnet)
	if err != nil {
		return nil, rest.InvalidRequestContent(err.Error())
	}
	if props.Subnets == nil {
		return nil, nil
	}
	out := []*resource.Resource{}
	seen := map[string]bool{}
	for _, raw := range *props.Subnets {
		var named struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(raw, &named); err != nil {
			return nil, rest.InvalidRequestContent(err.Error())
		}
		id, err := armid.Parse(vnet.ID.Child("subnets", named.Name).String())
		if err != nil || !namePattern().MatchString(named.Name) {
			return nil, rest.InvalidResourceName(named.Name, nameRule)
		}
		if seen[id.Key()] {
			return nil, duplicateSubnet(named.Name, vnet.ID.Name())
		}
		seen[id.Key()] = true
		s, err := resource.FromPut(id, nil, raw)
		if err != nil {
			return nil, rest.InvalidRequestContent(err.Error())
		}
		out = append(out, s)
	}
	return out, nil
}

func (p *Provider) admitVNet(ctx context.Context, r *providers.Request) error {
	if err := p.lockLayout(ctx, r, r.Next.ID); err != nil {
		return err
	}
	wanted, err := inlineSubnets(r.Next)
	if err != nil {
		return err
	}
	var stored []*resource.Resource
	guid := uuid.NewString()
	if r.Old != nil {
		if stored, err = p.cfg.Resources.List(ctx, r.Next.ID, subnetType); err != nil {
			return err
		}
		props, err := resource.Read[vnetProperties](r.Old)
		if err != nil {
			return err
		}
		guid = props.ResourceGUID
	}
	// Subnets and peerings are documents of their own; the network's has none.
	if err := r.Next.Merge(map[string]any{"subnets": nil, "virtualNetworkPeerings": nil, "resourceGuid": guid}); err != nil {
		return err
	}
	if wanted == nil {
		return checkLayout(r.Next, stored)
	}
	if err := p.replaceSubnets(ctx, r, stored, wanted); err != nil {
		return err
	}
	return checkLayout(r.Next, wanted)
}

// replaceSubnets adds what has to be written so that the wanted subnets take the
// place of the stored ones.
func (p *Provider) replaceSubnets(ctx context.Context, r *providers.Request, stored, wanted []*resource.Resource) error {
	old := map[string]*resource.Resource{}
	for _, s := range stored {
		old[s.ID.Key()] = s
	}
	for _, next := range wanted {
		if _, err := completeSubnet(next); err != nil {
			return err
		}
		was := old[next.ID.Key()]
		delete(old, next.ID.Key())
		if was != nil {
			if same(was.Properties, next.Properties) {
				continue
			}
			if err := p.keepPrefix(ctx, r, was, next); err != nil {
				return err
			}
		}
		if err := p.trackSubnet(ctx, r, was, next); err != nil {
			return err
		}
		if err := putSubnet(r, was, next); err != nil {
			return err
		}
	}
	for _, gone := range old {
		if err := p.vacate(ctx, r, gone, gone.ID); err != nil {
			return err
		}
		// With what is below it: a role assignment that stayed would hold for the next
		// subnet of the name.
		below, err := p.cfg.Resources.List(ctx, gone.ID, "")
		if err != nil {
			return err
		}
		for _, each := range append(below, gone) {
			r.Conds = append(r.Conds, store.Unchanged(resource.StoreKey(each.ID), each.Revision))
			r.Ops = append(r.Ops, store.Delete(resource.StoreKey(each.ID)))
		}
	}
	return nil
}

// putSubnet writes a subnet in the transaction of its network.
func putSubnet(r *providers.Request, was, next *resource.Resource) error {
	next.ProvisioningState = resource.Succeeded
	next.SystemData = resource.SystemData{CreatedBy: r.Caller.Client(), CreatedByType: r.Caller.Type, CreatedAt: r.Now.UTC()}
	cond := store.Absent(resource.StoreKey(next.ID))
	if was != nil {
		next.ID, next.SystemData = was.ID, was.SystemData
		cond = store.Unchanged(resource.StoreKey(was.ID), was.Revision)
	}
	next.SystemData.LastModifiedBy, next.SystemData.LastModifiedByType, next.SystemData.LastModifiedAt = r.Caller.Client(), r.Caller.Type, r.Now.UTC()
	raw, err := next.Store()
	if err != nil {
		return err
	}
	r.Conds = append(r.Conds, cond)
	r.Ops = append(r.Ops, store.Put(resource.StoreKey(next.ID), raw))
	return nil
}

// same compares two documents regardless of the order of their members. Both
// went through Merge, which writes members in order.
func same(a, b json.RawMessage) bool { return bytes.Equal(a, b) }

func (p *Provider) removeVNet(ctx context.Context, r *providers.Request) error {
	if err := p.lockLayout(ctx, r, r.Old.ID); err != nil {
		return err
	}
	r.Ops = r.Ops[:len(r.Ops)-1] // the lock goes with the network
	r.Ops = append(r.Ops, store.Delete("/lanyard/network/layouts"+r.Old.ID.Key()))
	stored, err := p.cfg.Resources.List(ctx, r.Old.ID, subnetType)
	if err != nil {
		return err
	}
	for _, s := range stored {
		if err := p.vacate(ctx, r, s, r.Old.ID); err != nil {
			return err
		}
	}
	return nil
}

// renderVNet shows the subnets and peerings inline.
func (p *Provider) renderVNet(ctx context.Context, r *resource.Resource, version string) error {
	for member, of := range map[string]string{"subnets": subnetType, "virtualNetworkPeerings": peeringType} {
		stored, err := p.cfg.Resources.List(ctx, r.ID, of)
		if err != nil {
			return err
		}
		shown := make([]json.RawMessage, 0, len(stored))
		for _, s := range stored {
			show := p.renderSubnet
			if of == peeringType {
				show = p.renderPeering
			}
			if err := show(ctx, s, version); err != nil {
				return err
			}
			raw, err := s.Wire(resource.WireOptions{ETag: true, NoSystem: true})
			if err != nil {
				return err
			}
			shown = append(shown, raw)
		}
		if err := r.Set(member, shown); err != nil {
			return err
		}
	}
	return nil
}

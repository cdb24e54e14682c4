package network

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/store"
)

// seat is an address that a part of a document has in a subnet.
type seat struct {
	subnet armid.ID
	owner  string
	wanted netip.Addr // invalid: any
}

// placeAddresses gives every part of the member that names a subnet an address
// in it, and takes back those of parts that are gone, in the transaction of the
// document. A document that is removed has no parts left.
func (p *Provider) placeAddresses(ctx context.Context, d *shape.Document, member string) error {
	plan := addressPlan{provider: p, given: map[string]*allocations{}, read: map[string]*resource.Resource{}}
	keep := map[string]bool{}
	for _, part := range d.Properties.Objects(member) {
		s, ok, err := seatOf(d.ID, member, part)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		keep[s.subnet.Key()+" "+strings.ToLower(s.owner)] = true
		address, err := plan.take(ctx, s)
		if err != nil {
			return err
		}
		part.Set("properties.privateIPAddress", address.String())
	}
	for _, part := range d.Old.Objects(member) {
		s, ok, err := seatOf(d.ID, member, part)
		if err != nil {
			return err
		}
		if ok && !keep[s.subnet.Key()+" "+strings.ToLower(s.owner)] {
			if err := plan.release(ctx, s); err != nil {
				return err
			}
		}
	}
	return plan.into(d)
}

// seatOf reads where a part wants to be. Addresses of IPv6 are the client's own
// affair: our subnets give out those of their first prefix.
func seatOf(of armid.ID, member string, part shape.Object) (seat, bool, error) {
	text := part.Text("properties.subnet.id")
	if text == "" || part.Text("properties.privateIPAddressVersion") == "IPv6" {
		return seat{}, false, nil
	}
	subnet, err := armid.Parse(text)
	if err != nil {
		return seat{}, false, err
	}
	s := seat{subnet: subnet, owner: of.Child(member, part.Text("name")).String()}
	if part.Text("properties.privateIPAllocationMethod") == "Static" {
		if s.wanted, err = netip.ParseAddr(part.Text("properties.privateIPAddress")); err != nil {
			return seat{}, false, invalidAddress(part.Text("properties.privateIPAddress"), s.owner)
		}
	}
	return s, true, nil
}

// addressPlan collects changes to the allocations of subnets for one transaction.
type addressPlan struct {
	provider *Provider
	given    map[string]*allocations
	read     map[string]*resource.Resource
	changed  []armid.ID
}

func (a *addressPlan) of(ctx context.Context, subnet armid.ID) (*allocations, error) {
	if known := a.given[subnet.Key()]; known != nil {
		return known, nil
	}
	given, err := a.provider.allocations(ctx, subnet)
	if err != nil {
		return nil, err
	}
	a.given[subnet.Key()] = &given
	return &given, nil
}

func (a *addressPlan) take(ctx context.Context, s seat) (netip.Addr, error) {
	given, err := a.of(ctx, s.subnet)
	if err != nil {
		return netip.Addr{}, err
	}
	mine := slices.IndexFunc(given.Parts, func(p part) bool { return strings.EqualFold(p.Owner, s.owner) })
	if mine >= 0 && (!s.wanted.IsValid() || given.Parts[mine].Prefix.Addr() == s.wanted) {
		return given.Parts[mine].Prefix.Addr(), nil
	}
	stored, err := a.provider.cfg.Resources.Get(ctx, s.subnet)
	if err != nil {
		return netip.Addr{}, err
	}
	whole, err := prefixOf(stored)
	if err != nil {
		return netip.Addr{}, err
	}
	if mine >= 0 {
		given.Parts = slices.Delete(given.Parts, mine, mine+1)
	}
	block, ok := netip.Prefix{}, false
	if s.wanted.IsValid() {
		block = single(s.wanted)
		if err := given.checkFree(whole, block, s); err != nil {
			return netip.Addr{}, err
		}
	} else if block, ok = given.free(whole, whole.Addr().BitLen()); !ok {
		return netip.Addr{}, subnetFull(s.subnet.Name(), whole.Addr().BitLen())
	}
	given.Parts = append(given.Parts, part{Owner: s.owner, Prefix: block})
	a.read[s.subnet.Key()] = stored
	a.touch(s.subnet)
	return block.Addr(), nil
}

// checkFree refuses an address that the client chose.
func (a allocations) checkFree(whole, block netip.Prefix, s seat) error {
	if !whole.Contains(block.Addr()) || slices.Contains(reserved(whole), block) {
		return outsideSubnet(block.Addr(), s.subnet)
	}
	for _, p := range a.Parts {
		if p.Prefix.Overlaps(block) {
			return addressInUse(block.Addr(), p.Owner)
		}
	}
	return nil
}

func (a *addressPlan) release(ctx context.Context, s seat) error {
	given, err := a.of(ctx, s.subnet)
	if err != nil {
		return err
	}
	before := len(given.Parts)
	given.Parts = slices.DeleteFunc(given.Parts, func(p part) bool { return strings.EqualFold(p.Owner, s.owner) })
	if len(given.Parts) != before {
		a.touch(s.subnet)
	}
	return nil
}

func (a *addressPlan) touch(subnet armid.ID) {
	if !slices.ContainsFunc(a.changed, subnet.Equal) {
		a.changed = append(a.changed, subnet)
	}
}

// into adds the changes to the document's transaction.
func (a *addressPlan) into(d *shape.Document) error {
	for _, subnet := range a.changed {
		given, key := a.given[subnet.Key()], allocationKey(subnet)
		raw, err := json.Marshal(given)
		if err != nil {
			return fmt.Errorf("writing the allocations of %s: %w", subnet, err)
		}
		r := d.Request
		r.Conds = append(r.Conds, store.Unchanged(key, given.revision))
		r.Ops = append(r.Ops, store.Put(key, raw))
		if stored := a.read[subnet.Key()]; stored != nil {
			r.Conds = append(r.Conds, store.Unchanged(resource.StoreKey(subnet), stored.Revision))
		}
	}
	return nil
}

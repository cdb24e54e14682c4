package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/store"
)

// allocations are the parts of a subnet that are given away, one document a
// subnet: a transaction on it decides who gets what.
type allocations struct {
	Parts    []part `json:"parts"`
	revision int64
}

// part is a block of addresses with its owner.
type part struct {
	Owner  string       `json:"owner"`
	Prefix netip.Prefix `json:"prefix"`
}

func allocationKey(subnet armid.ID) string { return "/lanyard/network/allocations" + subnet.Key() }

func (p *Provider) allocations(ctx context.Context, subnet armid.ID) (allocations, error) {
	item, err := p.cfg.Store.Get(ctx, allocationKey(subnet))
	if errors.Is(err, store.ErrNotFound) {
		return allocations{}, nil
	}
	if err != nil {
		return allocations{}, fmt.Errorf("reading the allocations of %s: %w", subnet, err)
	}
	a := allocations{revision: item.Revision}
	if err := json.Unmarshal(item.Value, &a); err != nil {
		return allocations{}, fmt.Errorf("reading the allocations of %s: %w", subnet, err)
	}
	return a, nil
}

// Allocate gives the owner a block of the subnet: bits is the length of its
// prefix, 32 for one address of IPv4. The same owner asking again for the same
// length gets the same block; an owner may hold blocks of several lengths.
func (p *Provider) Allocate(ctx context.Context, subnet armid.ID, owner string, bits int) (netip.Prefix, error) {
	for {
		given, err := p.allocations(ctx, subnet)
		if err != nil {
			return netip.Prefix{}, err
		}
		if i := slices.IndexFunc(given.Parts, func(a part) bool { return a.Owner == owner && a.Prefix.Bits() == bits }); i >= 0 {
			return given.Parts[i].Prefix, nil
		}
		stored, err := p.cfg.Resources.Get(ctx, subnet)
		if err != nil {
			return netip.Prefix{}, err
		}
		whole, err := prefixOf(stored)
		if err != nil {
			return netip.Prefix{}, err
		}
		block, ok := given.free(whole, bits)
		if !ok {
			return netip.Prefix{}, subnetFull(subnet.Name(), bits)
		}
		given.Parts = append(given.Parts, part{Owner: owner, Prefix: block})
		// The subnet must still be the one that was read: neither gone nor elsewhere.
		err = p.keep(ctx, subnet, given, store.Unchanged(resource.StoreKey(subnet), stored.Revision))
		if err == nil {
			return block, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return netip.Prefix{}, err
		}
	}
}

// Release takes back everything that the owner has of the subnet. An owner that
// has nothing, and a subnet that is gone, are no errors.
func (p *Provider) Release(ctx context.Context, subnet armid.ID, owner string) error {
	for {
		given, err := p.allocations(ctx, subnet)
		if err != nil {
			return err
		}
		left := slices.DeleteFunc(slices.Clone(given.Parts), func(a part) bool { return a.Owner == owner })
		if len(left) == len(given.Parts) {
			return nil
		}
		given.Parts = left
		if err := p.keep(ctx, subnet, given); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// keep writes the allocations unless somebody else did meanwhile.
func (p *Provider) keep(ctx context.Context, subnet armid.ID, a allocations, conds ...store.Cond) error {
	raw, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("writing the allocations of %s: %w", subnet, err)
	}
	key := allocationKey(subnet)
	if _, err := p.cfg.Store.Txn(ctx, append(conds, store.Unchanged(key, a.revision)), []store.Op{store.Put(key, raw)}); err != nil {
		return fmt.Errorf("writing the allocations of %s: %w", subnet, err)
	}
	return nil
}

// reservedFirst addresses and the last one of a subnet are the platform's.
const reservedFirst = 4

// Gateway is the address of the subnet's router: its first usable one.
func Gateway(subnet netip.Prefix) netip.Addr { return subnet.Masked().Addr().Next() }

// free finds the lowest block of the given length that touches neither what is
// given nor the reserved addresses.
func (a allocations) free(whole netip.Prefix, bits int) (netip.Prefix, bool) {
	if bits < whole.Bits() || bits > whole.Addr().BitLen() {
		return netip.Prefix{}, false
	}
	taken := reserved(whole)
	for _, given := range a.Parts {
		taken = append(taken, given.Prefix)
	}
	slices.SortFunc(taken, func(x, y netip.Prefix) int { return x.Addr().Compare(y.Addr()) })

	block := netip.PrefixFrom(whole.Masked().Addr(), bits)
	for _, t := range taken {
		for block.Overlaps(t) {
			// On to the first block behind whichever of the two ends later.
			end := last(block)
			if e := last(t); end.Less(e) {
				end = e
			}
			above := last(netip.PrefixFrom(end, bits)).Next()
			if !above.IsValid() {
				return netip.Prefix{}, false
			}
			block = netip.PrefixFrom(above, bits)
		}
	}
	return block, whole.Contains(block.Addr())
}

// reserved are the addresses of a subnet that nobody gets.
func reserved(whole netip.Prefix) []netip.Prefix {
	out := []netip.Prefix{single(last(whole))}
	for addr, n := whole.Masked().Addr(), 0; n < reservedFirst; addr, n = addr.Next(), n+1 {
		out = append(out, single(addr))
	}
	return out
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// OwnersOf lists who has addresses of the subnet, for messages and tests.
func (p *Provider) OwnersOf(ctx context.Context, subnet armid.ID) ([]string, error) {
	given, err := p.allocations(ctx, subnet)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, a := range given.Parts {
		if !slices.ContainsFunc(out, func(o string) bool { return strings.EqualFold(o, a.Owner) }) {
			out = append(out, a.Owner)
		}
	}
	return out, nil
}

package nameserver

import (
	"context"
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// longestChain bounds how many CNAMEs are followed for one question.
const longestChain = 8

// view is who asks: a virtual network, or with none the machine.
type view struct{ network string }

// found is what a zone says to a question.
type found struct {
	answer, authority []dns.RR
	missing           bool   // the name doesn't exist
	referral          bool   // the name belongs to somebody else's zone
	next              string // a CNAME's target, to be followed
}

// ask answers a question from the zones in view; ok is false when none is in
// charge of the name.
func (s *Server) ask(ctx context.Context, v view, name string, kind uint16) (all found, ok bool) {
	for range longestChain {
		one, in := s.once(ctx, v, name, kind)
		if !in {
			return all, ok // where a CNAME leads to somebody else's name, it is all there is to say
		}
		ok = true
		all.answer = append(all.answer, one.answer...)
		all.authority, all.missing, all.referral = one.authority, one.missing, one.referral
		if one.next == "" {
			return all, true
		}
		name = one.next
	}
	return all, ok
}

// once looks in the zone in charge, without following.
func (s *Server) once(ctx context.Context, v view, name string, kind uint16) (found, bool) {
	if got, ok := s.linked(ctx, v, name, kind); ok {
		return got, true
	}
	if v.network != "" {
		if got, ok := s.platform(ctx, name, kind); ok {
			return got, true
		}
	}
	s.Book.mu.RLock()
	defer s.Book.mu.RUnlock()
	if z := s.Book.public(name); z != nil {
		return s.in(ctx, z, name, kind), true
	}
	return found{}, false
}

// linked answers from the private zones of the network, unless they leave it to
// the public ones.
func (s *Server) linked(ctx context.Context, v view, name string, kind uint16) (found, bool) {
	s.Book.mu.RLock()
	defer s.Book.mu.RUnlock()
	z, l := s.Book.private(v, name)
	if z == nil {
		return found{}, false
	}
	got := s.in(ctx, z, name, kind)
	return got, !got.missing || !l.fallsBack
}

// private is the closest private zone at or above the name that is linked to the
// network.
func (b *Book) private(v view, name string) (*zone, *link) {
	if v.network == "" {
		return nil, nil
	}
	for ; name != "."; name = parent(name) {
		for _, z := range b.named[name] {
			if l := z.links[v.network]; z.private && l != nil {
				return z, l
			}
		}
	}
	return nil, nil
}

func (b *Book) public(name string) *zone {
	for ; name != "."; name = parent(name) {
		for _, z := range b.named[name] {
			if !z.private {
				return z
			}
		}
	}
	return nil
}

// in answers from one zone. The name is at or below the zone's, in lower case.
func (s *Server) in(ctx context.Context, z *zone, name string, kind uint16) found {
	// What is delegated is somebody else's, from the highest delegation on.
	for _, cut := range above(z.name, name) {
		if ns := z.sets[cut][dns.TypeNS]; ns != nil && (cut != name || kind != dns.TypeDS) {
			return found{authority: ns.records, referral: true}
		}
	}
	sets := z.sets[name]
	if sets == nil && z.under[name] == 0 {
		sets = z.wildcard(name)
		if sets == nil {
			return found{authority: z.negative(), missing: true}
		}
	}
	if got := sets[kind]; got != nil {
		if records := s.records(ctx, z, got, name, kind); len(records) > 0 {
			return found{answer: records}
		}
		return found{authority: z.negative()}
	}
	if got := sets[dns.TypeCNAME]; got != nil {
		if records := s.records(ctx, z, got, name, dns.TypeCNAME); len(records) == 1 {
			if cname, ok := records[0].(*dns.CNAME); ok {
				return found{answer: records, next: dns.CanonicalName(cname.Target)}
			}
		}
	}
	return found{authority: z.negative()}
}

// above are the names between the zone's and the name itself, included, from the
// zone downwards.
func above(zone, name string) []string {
	var out []string
	for ; name != zone && name != "."; name = parent(name) {
		out = append(out, name)
	}
	slices.Reverse(out)
	return out
}

// wildcard are the sets that stand for a name that doesn't exist: those of the
// asterisk below its closest ancestor that does (RFC 4592), and no other's.
func (z *zone) wildcard(name string) map[uint16]*set {
	for name != z.name && name != "." {
		name = parent(name)
		if name == z.name || z.under[name] > 0 {
			return z.sets["*."+name]
		}
	}
	return nil
}

// records are those of a set under the name that was asked for.
func (s *Server) records(ctx context.Context, z *zone, of *set, name string, kind uint16) []dns.RR {
	records := of.records
	if of.alias != "" {
		records = s.aliased(ctx, z, of, kind)
	}
	out := make([]dns.RR, 0, len(records))
	for _, rr := range records {
		rr = dns.Copy(rr)
		rr.Header().Name = name
		out = append(out, rr)
	}
	return out
}

// aliased are the records that an alias stands for: a public address, or another
// set of the same zone.
func (s *Server) aliased(ctx context.Context, z *zone, of *set, kind uint16) []dns.RR {
	if p, ok := place(of.alias); ok && p.kind != "" && p.name == z.name {
		if target := z.sets[owner(p)][kind]; target != nil && target.alias == "" {
			return target.records
		}
		return nil
	}
	id, err := armid.Parse(of.alias)
	if err != nil || s.PublicAddress == nil {
		return nil
	}
	address, err := s.PublicAddress(ctx, id) // reads memory
	if err != nil {
		return nil // it is gone, and its alias with it
	}
	return addressRecords("", address, kind, of.ttl)
}

func addressRecords(name string, address netip.Addr, kind uint16, ttl uint32) []dns.RR {
	h := dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
	switch {
	case kind == dns.TypeA && address.Is4():
		return []dns.RR{&dns.A{Hdr: h, A: address.AsSlice()}}
	case kind == dns.TypeAAAA && address.Is6():
		return []dns.RR{&dns.AAAA{Hdr: h, AAAA: address.AsSlice()}}
	}
	return nil
}

// negative is the zone's SOA as negative answers carry it: it lives as long as
// they may (RFC 2308).
func (z *zone) negative() []dns.RR {
	own := z.sets[z.name][dns.TypeSOA]
	if own == nil || len(own.records) != 1 {
		return nil
	}
	soa, ok := dns.Copy(own.records[0]).(*dns.SOA)
	if !ok {
		return nil
	}
	soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl)
	return []dns.RR{soa}
}

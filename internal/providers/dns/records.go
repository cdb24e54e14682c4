package dns

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

// recordType is one type of records: where documents have them, and what each
// must look like.
type recordType struct {
	name            string
	public, private string // the member that holds the records; empty where zones have no such type
	needs           []string
	address         func(netip.Addr) bool // of the first of needs
}

func recordTypes() []recordType {
	return []recordType{
		{name: "A", public: "ARecords", private: "aRecords", needs: []string{"ipv4Address"}, address: netip.Addr.Is4},
		{name: "AAAA", public: "AAAARecords", private: "aaaaRecords", needs: []string{"ipv6Address"}, address: netip.Addr.Is6},
		{name: "CAA", public: "caaRecords", needs: []string{"flags", "tag", "value"}},
		{name: "CNAME", public: "CNAMERecord", private: "cnameRecord"},
		{name: "MX", public: "MXRecords", private: "mxRecords", needs: []string{"preference", "exchange"}},
		{name: "NS", public: "NSRecords", needs: []string{"nsdname"}},
		{name: "PTR", public: "PTRRecords", private: "ptrRecords", needs: []string{"ptrdname"}},
		{name: "SOA", public: "SOARecord", private: "soaRecord"},
		{name: "SRV", public: "SRVRecords", private: "srvRecords", needs: []string{"priority", "weight", "port", "target"}},
		{name: "TXT", public: "TXTRecords", private: "txtRecords", needs: []string{"value"}},
	}
}

func (t recordType) memberOf(f flavour) string {
	if f.private {
		return t.private
	}
	return t.public
}

func (p *Provider) recordSets(f flavour, t recordType) shape.Kind {
	ttl := "TTL"
	if f.private {
		ttl = "ttl"
	}
	k := shape.Kind{
		Type: providers.Type{
			Namespace: namespace, Name: f.zone + "/" + t.name, WireType: f.wire + "/" + t.name, APIVersions: f.versions, Levels: providers.AtGroup,
			ShowETag: true, HideSystem: true, HideState: f.private, NamePattern: recordPattern(),
			NameRule:   "The name of a record set is relative to its zone: '@' for the zone itself, '*', or labels of letters, digits, '-' and '_' joined by dots.",
			FlatErrors: true, NotFound: recordNotFound,
		},
		Rules: shape.Rules{
			Server: []string{"fqdn", "isAutoRegistered"},
			Ranges: map[string][2]int{ttl: {1, 2147483647}},
			Check:  func(d *shape.Document) error { return checkRecords(d, t.memberOf(f), ttl, t) },
		},
		Admit:  func(ctx context.Context, d *shape.Document) error { return p.admitRecords(ctx, d, t) },
		Remove: func(_ context.Context, d *shape.Document) error { return removeRecords(d, t) },
		Show: func(_ context.Context, d *shape.Document) error {
			showRecords(d, f)
			return nil
		},
	}
	k.Type.Filter = filterNames
	return k
}

// recordNotFound is what the service says of a record set that isn't there.
func recordNotFound(id armid.ID) *rest.Error {
	return rest.NewError(http.StatusNotFound, "NotFound", fmt.Sprintf(
		"The resource record '%s' does not exist in resource group '%s' of subscription '%s'.", id.Name(), id.ResourceGroup(), id.Subscription()))
}

// checkRecords checks the records, and spells the members that clients read as
// the service does.
func checkRecords(d *shape.Document, member, ttl string, t recordType) error {
	d.Properties.Spell(member)
	d.Properties.Spell(ttl)
	if d.Properties.Get(ttl) == nil {
		d.Properties.Set(ttl, 3600)
	}
	if d.Properties.Get("targetResource.id") != nil {
		return nil // an alias has no records
	}
	single := strings.HasSuffix(member, "Record")
	if d.Properties.Get(member) == nil && !single {
		d.Properties.Set(member, []any{})
	}
	for i, record := range d.Properties.Objects(member) {
		for _, name := range t.needs {
			if record.Get(name) == nil {
				return bad(fmt.Sprintf("The record set '%s' of type %s is not valid: %s[%d] has no '%s'.", d.ID.Name(), t.name, member, i, name))
			}
		}
		if t.address == nil {
			continue
		}
		address, err := netip.ParseAddr(record.Text(t.needs[0]))
		if err != nil || !t.address(address) {
			return bad(fmt.Sprintf("The value '%s' in the record set '%s' is not a valid address of a record of type %s.", record.Text(t.needs[0]), d.ID.Name(), t.name))
		}
	}
	return nil
}

// admitRecords holds the rules between record sets of one name: a CNAME stands
// alone, and never at the apex.
func (p *Provider) admitRecords(ctx context.Context, d *shape.Document, t recordType) error {
	apex := d.ID.Name() == "@"
	if apex && t.name == "CNAME" {
		return bad("A CNAME record set cannot be created at the zone apex '@'.")
	}
	if t.name == "SOA" && !apex {
		return bad("A record set of type SOA can only be at the zone apex '@'.")
	}
	if !d.Creating() {
		return nil
	}
	for _, other := range recordTypes() {
		if other.name == t.name || other.name != "CNAME" && t.name != "CNAME" {
			continue
		}
		_, err := p.cfg.Resources.Get(ctx, d.ID.Parent().Child(other.name, d.ID.Name()))
		if err == nil {
			return bad(fmt.Sprintf("The record set '%s' of type %s cannot be created: a record set of type %s with the same name exists in this zone, and a CNAME record set must be alone.",
				d.ID.Name(), t.name, other.name))
		}
		if !rest.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// removeRecords keeps what no zone can be without.
func removeRecords(d *shape.Document, t recordType) error {
	if t.name == "SOA" || t.name == "NS" && d.ID.Name() == "@" {
		return bad(fmt.Sprintf("The record set of type %s at the zone apex cannot be deleted.", t.name))
	}
	return nil
}

func showRecords(d *shape.Document, f flavour) {
	name := d.ID.Parent().Name() + "."
	if d.ID.Name() != "@" {
		name = d.ID.Name() + "." + name
	}
	d.Properties.Set("fqdn", name)
	if f.private {
		d.Properties.Set("isAutoRegistered", false)
		return
	}
	if d.Properties.Get("targetResource") == nil {
		d.Properties.Set("targetResource", map[string]any{})
	}
}

// filterNames reads $recordsetnamesuffix.
func filterNames(r *providers.Request) (func(*resource.Resource) bool, error) {
	suffix := strings.ToLower(r.Query.Get("$recordsetnamesuffix"))
	return func(set *resource.Resource) bool { return strings.HasSuffix(strings.ToLower(set.ID.Name()), suffix) }, nil
}

// everything lists the record sets of all types.
func (p *Provider) everything(f flavour, name string) *providers.Type {
	isRecord := func(id armid.ID) (string, bool) {
		for _, t := range recordTypes() {
			if t.memberOf(f) != "" && id.Is(namespace+"/"+f.zone+"/"+t.name) {
				return t.name, true
			}
		}
		return "", false
	}
	return &providers.Type{
		Namespace: namespace, Name: f.zone + "/" + name, APIVersions: f.versions, Levels: providers.AtGroup, Verbs: providers.CanList, Filter: filterNames,
		List: func(ctx context.Context, r *providers.Request) ([]*resource.Resource, error) {
			all, err := p.cfg.Resources.List(ctx, r.Scope, "")
			var out []*resource.Resource
			for _, set := range all {
				if _, ok := isRecord(set.ID); ok {
					out = append(out, set)
				}
			}
			return out, err
		},
		Document: func(ctx context.Context, r *resource.Resource, _ string) (json.RawMessage, error) {
			record, _ := isRecord(r.ID)
			err := shape.Show(ctx, shape.Deps{}, r, func(_ context.Context, d *shape.Document) error {
				showRecords(d, f)
				return nil
			})
			if err != nil {
				return nil, err
			}
			return r.Wire(resource.WireOptions{Type: f.wire + "/" + record, ETag: true, NoSystem: true, HideState: f.private})
		},
	}
}

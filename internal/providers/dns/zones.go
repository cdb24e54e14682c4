package dns

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/store"
)

func (p *Provider) zones(f flavour) shape.Kind {
	k := shape.Kind{
		Type: providers.Type{
			Namespace: namespace, Name: f.zone, WireType: f.wire, APIVersions: f.versions, Levels: providers.AtGroup, Tracked: true,
			ShowETag: true, HideSystem: true, HideState: !f.private, ListBySubscription: true,
			NamePattern: zonePattern(), NameRule: "The name must be a domain name of 1 to 34 labels, without a dot at the end.",
		},
		Rules: shape.Rules{
			Defaults: `{"zoneType":"Public"}`,
			Server:   []string{"nameServers", "numberOfRecordSets", "maxNumberOfRecordSets", "maxNumberOfRecordsPerRecordSet"},
			Fixed:    []string{"zoneType"},
			Check:    checkGlobal,
		},
		Admit: func(_ context.Context, d *shape.Document) error { return p.makeZone(d, f) },
		Show:  func(ctx context.Context, d *shape.Document) error { return p.showZone(ctx, d, f) },
	}
	if f.private {
		k.Defaults = ""
		k.Server = []string{
			"internalId", "numberOfRecordSets", "maxNumberOfRecordSets", "maxNumberOfVirtualNetworkLinks", "maxNumberOfVirtualNetworkLinksWithRegistration",
			"numberOfVirtualNetworkLinks", "numberOfVirtualNetworkLinksWithRegistration",
		}
		k.Nested = []string{linkType}
	}
	return k
}

// checkGlobal refuses a region: zones are everywhere.
func checkGlobal(d *shape.Document) error {
	if d.Location != "global" {
		return rest.LocationNotAvailable(d.Location, d.ID.Type(), []string{"global"})
	}
	return nil
}

// makeZone gives a new zone its first record sets, in the zone's transaction.
func (p *Provider) makeZone(d *shape.Document, f flavour) error {
	if !d.Creating() {
		return nil
	}
	for name, properties := range map[string]string{"SOA": f.soa, "NS": f.ns} {
		if properties == "" {
			continue
		}
		set := &resource.Resource{ID: d.ID.Child(name, "@"), Properties: json.RawMessage(properties), ProvisioningState: resource.Succeeded}
		raw, err := set.Store()
		if err != nil {
			return err
		}
		d.Request.Conds = append(d.Request.Conds, store.Absent(resource.StoreKey(set.ID)))
		d.Request.Ops = append(d.Request.Ops, store.Put(resource.StoreKey(set.ID), raw))
	}
	return nil
}

func (p *Provider) showZone(ctx context.Context, d *shape.Document, f flavour) error {
	sets, links, registering, err := p.count(ctx, d.ID)
	if err != nil {
		return err
	}
	d.Properties.Set("numberOfRecordSets", sets)
	if !f.private {
		d.Properties.Set("maxNumberOfRecordSets", 10000)
		d.Properties.Set("nameServers", []any{"ns1-01.azure-dns.com.", "ns2-01.azure-dns.net.", "ns3-01.azure-dns.org.", "ns4-01.azure-dns.info."})
		return nil
	}
	for name, n := range map[string]int{
		"maxNumberOfRecordSets": 25000, "maxNumberOfVirtualNetworkLinks": 1000, "maxNumberOfVirtualNetworkLinksWithRegistration": 100,
		"numberOfVirtualNetworkLinks": links, "numberOfVirtualNetworkLinksWithRegistration": registering,
	} {
		d.Properties.Set(name, n)
	}
	return nil
}

// count counts what a zone has.
func (p *Provider) count(ctx context.Context, zone armid.ID) (sets, links, registering int, err error) {
	all, err := p.cfg.Resources.List(ctx, zone, "")
	for _, r := range all {
		switch {
		case !r.ID.Parent().Equal(zone) || r.ID.IsExtension():
		case !r.ID.Is(linkType):
			sets++
		default:
			links++
			link, err := resource.Read[struct {
				Registers bool `json:"registrationEnabled"`
			}](r)
			if err == nil && link.Registers {
				registering++
			}
		}
	}
	return sets, links, registering, err
}

// links connect networks to private zones.
func (p *Provider) links() shape.Kind {
	return shape.Kind{
		Type: providers.Type{
			Namespace: namespace, Name: "privateDnsZones/virtualNetworkLinks", APIVersions: private().versions, Levels: providers.AtGroup, Tracked: true,
			ShowETag: true, HideSystem: true,
			NamePattern: zonePattern(), NameRule: "The name can be up to 80 characters long, of letters, digits, '.', '-' and '_'.",
		},
		Rules: shape.Rules{
			Defaults:   `{"registrationEnabled":false,"virtualNetworkLinkState":"Completed","resolutionPolicy":"Default"}`,
			Required:   []string{"virtualNetwork"},
			Fixed:      []string{"virtualNetwork.id"},
			References: []shape.Reference{{Path: "virtualNetwork", To: vnetType, Action: vnetType + "/join/action", Weak: true}},
			Check:      checkGlobal,
		},
		Admit: p.admitLink,
	}
}

// admitLink refuses a second link of a network to the same zone.
func (p *Provider) admitLink(ctx context.Context, d *shape.Document) error {
	others, err := p.cfg.Resources.List(ctx, d.ID.Parent(), linkType)
	if err != nil {
		return err
	}
	for _, other := range others {
		properties, err := resource.Read[struct {
			Network struct {
				ID string `json:"id"`
			} `json:"virtualNetwork"`
		}](other)
		if err != nil {
			return err
		}
		if !other.ID.Equal(d.ID) && strings.EqualFold(properties.Network.ID, d.Properties.Text("virtualNetwork.id")) {
			return rest.NewError(409, "Conflict", "A virtual network cannot be linked to a zone twice: "+properties.Network.ID+" is linked by "+other.ID.String()+".")
		}
	}
	return nil
}

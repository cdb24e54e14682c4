package containerservice

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

const (
	zoneLinkType = privateZoneType + "/virtualNetworkLinks"
	// privateTTL is how long resolvers keep the address of an API server.
	privateTTL = 300
)

// broughtZone is the private DNS zone of the user's own that a private cluster's name is to be in.
func broughtZone(zone string) (armid.ID, bool) {
	id, err := armid.Parse(zone)
	return id, err == nil && id.Is(privateZoneType)
}

// privateZone is the zone of the API server's private name: the user's, or one of the cluster's own in its node resource
// group. A cluster that isn't private, or that is told to have none, has none.
func (w *work) privateZone() (zone armid.ID, brought, ok bool) {
	access := w.is.APIServerAccessProfile
	if !access.EnablePrivateCluster || strings.EqualFold(access.PrivateDNSZone, "none") {
		return armid.ID{}, false, false
	}
	if id, ok := broughtZone(access.PrivateDNSZone); ok {
		return id, true, true
	}
	_, name, _ := strings.Cut(w.is.PrivateFQDN, ".")
	return w.nodeGroup().Extension("Microsoft.Network", "privateDnsZones", name), false, true
}

// privateName is the API server's name in the zone, and that of the zone's link to the network.
func (w *work) privateName() string {
	name, _, _ := strings.Cut(w.is.PrivateFQDN, ".")
	return name
}

// ensurePrivateDNS lets everybody in the cluster's virtual network find its API server by its private name.
func (p *Provider) ensurePrivateDNS(ctx context.Context, w *work) error {
	zone, brought, ok := w.privateZone()
	if !ok {
		return nil
	}
	if !brought {
		if _, err := p.Zones.Ensure(ctx, w.service(), &resource.Resource{ID: zone, Location: "global", Tags: w.cluster.Tags, Properties: json.RawMessage(`{}`)}); err != nil {
			return fmt.Errorf("making the private DNS zone: %w", err)
		}
	}
	records := []map[string]string{{"ipv4Address": w.state.Address}}
	properties, err := json.Marshal(object{"ttl": privateTTL, "aRecords": records})
	if err != nil {
		return fmt.Errorf("writing the API server's record: %w", err)
	}
	made, err := p.Zones.Ensure(ctx, w.service(), &resource.Resource{ID: zone.Child("A", w.privateName()), Properties: properties})
	if err != nil {
		return fmt.Errorf("making the API server's record: %w", err)
	}
	if _, err := w.run.Resources.Update(ctx, made.ID, func(r *resource.Resource) error { return r.Merge(object{"aRecords": records}) }); err != nil {
		return fmt.Errorf("updating the API server's record: %w", err)
	}
	return p.linkZone(ctx, w, zone)
}

// linkZone makes the zone visible in the cluster's network, unless somebody has done so.
func (p *Provider) linkZone(ctx context.Context, w *work, zone armid.ID) error {
	links, err := w.run.Resources.List(ctx, zone, zoneLinkType)
	if err != nil {
		return fmt.Errorf("reading the links of the private DNS zone: %w", err)
	}
	for _, link := range links {
		is, err := resource.Read[struct {
			Network struct {
				ID string `json:"id"`
			} `json:"virtualNetwork"`
		}](link)
		if err != nil {
			return err
		}
		if strings.EqualFold(is.Network.ID, w.vnet().String()) {
			return nil
		}
	}
	properties, err := json.Marshal(object{"virtualNetwork": object{"id": w.vnet().String()}, "registrationEnabled": false})
	if err != nil {
		return fmt.Errorf("writing the link of the private DNS zone: %w", err)
	}
	link := &resource.Resource{ID: zone.Child("virtualNetworkLinks", w.privateName()), Location: "global", Properties: properties}
	if _, err := p.Zones.Ensure(ctx, w.service(), link); err != nil {
		return fmt.Errorf("linking the private DNS zone to the network: %w", err)
	}
	return nil
}

// removePrivateDNS takes what the cluster put into a zone of the user's out of it again. A zone of its own goes with the
// node resource group.
func (p *Provider) removePrivateDNS(ctx context.Context, w *work) error {
	zone, brought, ok := w.privateZone()
	if !ok || !brought {
		return nil
	}
	for _, id := range []armid.ID{zone.Child("A", w.privateName()), zone.Child("virtualNetworkLinks", w.privateName())} {
		if _, err := w.run.Resources.Get(ctx, id); rest.IsNotFound(err) {
			continue
		}
		if err := p.deleteResource(ctx, w, id); err != nil {
			return err
		}
	}
	return nil
}

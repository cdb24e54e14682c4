package network

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/store"
)

const (
	connections    = "privateEndpointConnections"
	connectionType = privateLinkType + "/" + connections
	approveAction  = privateLinkType + "/privateEndpointConnectionsApproval/action"

	automatic, manual = "privateLinkServiceConnections", "manualPrivateLinkServiceConnections"

	approved, pending, rejected, disconnected = "Approved", "Pending", "Rejected", "Disconnected"
)

// connection is what a private link service knows of a private endpoint.
type connection struct {
	Endpoint struct {
		ID string `json:"id"`
	} `json:"privateEndpoint"`
	State  connectionState `json:"privateLinkServiceConnectionState"`
	LinkID string          `json:"linkIdentifier"`
}

type connectionState struct {
	Status          string `json:"status"`
	Description     string `json:"description"`
	ActionsRequired string `json:"actionsRequired"`
}

// privateEndpoints are documents with an address in a subnet: nothing listens there.
// What they connect to need not exist, but for private link services, which keep the
// connections' state.
func (p *Provider) privateEndpoints() shape.Kind {
	accepted := shape.Rules{
		Required:   []string{"privateLinkServiceId"},
		Defaults:   `{"groupIds":[],"privateLinkServiceConnectionState":{"status":"Approved","description":"Auto-Approved","actionsRequired":"None"}}`,
		References: []shape.Reference{{Path: "privateLinkServiceId", Loose: true}},
	}
	endpoint := document("privateEndpoints")
	endpoint.References = []string{privateLinkType} // a group deletes endpoints first
	return shape.Kind{
		Type: endpoint,
		Rules: shape.Rules{
			Defaults:   `{"customDnsConfigs":[],"ipConfigurations":[],"customNetworkInterfaceName":""}`,
			Required:   []string{"subnet"},
			Server:     []string{"resourceGuid", "networkInterfaces"},
			Fixed:      []string{"subnet.id"},
			References: []shape.Reference{{Path: "subnet", To: subnetType, Action: joinSubnet}},
			Check: func(d *shape.Document) error {
				for _, l := range links(d.Properties) {
					if l.member == automatic {
						d.Request.Link(approveAction, l.service)
					}
				}
				return nil
			},
		},
		Parts: []shape.Part{
			{Member: automatic, Unlisted: true, Rules: accepted},
			{Member: manual, Unlisted: true, Rules: accepted},
		},
		Admit:  p.admitEndpoint,
		Remove: p.removeEndpoint,
		Show:   p.showEndpoint,
	}
}

// serviceLink is an endpoint's connection to a private link service.
type serviceLink struct {
	service armid.ID
	member  string // the list that it is in
	part    shape.Object
}

// linkName is what a connection's document keeps of the endpoint's name for it.
type linkName struct {
	Link string `json:"link"`
}

// links are the connections to private link services among an endpoint's.
func links(properties shape.Object) []serviceLink {
	var out []serviceLink
	for _, member := range []string{automatic, manual} {
		for _, part := range properties.Objects(member) {
			if service, err := armid.Parse(part.Text("properties.privateLinkServiceId")); err == nil && service.Is(privateLinkType) {
				out = append(out, serviceLink{service, member, part})
			}
		}
	}
	return out
}

// connected reads the connection's document at the service, or nil.
func (p *Provider) connected(ctx context.Context, endpoint armid.ID, l serviceLink) (*resource.Resource, error) {
	all, err := p.cfg.Resources.List(ctx, l.service, connectionType)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		is, err := resource.Read[connection](one)
		if err != nil {
			return nil, err
		}
		kept, err := resource.ReadInternal[linkName](one)
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(is.Endpoint.ID, endpoint.String()) && strings.EqualFold(kept.Link, l.part.Text("name")) {
			return one, nil
		}
	}
	return nil, nil
}

// admitEndpoint makes connections that are new at their services, and takes away those
// that are gone.
func (p *Provider) admitEndpoint(ctx context.Context, d *shape.Document) error {
	giveGUID(d)
	if d.Properties.Get("networkInterfaces") == nil {
		d.Properties.Set("networkInterfaces", []any{})
	}
	had := links(d.Old)
	for _, l := range links(d.Properties) {
		if i := slices.IndexFunc(had, l.same); i >= 0 {
			had = slices.Delete(had, i, i+1)
			continue
		}
		if err := p.connect(ctx, d, l); err != nil {
			return err
		}
	}
	return p.disconnect(ctx, d, had)
}

func (l serviceLink) same(other serviceLink) bool {
	return l.service.Equal(other.service) && strings.EqualFold(l.part.Text("name"), other.part.Text("name"))
}

// connect makes a connection at its service, approved where the writer may approve, or
// the service does so by itself.
func (p *Provider) connect(ctx context.Context, d *shape.Document, l serviceLink) error {
	service, err := p.cfg.Resources.Get(ctx, l.service)
	if rest.IsNotFound(err) {
		return rest.NewError(http.StatusBadRequest, "InvalidResourceReference", fmt.Sprintf(
			"Resource %s referenced by resource %s was not found. Please make sure that the referenced resource exists, and that both resources are in the same region.", l.service, d.ID))
	}
	if err != nil {
		return err
	}
	is, err := resource.Read[struct {
		Auto struct {
			Subscriptions []string `json:"subscriptions"`
		} `json:"autoApproval"`
	}](service)
	if err != nil {
		return err
	}
	var c connection
	c.Endpoint.ID, c.LinkID = d.ID.String(), uuid.NewString()
	c.State = connectionState{Status: approved, Description: "Approved", ActionsRequired: "None"}
	byItself := slices.ContainsFunc(is.Auto.Subscriptions, func(s string) bool { return s == "*" || strings.EqualFold(s, d.ID.Subscription()) })
	if l.member == manual && !byItself {
		c.State = connectionState{Status: pending, Description: l.part.Text("properties.requestMessage"), ActionsRequired: "None"}
	}
	made := &resource.Resource{ID: l.service.Child(connections, d.ID.Name()+"."+c.LinkID), ProvisioningState: resource.Succeeded}
	if err := made.Merge(c); err != nil {
		return err
	}
	if err := made.SetInternal(linkName{l.part.Text("name")}); err != nil {
		return err
	}
	raw, err := made.Store()
	if err != nil {
		return err
	}
	r := d.Request
	r.Conds = append(r.Conds, store.Unchanged(resource.StoreKey(service.ID), service.Revision))
	r.Ops = append(r.Ops, store.Put(resource.StoreKey(made.ID), raw))
	return nil
}

// disconnect removes connections from their services.
func (p *Provider) disconnect(ctx context.Context, d *shape.Document, gone []serviceLink) error {
	for _, l := range gone {
		is, err := p.connected(ctx, d.ID, l)
		if err != nil {
			return err
		}
		if is != nil {
			d.Request.Ops = append(d.Request.Ops, store.Delete(resource.StoreKey(is.ID)))
		}
	}
	return nil
}

func (p *Provider) removeEndpoint(ctx context.Context, d *shape.Document) error {
	return p.disconnect(ctx, d, links(d.Old))
}

// showEndpoint shows what the services say of the connections.
func (p *Provider) showEndpoint(ctx context.Context, d *shape.Document) error {
	for _, l := range links(d.Properties) {
		at, err := p.connected(ctx, d.ID, l)
		if err != nil {
			return err
		}
		is := connection{State: connectionState{Status: disconnected, Description: "The service removed the connection: delete the private endpoint", ActionsRequired: "None"}}
		if at != nil {
			if is, err = resource.Read[connection](at); err != nil {
				return err
			}
		}
		l.part.Set("properties.privateLinkServiceConnectionState", map[string]any{
			"status": is.State.Status, "description": is.State.Description, "actionsRequired": is.State.ActionsRequired,
		})
	}
	return nil
}

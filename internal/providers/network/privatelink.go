package network

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

const (
	privateLinkType = namespace + "/privateLinkServices"
	frontendType    = loadBalancerType + "/frontendIPConfigurations"
)

// privateLinkServices offer a load balancer's frontend to private endpoints of others.
// They are documents with addresses in a subnet: no traffic goes through them.
func (p *Provider) privateLinkServices() shape.Kind {
	return shape.Kind{
		Type: document("privateLinkServices"),
		Rules: shape.Rules{
			Defaults:   `{"fqdns":[],"visibility":{"subscriptions":[]},"autoApproval":{"subscriptions":[]},"enableProxyProtocol":false}`,
			Required:   []string{"loadBalancerFrontendIpConfigurations", addressConfigurations},
			Server:     []string{"alias", "resourceGuid", "networkInterfaces", connections},
			References: []shape.Reference{{Path: "loadBalancerFrontendIpConfigurations[]", To: frontendType, Action: frontendType + "/join/action"}},
			Check:      checkPrivateLink,
		},
		Parts: []shape.Part{{Member: addressConfigurations, Unlisted: true, Rules: shape.Rules{
			Defaults:   `{"privateIPAllocationMethod":"Dynamic","privateIPAddressVersion":"IPv4"}`,
			Required:   []string{"subnet"},
			Choices:    map[string][]string{"privateIPAllocationMethod": {"Dynamic", "Static"}, "privateIPAddressVersion": {"IPv4"}},
			References: []shape.Reference{{Path: "subnet", To: subnetType, Action: joinSubnet}},
		}}},
		Nested: []string{connectionType},
		Admit:  p.admitPrivateLink,
		Remove: func(ctx context.Context, d *shape.Document) error {
			return p.placeAddresses(ctx, d, addressConfigurations)
		},
		Show: p.showPrivateLink,
	}
}

// checkPrivateLink makes the first configuration the primary one, unless the client
// named another.
func checkPrivateLink(d *shape.Document) error {
	if len(d.Properties.List("loadBalancerFrontendIpConfigurations")) == 0 {
		return rest.NewError(http.StatusBadRequest, "PrivateLinkServiceMustHaveLoadBalancerFrontend", fmt.Sprintf(
			"Private link service %s must refer to a load balancer's frontend in properties.loadBalancerFrontendIpConfigurations.", d.ID))
	}
	return checkInterface(d)
}

func (p *Provider) admitPrivateLink(ctx context.Context, d *shape.Document) error {
	giveGUID(d)
	if d.Properties.Text("alias") == "" {
		d.Properties.Set("alias", fmt.Sprintf("%s.%s.%s.azure.privatelinkservice", strings.ToLower(d.ID.Name()), uuid.NewString(), d.Location))
		d.Properties.Set("networkInterfaces", []any{})
	}
	for _, c := range d.Properties.Objects(addressConfigurations) {
		id, err := armid.Parse(c.Text("properties.subnet.id"))
		if err != nil {
			return err
		}
		subnet, err := p.cfg.Resources.Get(ctx, id)
		if err != nil {
			return err
		}
		is, err := resource.Read[struct {
			Policies string `json:"privateLinkServiceNetworkPolicies"`
		}](subnet)
		if err != nil {
			return err
		}
		if !strings.EqualFold(is.Policies, "Disabled") {
			return rest.NewError(http.StatusBadRequest, "PrivateLinkServiceCannotBeCreatedInSubnetThatHasNetworkPoliciesEnabled", fmt.Sprintf(
				"Private link service %s cannot be created in a subnet %s since it has private link service network policies enabled. Set its privateLinkServiceNetworkPolicies to 'Disabled'.", d.ID, id))
		}
	}
	return p.placeAddresses(ctx, d, addressConfigurations)
}

// showPrivateLink shows who is connected.
func (p *Provider) showPrivateLink(ctx context.Context, d *shape.Document) error {
	all, err := p.cfg.Resources.List(ctx, d.ID, connectionType)
	if err != nil {
		return err
	}
	shown := []any{}
	for _, one := range all {
		raw, err := one.Wire(resource.WireOptions{Type: connectionType, ETag: true, NoSystem: true})
		if err != nil {
			return err
		}
		shown = append(shown, raw)
	}
	d.Properties.Set(connections, shown)
	return nil
}

// privateLinkConnections are what private endpoints make at a private link service,
// whose owner approves, rejects or removes them.
func (p *Provider) privateLinkConnections() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "privateLinkServices/" + connections, APIVersions: apiVersions(), Levels: providers.AtGroup,
		Verbs: providers.CanGet | providers.CanList | providers.CanPut | providers.CanDelete, ShowETag: true, HideSystem: true, NotFound: partNotFound,
		Prepare: prepareConnection,
	}
}

// prepareConnection lets the service's owner decide about a connection that is there.
func prepareConnection(_ context.Context, r *providers.Request) error {
	if r.Old == nil {
		return rest.NewError(http.StatusNotFound, "NotFound", fmt.Sprintf("Resource %s not found: connections are made by private endpoints.", r.ID))
	}
	sent, err := resource.Read[connection](r.Next)
	if err != nil {
		return rest.InvalidRequestContent(err.Error())
	}
	is, err := resource.Read[connection](r.Old)
	if err != nil {
		return err
	}
	switch strings.ToLower(sent.State.Status) {
	case "approved":
		sent.State.Status = approved
	case "rejected":
		sent.State.Status = rejected
	default:
		return rest.NewError(http.StatusBadRequest, "InvalidParameterValue", fmt.Sprintf(
			"The value '%s' of 'properties.privateLinkServiceConnectionState.status' in resource %s is not valid. Allowed values are: Approved, Rejected.", sent.State.Status, r.ID))
	}
	is.State = sent.State
	r.Next = r.Old.Clone()
	return r.Next.Merge(is)
}

package network

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

// Full types that others refer to.
const (
	vnetType            = namespace + "/virtualNetworks"
	publicIPType        = namespace + "/publicIPAddresses"
	publicIPPrefixType  = namespace + "/publicIPPrefixes"
	loadBalancerType    = namespace + "/loadBalancers"
	securityGroupType   = namespace + "/networkSecurityGroups"
	applicationType     = namespace + "/applicationSecurityGroups"
	routeTableType      = namespace + "/routeTables"
	interfaceType       = namespace + "/networkInterfaces"
	natGatewayType      = namespace + "/natGateways"
	privateEndpointType = namespace + "/privateEndpoints"
	peeringType         = vnetType + "/virtualNetworkPeerings"
)

// Actions that the writer of a reference needs.
const (
	joinSubnet   = subnetType + "/join/action"
	joinPublicIP = publicIPType + "/join/action"
	joinGroup    = securityGroupType + "/join/action"
)

// kinds are the types that consist of their documents.
func (p *Provider) kinds() []shape.Kind {
	return []shape.Kind{
		p.publicIPAddresses(), p.publicIPPrefixes(), p.loadBalancers(), p.securityGroups(), p.applicationGroups(),
		p.routeTables(), p.interfaces(), p.natGateways(), p.privateLinkServices(), p.privateEndpoints(), p.peerings(),
	}
}

// document has the facts that all documents of Microsoft.Network share.
func document(name string) providers.Type {
	return providers.Type{
		Namespace: namespace, Name: name, APIVersions: apiVersions(), Levels: providers.AtGroup, Tracked: !strings.Contains(name, "/"),
		ShowETag: true, HideSystem: true, NamePattern: namePattern(), NameRule: nameRule, ListBySubscription: !strings.Contains(name, "/"),
	}
}

// giveGUID sets the GUID that documents of the namespace have.
func giveGUID(d *shape.Document) {
	if d.Properties.Text("resourceGuid") == "" {
		d.Properties.Set("resourceGuid", uuid.NewString())
	}
}

// inUse makes the error for the deletion of what others refer to.
func inUse(code, what string) func(armid.ID, []armid.ID) *rest.Error {
	return func(target armid.ID, by []armid.ID) *rest.Error {
		names := make([]string, len(by))
		for i, id := range by {
			names[i] = id.String()
		}
		return rest.NewError(http.StatusBadRequest, code, fmt.Sprintf(what, target, strings.Join(names, ", ")))
	}
}

package containerservice

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// ensureIdentitySource lets the control plane sign in as its managed identity. One with a service principal has a secret
// in its configuration.
func (p *Provider) ensureIdentitySource(ctx context.Context, key string, cluster armid.ID) error {
	return p.Platform.Identify(ctx, key, cluster, func(ctx context.Context) (Principal, error) {
		now, err := p.Resources.Get(ctx, cluster)
		if rest.IsNotFound(err) {
			return Principal{}, nil
		}
		if err != nil {
			return Principal{}, fmt.Errorf("reading the cluster: %w", err)
		}
		return p.managedPrincipal(now), nil
	})
}

// managedPrincipal is the cluster's managed identity; none with a service principal.
func (p *Provider) managedPrincipal(cluster *resource.Resource) Principal {
	switch {
	case cluster.Identity.HasSystemAssigned():
		return Principal{ObjectID: cluster.Identity.PrincipalID, TenantID: p.tenant(cluster.ID)}
	case none(cluster.Identity):
		return Principal{}
	}
	for id, is := range cluster.Identity.UserAssigned {
		return Principal{ResourceID: id, ObjectID: is.PrincipalID, TenantID: p.tenant(cluster.ID)}
	}
	return Principal{}
}

// controlPlaneConfig is azure.json of the control plane: where the nodes are, and whom it signs in as. With another
// principal it is another file, so that whoever reads it notices.
func (p *Provider) controlPlaneConfig(ctx context.Context, w *work) (secret.String, error) {
	principal, err := p.controlPlanePrincipal(ctx, w.cluster)
	if err != nil {
		return secret.String{}, err
	}
	managed := !none(w.cluster.Identity)
	client, password := managedIdentityClient, managedIdentityClient
	if !managed {
		s, err := p.openSecret(w.state)
		if err != nil {
			return secret.String{}, err
		}
		client, password = w.state.ClientID, s.Reveal()
	}
	first := pool{}
	if len(w.is.AgentPools) > 0 {
		first = w.is.AgentPools[0]
	}
	subnet := w.subnet(first)
	raw, err := json.MarshalIndent(map[string]any{
		"cloud":                       "AzurePublicCloud",
		"tenantId":                    p.tenant(w.cluster.ID),
		"subscriptionId":              w.cluster.ID.Subscription(),
		"resourceGroup":               w.is.NodeResourceGroup,
		"location":                    w.cluster.Location,
		"vmType":                      "vmss",
		"aadClientId":                 client,
		"aadClientSecret":             password,
		"useManagedIdentityExtension": managed,
		"principalId":                 principal,
		"vnetName":                    subnet.Parent().Name(),
		"vnetResourceGroup":           subnet.ResourceGroup(),
		"subnetName":                  subnet.Name(),
		"securityGroupName":           w.securityGroup().Name(),
		"routeTableName":              w.routeTable().Name(),
		"loadBalancerSku":             "Standard",
		"resourceManagerEndpoint":     platformURL,
		"activeDirectoryEndpoint":     platformURL,
	}, "", "    ")
	if err != nil {
		return secret.String{}, fmt.Errorf("writing the control plane's azure.json: %w", err)
	}
	return secret.New(string(raw)), nil
}

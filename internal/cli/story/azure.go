package story

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v6"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources"
	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/cli/local"
)

// pollEvery is how often a long-running operation is asked for its state when
// the service doesn't say.
const pollEvery = time.Second

// azure holds the official clients, signed in as the administrator.
type azure struct {
	subscription string
	groups       *armresources.ResourceGroupsClient
	networks     *armnetwork.VirtualNetworksClient
	clusters     *armcontainerservice.ManagedClustersClient
	identities   *armmsi.UserAssignedIdentitiesClient
	roles        *armauthorization.RoleDefinitionsClient
	assignments  *armauthorization.RoleAssignmentsClient
	scaleSets    *armcompute.VirtualMachineScaleSetsClient
	resources    *armresources.Client
	credential   azcore.TokenCredential
}

func newAzure(c *local.Cloud, admin local.Administrator) (*azure, error) {
	credential, options, err := c.SDK(admin.TenantID, admin.ClientID, admin.ClientSecret)
	if err != nil {
		return nil, err
	}
	return newClients(admin.SubscriptionID, credential, options)
}

func newClients(subscription string, credential azcore.TokenCredential, o *arm.ClientOptions) (*azure, error) {
	a := &azure{subscription: subscription, credential: credential}
	errs := make([]error, 8)
	a.groups, errs[0] = armresources.NewResourceGroupsClient(subscription, credential, o)
	a.networks, errs[1] = armnetwork.NewVirtualNetworksClient(subscription, credential, o)
	a.clusters, errs[2] = armcontainerservice.NewManagedClustersClient(subscription, credential, o)
	a.identities, errs[3] = armmsi.NewUserAssignedIdentitiesClient(subscription, credential, o)
	a.roles, errs[4] = armauthorization.NewRoleDefinitionsClient(credential, o)
	a.assignments, errs[5] = armauthorization.NewRoleAssignmentsClient(subscription, credential, o)
	a.scaleSets, errs[6] = armcompute.NewVirtualMachineScaleSetsClient(subscription, credential, o)
	a.resources, errs[7] = armresources.NewClient(subscription, credential, o)
	return a, errors.Join(errs...)
}

func (a *azure) createGroup(ctx context.Context, name string) error {
	_, err := a.groups.CreateOrUpdate(ctx, name, armresources.ResourceGroup{Location: to.Ptr(location)}, nil)
	return err
}

// createNetwork returns the subnet's ID.
func (a *azure) createNetwork(ctx context.Context) (string, error) {
	poller, err := a.networks.BeginCreateOrUpdate(ctx, resourceGroup, vnetName, armnetwork.VirtualNetwork{
		Location: to.Ptr(location),
		Properties: &armnetwork.VirtualNetworkPropertiesFormat{
			AddressSpace: &armnetwork.AddressSpace{AddressPrefixes: []*string{to.Ptr("10.224.0.0/12")}},
			Subnets: []*armnetwork.Subnet{{Name: to.Ptr(subnetName), Properties: &armnetwork.SubnetPropertiesFormat{
				AddressPrefix: to.Ptr("10.224.0.0/16"),
			}}},
		},
	}, nil)
	if err != nil {
		return "", err
	}
	network, err := poller.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: pollEvery})
	if err != nil {
		return "", err
	}
	if len(network.Properties.Subnets) != 1 {
		return "", fmt.Errorf("the virtual network came back with %d subnets, not 1", len(network.Properties.Subnets))
	}
	return *network.Properties.Subnets[0].ID, nil
}

func (a *azure) beginCluster(ctx context.Context, subnetID string) (*runtime.Poller[armcontainerservice.ManagedClustersClientCreateOrUpdateResponse], error) {
	return a.clusters.BeginCreateOrUpdate(ctx, resourceGroup, cluster, armcontainerservice.ManagedCluster{
		Location: to.Ptr(location),
		Identity: &armcontainerservice.ManagedClusterIdentity{Type: to.Ptr(armcontainerservice.ResourceIdentityTypeSystemAssigned)},
		Properties: &armcontainerservice.ManagedClusterProperties{
			DNSPrefix: to.Ptr("myakscluster"),
			AgentPoolProfiles: []*armcontainerservice.ManagedClusterAgentPoolProfile{{
				Name: to.Ptr("nodepool1"), Count: to.Ptr[int32](1), VMSize: to.Ptr("Standard_DS2_v2"),
				Mode: to.Ptr(armcontainerservice.AgentPoolModeSystem), VnetSubnetID: to.Ptr(subnetID),
			}},
			NetworkProfile: &armcontainerservice.NetworkProfile{NetworkPlugin: to.Ptr(armcontainerservice.NetworkPluginAzure)},
		},
	}, nil)
}

// userAssigned is what the seeds read of an identity with az identity show.
type userAssigned struct{ id, clientID, principalID string }

func (a *azure) createIdentity(ctx context.Context, group, name string) (userAssigned, error) {
	identity, err := a.identities.CreateOrUpdate(ctx, group, name, armmsi.Identity{Location: to.Ptr(location)}, nil)
	if err != nil {
		return userAssigned{}, err
	}
	return userAssigned{id: *identity.ID, clientID: *identity.Properties.ClientID, principalID: *identity.Properties.PrincipalID}, nil
}

// assign grants a role by its name, as az role assignment create does, and
// returns the ID of the assignment.
func (a *azure) assign(ctx context.Context, role, principalID, scope string) (string, error) {
	var definitions []*armauthorization.RoleDefinition
	for pager := a.roles.NewListPager(scope, &armauthorization.RoleDefinitionsClientListOptions{Filter: to.Ptr(fmt.Sprintf("roleName eq '%s'", role))}); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return "", err
		}
		definitions = append(definitions, page.Value...)
	}
	if len(definitions) != 1 {
		return "", fmt.Errorf("%d roles are named %q, not one", len(definitions), role)
	}
	created, err := a.assignments.Create(ctx, strings.TrimPrefix(scope, "/"), uuid.NewString(), armauthorization.RoleAssignmentCreateParameters{
		Properties: &armauthorization.RoleAssignmentProperties{
			RoleDefinitionID: definitions[0].ID,
			PrincipalID:      to.Ptr(principalID),
			PrincipalType:    to.Ptr(armauthorization.PrincipalTypeServicePrincipal),
		},
	}, nil)
	if err != nil {
		return "", err
	}
	return *created.ID, nil
}

// scaleSetIdentities returns the one scale set of the node resource group and
// the IDs of the identities on it, in lower case.
func (a *azure) scaleSetIdentities(ctx context.Context, group string) (name string, identities map[string]bool, err error) {
	for pager := a.scaleSets.NewListPager(group, nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return "", nil, err
		}
		for _, set := range page.Value {
			name, identities = *set.Name, map[string]bool{}
			if set.Identity != nil {
				for id := range set.Identity.UserAssignedIdentities {
					identities[strings.ToLower(id)] = true
				}
			}
		}
	}
	if name == "" {
		return "", nil, fmt.Errorf("resource group %s holds no scale set", group)
	}
	return name, identities, nil
}

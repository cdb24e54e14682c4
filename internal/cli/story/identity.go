package story

import (
	"context"
	"fmt"
)

const (
	roleVirtualMachineContributor = "Virtual Machine Contributor"
	roleManagedIdentityOperator   = "Managed Identity Operator"
)

func (s *Story) createIdentity(ctx context.Context) error {
	n := s.Narrator
	n.Command("az group create --name "+identityResourceGroup+" --location "+location,
		fmt.Sprintf("az identity create --resource-group %s --name %s", identityResourceGroup, identityName))
	if err := s.azure.createGroup(ctx, identityResourceGroup); err != nil {
		return err
	}
	identity, err := s.azure.createIdentity(ctx, identityResourceGroup, identityName)
	if err != nil {
		return err
	}
	s.env.identityID, s.env.identityClientID, s.env.identityObject = identity.id, identity.clientID, identity.principalID
	n.Tick("identity %s, client ID %s", identityName, identity.clientID)

	n.Command(fmt.Sprintf(`az role assignment create --role "%s" --assignee "$IDENTITY_CLIENT_ID" --scope $NODES_RESOURCE_ID`, roleVirtualMachineContributor))
	s.env.roleAssignmentID, err = s.azure.assign(ctx, roleVirtualMachineContributor, identity.principalID, s.env.nodeGroupID)
	if err != nil {
		return err
	}
	n.Tick("it has %s on the node resource group (seed 003)", roleVirtualMachineContributor)

	for _, grant := range []struct{ role, scope, shown string }{
		{roleManagedIdentityOperator, s.env.nodeGroupID, "$NODES_RESOURCE_ID"},
		{roleVirtualMachineContributor, s.env.nodeGroupID, "$NODES_RESOURCE_ID"},
		{roleManagedIdentityOperator, identity.id, "$IDENTITY_RESOURCE_ID"},
	} {
		n.Command(fmt.Sprintf(`az role assignment create --role "%s" --assignee "$KUBELET_CLIENT_ID" --scope %s`, grant.role, grant.shown))
		if _, err := s.azure.assign(ctx, grant.role, s.env.kubeletObjectID, grant.scope); err != nil {
			return err
		}
	}
	n.Tick("the kubelet identity has what seed 001 says that pod identity needs, and no more")
	return nil
}

// bind makes the AzureIdentity and its binding in the cluster.
func (s *Story) bind(ctx context.Context) error {
	n := s.Narrator
	n.Command("kubectl create namespace "+namespace, "kubectl apply -f -    # AzureIdentity and AzureIdentityBinding "+podIdentityName)
	if _, err := s.kube.Run(ctx, "", "create", "namespace", namespace); err != nil {
		return err
	}
	if err := s.kube.Apply(ctx, identityManifest(podIdentityName, s.env.identityID, s.env.identityClientID)); err != nil {
		return err
	}
	out, err := s.kube.Run(ctx, "", "get", "azureidentity,azureidentitybinding", "-n", namespace)
	if err != nil {
		return err
	}
	n.Say("%s", out)
	n.Tick("AzureIdentity and AzureIdentityBinding are in namespace %s", namespace)
	return nil
}

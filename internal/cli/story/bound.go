package story

import (
	"context"
	"fmt"
	"path/filepath"
)

// Bound is an identity that pods of a namespace get by the label
// aadpodidbinding=<Name>.
type Bound struct{ Name, Namespace, ClientID string }

// AddIdentity makes another identity that the cluster's pods may use, for what
// runs in BeforeTearDown: the story has revoked its own by then.
func (s *Story) AddIdentity(ctx context.Context, name string) (Bound, error) {
	n := s.Narrator
	n.Command(fmt.Sprintf("az identity create --resource-group %s --name %s", identityResourceGroup, name),
		fmt.Sprintf(`az role assignment create --role "%s" --assignee "$KUBELET_CLIENT_ID" --scope $IDENTITY_RESOURCE_ID`, roleManagedIdentityOperator),
		fmt.Sprintf("kubectl apply -f -    # AzureIdentity and AzureIdentityBinding %s", name))
	identity, err := s.azure.createIdentity(ctx, identityResourceGroup, name)
	if err != nil {
		return Bound{}, err
	}
	if _, err := s.azure.assign(ctx, roleManagedIdentityOperator, s.env.kubeletObjectID, identity.id); err != nil {
		return Bound{}, err
	}
	if err := s.kube.Apply(ctx, identityManifest(name, identity.id, identity.clientID)); err != nil {
		return Bound{}, err
	}
	return Bound{Name: name, Namespace: namespace, ClientID: identity.clientID}, nil
}

// Kubeconfig is the file that az aks get-credentials would have written.
func (s *Story) Kubeconfig() string { return filepath.Join(s.Cloud.Dir, "kubeconfig") }

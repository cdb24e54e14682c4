package containerservice

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/clusters/objects"
	"github.com/lanyard-project/lanyard/internal/kubeguard"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// aadProfile makes users, groups and service principals of a tenant users of the cluster.
type aadProfile struct {
	Managed             bool     `json:"managed"`
	EnableAzureRBAC     bool     `json:"enableAzureRBAC"`
	AdminGroupObjectIDs []string `json:"adminGroupObjectIDs"`
	TenantID            string   `json:"tenantID"`
	ClientAppID         string   `json:"clientAppID"`
	ServerAppID         string   `json:"serverAppID"`
	ServerAppSecret     string   `json:"serverAppSecret"`
}

// completeEntra fills in what the client left to the service.
func (p *Provider) completeEntra(d document, cluster armid.ID) {
	if profile := asObject(d["aadProfile"]); profile != nil {
		profile.fill("tenantID", p.tenant(cluster))
		profile.fill("enableAzureRBAC", false)
	}
}

// validateEntra checks the integration with Microsoft Entra and what depends on it.
func validateEntra(p properties) *rest.Error {
	aad := p.AADProfile
	if aad == nil {
		if p.DisableLocalAccounts {
			return refused("BadRequest", "Since kubernetes version 1.25, disableLocalAccounts can only be set on Azure AD integration enabled cluster. Please integrate your cluster with AAD.", "disableLocalAccounts")
		}
		return nil
	}
	if aad.ClientAppID != "" || aad.ServerAppID != "" || aad.ServerAppSecret != "" || !aad.Managed {
		return refused("BadRequest", "Azure AD integration with applications of your own (legacy) is no longer supported. Use AKS-managed Azure AD: set aadProfile.managed (--enable-aad).", "aadProfile")
	}
	if p.EnableRBAC != nil && !*p.EnableRBAC {
		return refused("BadRequest", "AKS-managed Azure AD requires Kubernetes RBAC: enableRBAC must be true.", "enableRBAC")
	}
	if uuid.Validate(aad.TenantID) != nil {
		return invalidParameter("aadProfile.tenantID", "'%s' is not the ID of a tenant", aad.TenantID)
	}
	for _, group := range aad.AdminGroupObjectIDs {
		if uuid.Validate(group) != nil {
			return invalidParameter("aadProfile.adminGroupObjectIDs", "'%s' is not the object ID of a group", group)
		}
	}
	return nil
}

// entraStays refuses to take the integration away again.
func entraStays(before, after properties) *rest.Error {
	if before.AADProfile == nil {
		return nil
	}
	if after.AADProfile == nil || !after.AADProfile.Managed {
		return changeNotAllowed("aadProfile.managed")
	}
	return nil
}

// guardURL is where a cluster's API server asks about users.
func (p *Provider) guardURL(key, what string) string {
	return p.GuardOrigin + kubeguard.PathPrefix + key + what
}

// guard is whom the cluster's API server asks, nil without the integration. Its secret is made once, and recorded before
// it is used.
func (p *Provider) guard(ctx context.Context, w *work) (*clusters.Guard, error) {
	if w.is.AADProfile == nil {
		return nil, nil
	}
	if len(w.state.GuardSecret) == 0 {
		var random [32]byte
		_, _ = rand.Read(random[:]) // never fails
		made := []byte(base64.RawURLEncoding.EncodeToString(random[:]))
		if err := w.updateState(ctx, func(s *state) { s.GuardSecret = p.Box.Seal(made, guardContext(s.Key)) }); err != nil {
			return nil, err
		}
	}
	shown, err := p.guardSecret(w.state)
	if err != nil {
		return nil, err
	}
	return &clusters.Guard{
		AuthenticateURL: p.guardURL(w.state.Key, kubeguard.AuthenticatePath), AuthorizeURL: p.guardURL(w.state.Key, kubeguard.AuthorizePath),
		CA: p.CACertificates, Secret: shown,
	}, nil
}

func guardContext(key string) string { return "guard/" + key }

func (p *Provider) guardSecret(s state) (secret.String, error) {
	plain, err := p.Box.Open(s.GuardSecret, guardContext(s.Key))
	if err != nil {
		return secret.String{}, fmt.Errorf("opening the secret of the cluster's guard: %w", err)
	}
	return secret.New(string(plain)), nil
}

// Guarded implements kubeguard.Clusters.
func (p *Provider) Guarded(ctx context.Context, key string, presented secret.String) (kubeguard.Cluster, error) {
	cluster, s, err := p.keyed(ctx, key)
	if err != nil || cluster == nil || len(s.GuardSecret) == 0 {
		return kubeguard.Cluster{}, orUnknown(err)
	}
	known, err := p.guardSecret(s)
	if err != nil || !known.Equal(presented) {
		return kubeguard.Cluster{}, orUnknown(err)
	}
	is, err := resource.Read[properties](cluster)
	if err != nil || is.AADProfile == nil {
		return kubeguard.Cluster{}, orUnknown(err)
	}
	return kubeguard.Cluster{ID: cluster.ID, TenantID: is.AADProfile.TenantID, AzureRBAC: is.AADProfile.EnableAzureRBAC}, nil
}

func orUnknown(err error) error {
	if err == nil {
		return kubeguard.ErrUnknown
	}
	return err
}

// namespaces are scopes below a cluster, at which roles for Kubernetes can be assigned before there is such a namespace.
// As on AKS nothing else can be done with them here: they are made with kubectl.
func (p *Provider) namespaces() *providers.Type {
	return p.parts("managedClusters/namespaces", clusterType+"/namespaces", nil, func(ctx context.Context, id armid.ID) (object, error) {
		_, err := p.readCluster(ctx, id.Parent())
		return object{}, err
	})
}

// adminsSet is the name under which the administrators' binding is in the cluster.
const adminsSet = "aad-administrators"

// ensureAdministrators binds the groups that aadProfile names to cluster-admin, by the name that AKS gives the binding.
func (p *Provider) ensureAdministrators(ctx context.Context, w *work) error {
	if w.is.AADProfile == nil {
		return nil
	}
	var subjects []any
	for _, group := range slices.Sorted(slices.Values(w.is.AADProfile.AdminGroupObjectIDs)) {
		subjects = append(subjects, map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": strings.ToLower(group)})
	}
	var bound []*unstructured.Unstructured
	if subjects != nil {
		binding := kubernetesObject("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", "aks-cluster-admin-binding-aad", nil)
		binding.Object["roleRef"] = map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
		binding.Object["subjects"] = subjects
		bound = append(bound, binding)
	}
	return p.Engine.Apply(ctx, w.state.Key, objects.Set{Name: adminsSet, Objects: bound})
}

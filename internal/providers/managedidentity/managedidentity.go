package managedidentity

import (
	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
)

const namespace = "Microsoft.ManagedIdentity"

// Type is the full type of user-assigned identities, and AssignAction what one
// needs on an identity to give it to a resource.
const (
	Type         = namespace + "/userAssignedIdentities"
	AssignAction = Type + "/assign/action"
)

// Config says what the provider works with.
type Config struct {
	Directory Directory
	Resources providers.Resources
}

// Provider serves managed identities. It is safe for concurrent use.
type Provider struct {
	cfg Config
}

// New returns the provider.
func New(cfg Config) *Provider { return &Provider{cfg: cfg} }

// Types returns the provider's resource types.
func (p *Provider) Types() []*providers.Type {
	return []*providers.Type{p.userAssigned(), p.federated(), p.systemAssigned()}
}

// apiVersions are all that the provider ever had.
func apiVersions() []string {
	return []string{
		"2015-08-31-preview", "2018-11-30", "2021-09-30-preview", "2022-01-31-preview", "2023-01-31", "2023-07-31-preview",
		"2024-11-30", "2025-01-31-preview", "2025-05-31-preview", "2026-04-30",
	}
}

// Properties are an identity's, given by the server.
type Properties struct {
	TenantID    string `json:"tenantId"`
	PrincipalID string `json:"principalId"`
	ClientID    string `json:"clientId"`
}

func propertiesOf(p directory.ServicePrincipal) Properties {
	return Properties{TenantID: p.TenantID, PrincipalID: p.ObjectID, ClientID: p.AppID}
}

// Read reads the principal that a user-assigned identity's resource names.
func Read(identity *resource.Resource) (Properties, error) {
	return resource.Read[Properties](identity)
}

// IsIdentity reports whether the ID is that of a user-assigned identity.
func IsIdentity(id armid.ID) bool {
	return id.Is(Type) && id.ResourceGroup() != "" && id.Parent().Equal(id.ResourceGroupID())
}

package entra

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/obs/record"
	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

const (
	clientCredentials = "client_credentials"

	// identityLifetime is a managed identity's token's.
	identityLifetime = 24 * time.Hour
	// An application's token lives for 60 to 90 minutes, at random: so the load of
	// renewing spreads, and nobody relies on an exact hour.
	applicationLifetime = 60 * time.Minute
	lifetimeSpread      = 30 * time.Minute
	// refreshFrom is the lifetime from which on clients are told to refresh at half of it.
	refreshFrom = 2 * time.Hour
)

// Request asks for a token.
type Request struct {
	// Tenant is an ID or a domain as the URL has it; adfs means the client's own.
	Tenant    string
	V2        bool // the v2.0 endpoint: scope instead of resource
	GrantType string
	ClientID  string
	Resource  string
	Scope     string

	Secret        secret.String
	AssertionType string
	Assertion     secret.String

	// For clients that act for a user.
	Username    string
	Password    secret.String
	Code        secret.String
	RedirectURI string
	Verifier    secret.String
	Refresh     secret.String
	DeviceCode  secret.String

	CorrelationID string
	TraceID       string
	Remote        string

	via  string
	host string // the machine on whose behalf the metadata service asks
}

// Response is an issued token. Its times are as of the answer.
type Response struct {
	Token        tokens.Token
	Resource     string
	ExpiresIn    time.Duration
	ExtExpiresIn time.Duration
	RefreshIn    time.Duration // 0: not told
	Principal    directory.ServicePrincipal
	// User is set when the client acts for a user.
	User *Delegated
}

// Token issues a token or says why not. Every answer is recorded.
func (s *Service) Token(ctx context.Context, r Request) (Response, *Error) {
	entry := record.Token{
		CorrelationID: r.CorrelationID, TraceID: r.TraceID, Via: r.via, TenantID: r.Tenant, AppID: short(r.ClientID), Host: r.host, Remote: r.Remote,
	}
	if entry.Via == "" {
		entry.Via = "token endpoint"
	}
	response, refused := s.token(ctx, r, &entry)
	if refused != nil {
		entry.Code, entry.Reason = refused.Code, refused.Message
	} else {
		entry.Issued, entry.TokenID, entry.KeyID, entry.Expires = true, response.Token.ID, response.Token.KeyID, response.Token.Expires
	}
	s.options.Record.Token(entry)
	return response, refused
}

func (s *Service) token(ctx context.Context, r Request, entry *record.Token) (Response, *Error) {
	// 1. The tenant.
	find := s.tenant
	if r.GrantType != clientCredentials {
		find = s.userTenant
	}
	tenant, refused := find(r.Tenant)
	if refused != nil {
		return Response{}, refused
	}
	// 2. The grant.
	switch r.GrantType {
	case clientCredentials:
	case passwordGrant, codeGrant, refreshGrant, deviceGrant:
		return s.delegated(ctx, r, tenant, entry)
	case "":
		return Response{}, parameterMissing("grant_type")
	default:
		return Response{}, grantUnsupported(r.GrantType)
	}
	// 3. The client.
	principal, refused := s.client(ctx, r.ClientID, tenant)
	if refused != nil {
		return Response{}, refused
	}
	entry.TenantID, entry.AppID, entry.ObjectID = principal.TenantID, principal.AppID, principal.ObjectID
	// 4. What it asks for, as far as the form goes.
	resource, refused := wanted(r)
	if refused != nil {
		return Response{}, refused
	}
	entry.Resource = short(resource)
	// 5. Its proof. Before the resource is looked up: only clients may learn what exists.
	proof, refused := s.authenticate(ctx, r, principal)
	entry.Credential = proof.kind
	if refused != nil {
		return Response{}, refused
	}
	// 6. The resource.
	audience, version, refused := s.audience(ctx, resource, principal.TenantID)
	if refused != nil {
		return Response{}, refused
	}
	// 7. The token.
	lifetime := applicationLifetime + rand.N(lifetimeSpread) //nolint:gosec // spreads load, is no secret
	if proof.identity {
		lifetime = identityLifetime
	}
	lifetime = lifetime.Truncate(time.Second)
	token, err := s.options.Issuer.Mint(tokens.Grant{
		Version: version, TenantID: principal.TenantID, ObjectID: principal.ObjectID, AppID: principal.AppID, Audience: audience,
		ProvenBy: proof.acr, Lifetime: lifetime, Roles: s.rolesFor(audience, principal), ManagedIdentity: principal.ResourceID, Host: r.host,
	})
	if err != nil {
		s.options.Log.Error("minting a token failed", "error", err, "object_id", principal.ObjectID)
		return Response{}, unavailable()
	}
	// Entra's numbers are one second short of the round ones.
	response := Response{Token: token, Resource: resource, ExpiresIn: lifetime - time.Second, ExtExpiresIn: lifetime - time.Second, Principal: principal}
	if lifetime >= refreshFrom {
		response.RefreshIn = lifetime / 2
	}
	return response, nil
}

// rolesFor are the application roles that a token for the directory's own service names.
func (s *Service) rolesFor(audience string, p directory.ServicePrincipal) []string {
	name := strings.ToLower(strings.TrimSuffix(audience, "/"))
	_, own := s.origins[strings.TrimPrefix(name, "https://")]
	if own || name == "https://graph.microsoft.com" || name == "00000003-0000-0000-c000-000000000000" {
		return p.Roles
	}
	return nil
}

// tenant resolves the URL's tenant. The zero tenant means: the client's own.
func (s *Service) tenant(name string) (directory.Tenant, *Error) {
	switch strings.ToLower(name) {
	case adfs:
		return directory.Tenant{}, nil
	case "common", "organizations", "consumers":
		return directory.Tenant{}, tenantMissing()
	}
	return s.findTenant(name, invalidRequest)
}

// userTenant is tenant for users, who have a tenant of their own: any may be meant.
func (s *Service) userTenant(name string) (directory.Tenant, *Error) {
	switch strings.ToLower(name) {
	case "common", "organizations":
		return directory.Tenant{}, nil
	}
	return s.tenant(name)
}

func (s *Service) findTenant(name, oauth string) (directory.Tenant, *Error) {
	tenant, ok := s.options.Directory.Tenant(name)
	if ok {
		return tenant, nil
	}
	if uuid.Validate(name) != nil && !strings.Contains(name, ".") {
		return directory.Tenant{}, tenantMalformed(oauth, name)
	}
	return directory.Tenant{}, tenantNotFound(oauth, name)
}

func (s *Service) client(ctx context.Context, clientID string, tenant directory.Tenant) (directory.ServicePrincipal, *Error) {
	if clientID == "" {
		return directory.ServicePrincipal{}, parameterMissing("client_id")
	}
	parsed, err := uuid.Parse(clientID)
	if err == nil && parsed == uuid.Nil {
		return directory.ServicePrincipal{}, clientNoID(clientID)
	}
	named := tenant.DisplayName
	if tenant.ID == "" {
		if first, ok := s.options.Directory.DefaultTenant(); ok {
			named = first.DisplayName
		}
	}
	if err != nil || len(clientID) != len(uuid.Nil.String()) {
		return directory.ServicePrincipal{}, clientUnknown(clientID, named)
	}
	principal, err := s.options.Directory.ByAppID(ctx, clientID)
	if errors.Is(err, directory.ErrNotFound) || err == nil && tenant.ID != "" && principal.TenantID != tenant.ID {
		return directory.ServicePrincipal{}, clientUnknown(clientID, named)
	}
	if err != nil {
		s.options.Log.Error("looking up a client failed", "error", err)
		return directory.ServicePrincipal{}, unavailable()
	}
	if principal.Disabled {
		return directory.ServicePrincipal{}, clientDisabled(principal.AppID, principal.DisplayName)
	}
	return principal, nil
}

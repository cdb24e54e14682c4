package entra

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/obs/record"
	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// The grants by which a client acts for a user.
const (
	passwordGrant = "password"
	codeGrant     = "authorization_code"
	refreshGrant  = "refresh_token"
	deviceGrant   = "urn:ietf:params:oauth:grant-type:device_code"
	// deviceGrantShort is what MSAL for Go sends; Entra takes both.
	deviceGrantShort = "device_code"
)

// Delegated is what a client gets beside the access token when it acts for a user.
type Delegated struct {
	Refresh    secret.String
	ID         secret.String
	Scope      string
	ClientInfo string // who signed in, as MSAL's cache names him
}

// signedIn is a user whom a grant proved, with what the client may have for him.
type signedIn struct {
	user   directory.User
	client string
	wanted string // the resource
	scope  string
	nonce  string
}

// delegated answers the grants of users: each proves the user in its own way, the
// rest is the same for all.
func (s *Service) delegated(ctx context.Context, r Request, tenant directory.Tenant, entry *record.Token) (Response, *Error) {
	client, refused := s.publicClient(ctx, r.ClientID, tenant)
	if refused != nil {
		return Response{}, refused
	}
	entry.AppID, entry.Credential = client.ID, r.GrantType
	if !r.Secret.IsZero() || !r.Assertion.IsZero() {
		return Response{}, clientIsPublic()
	}
	var who signedIn
	switch r.GrantType {
	case passwordGrant:
		who, refused = s.byPassword(ctx, r)
	case codeGrant:
		who, refused = s.byCode(ctx, r)
	case refreshGrant:
		who, refused = s.byRefresh(ctx, r)
	default:
		who, refused = s.byDevice(ctx, r)
	}
	if refused != nil {
		return Response{}, refused
	}
	entry.ObjectID, entry.TenantID = who.user.ObjectID, who.user.TenantID
	switch {
	case tenant.ID != "" && !strings.EqualFold(who.user.TenantID, tenant.ID):
		return Response{}, userUnknown(who.user.Name, tenant.DisplayName)
	case who.user.Disabled:
		return Response{}, userDisabled()
	}
	entry.Resource = short(who.wanted)
	audience, version, refused := s.audience(ctx, who.wanted, who.user.TenantID)
	if refused != nil {
		return Response{}, refused
	}
	who.client = client.ID
	return s.grantUser(who, audience, version)
}

// grantUser mints the tokens.
func (s *Service) grantUser(who signedIn, audience string, version tokens.Version) (Response, *Error) {
	lifetime := (applicationLifetime + rand.N(lifetimeSpread)).Truncate(time.Second) //nolint:gosec // spreads load, is no secret
	grant := tokens.Grant{
		Version: version, TenantID: who.user.TenantID, ObjectID: who.user.ObjectID, AppID: who.client, Audience: audience,
		ProvenBy: tokens.ProvenByNobody, Lifetime: lifetime,
		User: &tokens.User{
			Name: who.user.Name, DisplayName: who.user.DisplayName, Scope: impersonation, Groups: s.options.Directory.GroupsOf(who.user.ObjectID),
			GroupsEndpoint: s.options.Origin + "/v1.0/users/" + who.user.ObjectID + "/getMemberGroups",
		},
	}
	fail := func(err error) (Response, *Error) {
		s.options.Log.Error("minting a user's tokens failed", "error", err, "object_id", who.user.ObjectID)
		return Response{}, unavailable()
	}
	token, err := s.options.Issuer.Mint(grant)
	if err != nil {
		return fail(err)
	}
	id, err := s.options.Issuer.MintID(grant, who.nonce)
	if err != nil {
		return fail(err)
	}
	refresh, err := s.sealed(refreshContext, refreshToken{
		UserID: who.user.ObjectID, Client: who.client, Resource: who.wanted, Issued: s.options.Clock.Now(),
	})
	if err != nil {
		return fail(err)
	}
	info, err := json.Marshal(map[string]string{"uid": who.user.ObjectID, "utid": who.user.TenantID})
	if err != nil {
		return fail(err)
	}
	return Response{
		Token: token, Resource: who.wanted, ExpiresIn: lifetime - time.Second, ExtExpiresIn: lifetime - time.Second,
		User: &Delegated{Refresh: refresh, ID: id, Scope: who.scope, ClientInfo: base64.RawURLEncoding.EncodeToString(info)},
	}, nil
}

// impersonation is the one permission that clients get: to act as the user, who
// himself may what his role assignments say.
const impersonation = "user_impersonation"

func (s *Service) byPassword(ctx context.Context, r Request) (signedIn, *Error) {
	wanted, scope, refused := delegatedScope(r)
	if refused != nil {
		return signedIn{}, refused
	}
	switch {
	case r.Username == "":
		return signedIn{}, parameterMissing("username")
	case r.Password.IsZero():
		return signedIn{}, parameterMissing("password")
	}
	user, refused := s.signIn(ctx, r.Username, r.Password)
	return signedIn{user: user, wanted: wanted, scope: scope}, refused
}

// refreshToken is what a refresh token holds, sealed: nothing of it is stored.
type refreshToken struct {
	UserID   string    `json:"u"`
	Client   string    `json:"c"`
	Resource string    `json:"r"`
	Issued   time.Time `json:"t"`
}

const (
	refreshContext = "entra/refresh-token"
	// refreshLifetime is from its last use on, as each use gives another one.
	refreshLifetime = 90 * 24 * time.Hour
)

func (s *Service) byRefresh(ctx context.Context, r Request) (signedIn, *Error) {
	if r.Refresh.IsZero() {
		return signedIn{}, parameterMissing("refresh_token")
	}
	var held refreshToken
	if !s.unsealed(refreshContext, r.Refresh, &held) || !strings.EqualFold(held.Client, r.ClientID) {
		return signedIn{}, grantInvalid()
	}
	// Any resource may be named: the user is the same. None means the first one.
	wanted, scope := held.Resource, held.Resource+dotDefault
	if r.Scope != "" || r.Resource != "" {
		var refused *Error
		if wanted, scope, refused = delegatedScope(r); refused != nil {
			return signedIn{}, refused
		}
	}
	user, err := s.options.Directory.User(ctx, held.UserID)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return signedIn{}, grantRevoked()
	case err != nil:
		s.options.Log.Error("looking up a user failed", "error", err)
		return signedIn{}, unavailable()
	case held.Issued.Before(user.SignedOut):
		return signedIn{}, grantRevoked()
	case s.options.Clock.Now().Sub(held.Issued) > refreshLifetime:
		return signedIn{}, refreshExpired(held.Issued, refreshLifetime)
	}
	return signedIn{user: user, wanted: wanted, scope: scope}, nil
}

// delegatedScope is the resource that a user's client wants: a scope names it with
// a permission behind its last slash, and all permissions mean the same here.
func delegatedScope(r Request) (wanted, scope string, refused *Error) {
	if r.Resource != "" {
		if r.V2 {
			return "", "", resourceNotForV2()
		}
		return r.Resource, r.Resource + dotDefault, nil
	}
	for _, one := range strings.Fields(r.Scope) {
		if ignored(one) {
			continue
		}
		at := strings.LastIndexByte(one, '/')
		if at <= 0 || strings.HasSuffix(one[:at], ":/") {
			return "", "", scopeInvalid(one)
		}
		if wanted != "" && wanted != one[:at] {
			return "", "", scopeOfSeveral(r.Scope)
		}
		wanted, scope = one[:at], r.Scope
	}
	if wanted == "" {
		// Signing in alone: the token is for reading who one is.
		return "https://graph.microsoft.com", r.Scope, nil
	}
	return wanted, scope, nil
}

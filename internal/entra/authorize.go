package entra

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/secret"
)

const (
	codeContext  = "entra/authorization-code"
	codeLifetime = 5 * time.Minute
	// challengeSize is a SHA-256 in base64url; verifiers have 43 to 128 characters (RFC 7636).
	challengeSize = 43
	maxVerifier   = 128
)

// authorizationCode is what a code holds, sealed: everything that its redemption
// has to repeat.
type authorizationCode struct {
	ID        string    `json:"i"`
	UserID    string    `json:"u"`
	Client    string    `json:"c"`
	Redirect  string    `json:"d"`
	Challenge string    `json:"h"`
	Wanted    string    `json:"w"`
	Scope     string    `json:"s"`
	Nonce     string    `json:"n"`
	Until     time.Time `json:"t"`
}

// authorization is a request of the authorisation endpoint, found good.
type authorization struct {
	client    publicClient
	tenant    directory.Tenant
	redirect  string
	mode      string
	state     string
	challenge string
	wanted    string
	scope     string
	nonce     string
}

// authorization reads the request. An error before the redirect is known to be the
// client's must be shown to the user; later ones the client is told. shown says so.
func (s *Service) authorization(ctx context.Context, tenantName string, v2 bool, q url.Values) (a authorization, shown bool, refused *Error) {
	for name, values := range q {
		if len(values) > 1 {
			return a, true, parameterTwice(name)
		}
	}
	if a.tenant, refused = s.userTenant(tenantName); refused != nil {
		return a, true, refused
	}
	if a.client, refused = s.publicClient(ctx, q.Get("client_id"), a.tenant); refused != nil {
		return a, true, refused
	}
	if a.redirect = q.Get("redirect_uri"); !a.client.mayRedirect(a.redirect) {
		return a, true, redirectUnknown(a.redirect, a.client.ID)
	}
	a.state, a.mode, a.nonce = q.Get("state"), q.Get("response_mode"), q.Get("nonce")
	a.challenge = q.Get("code_challenge")
	switch {
	case q.Get("response_type") != "code":
		return a, false, responseTypeUnsupported(q.Get("response_type"))
	case a.mode != "" && a.mode != "query" && a.mode != "form_post" && a.mode != "fragment":
		return a, false, malformed()
	case q.Get("code_challenge_method") != "S256" || len(a.challenge) != challengeSize:
		return a, false, proofKeyMissing()
	case q.Get("prompt") == "none":
		return a, false, interactionRequired()
	}
	a.wanted, a.scope, refused = delegatedScope(Request{V2: v2, Resource: q.Get("resource"), Scope: q.Get("scope")})
	return a, false, refused
}

// issueCode makes the code that the client redeems.
func (s *Service) issueCode(a authorization, user directory.User) (secret.String, *Error) {
	if a.tenant.ID != "" && !strings.EqualFold(a.tenant.ID, user.TenantID) {
		return secret.String{}, userUnknown(user.Name, a.tenant.DisplayName)
	}
	code, err := s.sealed(codeContext, authorizationCode{
		ID: userCode() + userCode(), UserID: user.ObjectID, Client: a.client.ID, Redirect: a.redirect, Challenge: a.challenge, Wanted: a.wanted, Scope: a.scope,
		Nonce: a.nonce, Until: s.options.Clock.Now().Add(codeLifetime),
	})
	if err != nil {
		s.options.Log.Error("making a code failed", "error", err)
		return secret.String{}, unavailable()
	}
	return code, nil
}

// byCode redeems a code, once in this process.
func (s *Service) byCode(ctx context.Context, r Request) (signedIn, *Error) {
	switch {
	case r.Code.IsZero():
		return signedIn{}, parameterMissing("code")
	case r.Verifier.IsZero():
		return signedIn{}, proofKeyMissing()
	}
	var held authorizationCode
	if !s.unsealed(codeContext, r.Code, &held) || !strings.EqualFold(held.Client, r.ClientID) || held.Redirect != r.RedirectURI {
		return signedIn{}, grantInvalid()
	}
	now := s.options.Clock.Now()
	if now.After(held.Until) {
		return signedIn{}, codeExpired()
	}
	sum := sha256.Sum256([]byte(r.Verifier.Reveal()))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	if len(r.Verifier.Reveal()) > maxVerifier || subtle.ConstantTimeCompare([]byte(challenge), []byte(held.Challenge)) != 1 {
		return signedIn{}, proofKeyWrong()
	}
	if !s.used.first("code "+held.ID, now, held.Until) {
		return signedIn{}, codeRedeemed()
	}
	user, err := s.options.Directory.User(ctx, held.UserID)
	if err != nil {
		return signedIn{}, grantRevoked()
	}
	wanted, scope := held.Wanted, held.Scope
	if r.Scope != "" || r.Resource != "" {
		var refused *Error
		if wanted, scope, refused = delegatedScope(r); refused != nil {
			return signedIn{}, refused
		}
	}
	return signedIn{user: user, wanted: wanted, scope: scope, nonce: held.Nonce}, nil
}

// handleAuthorize shows the sign-in page and, when it comes back filled in, sends
// the user back to his client with a code.
func (s *Service) handleAuthorize(v2 bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := s.page(w, r)
		a, shown, refused := s.authorization(r.Context(), r.PathValue("tenant"), v2, r.URL.Query())
		switch {
		case refused != nil && shown:
			p.fail(refused)
			return
		case refused != nil:
			p.back(a, url.Values{"error": {refused.OAuth}, "error_description": {p.call.describe(refused)}})
			return
		case r.Method == http.MethodGet:
			p.signIn(a, r.URL.Query().Get("login_hint"), "")
			return
		}
		name, password, refused := p.credentials()
		if refused != nil {
			p.fail(refused)
			return
		}
		user, refused := s.signInAt(r.Context(), "sign-in page", p.call, a.client, name, password)
		if refused != nil {
			p.signIn(a, name, refused.Message)
			return
		}
		code, refused := s.issueCode(a, user)
		if refused != nil {
			p.signIn(a, name, refused.Message)
			return
		}
		p.back(a, url.Values{"code": {code.Reveal()}})
	}
}

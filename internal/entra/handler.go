package entra

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// adfs as the first segment of a path is the authority of custom clouds: MSAL then
// asks no foreign host whether it may trust us, and leaves the tenant to us.
const adfs = "adfs"

// Handler serves the token service.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{tenant}/oauth2/v2.0/token", s.handleToken(true))
	mux.HandleFunc("/{tenant}/oauth2/token", s.handleToken(false))
	mux.HandleFunc("/{tenant}/oauth2/v2.0/devicecode", s.handleDevice(true))
	mux.HandleFunc("/{tenant}/oauth2/devicecode", s.handleDevice(false))
	for _, method := range []string{"GET", "POST"} {
		mux.HandleFunc(method+" /{tenant}/oauth2/v2.0/authorize", s.handleAuthorize(true))
		mux.HandleFunc(method+" /{tenant}/oauth2/authorize", s.handleAuthorize(false))
		mux.HandleFunc(method+" "+devicePage, s.handleDevicePage)
	}
	mux.HandleFunc("GET /{tenant}/userrealm/{user}", s.handleRealm) // MSAL for Python
	mux.HandleFunc("GET /{tenant}/UserRealm/{user}", s.handleRealm) // MSAL for Go
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", s.handleDiscovery(true))
	mux.HandleFunc("GET /{tenant}/.well-known/openid-configuration", s.handleDiscovery(false))
	mux.HandleFunc("GET /{authority}/{tenant}/.well-known/openid-configuration", s.handleDomain)
	mux.HandleFunc("GET /{tenant}/discovery/v2.0/keys", s.handleKeys(true))
	mux.HandleFunc("GET /{tenant}/discovery/keys", s.handleKeys(false))
	mux.HandleFunc("GET /common/discovery/instance", s.handleInstance)
	return mux
}

func (s *Service) handleToken(v2 bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := s.begin(w, r)
		w.Header().Set("Cache-Control", "no-store, no-cache")
		w.Header().Set("Pragma", "no-cache")
		w.Header().Set("Expires", "-1")
		request, refused := readForm(r)
		if refused != nil {
			c.refuse(refused)
			return
		}
		request.Tenant, request.V2 = r.PathValue("tenant"), v2
		request.CorrelationID, request.TraceID, request.Remote = c.correlation, c.trace, r.RemoteAddr
		response, refused := s.Token(r.Context(), request)
		if refused != nil {
			c.refuse(refused)
			return
		}
		if v2 || strings.EqualFold(request.Tenant, adfs) {
			c.answer(http.StatusOK, answerV2(response))
			return
		}
		c.answer(http.StatusOK, answerV1(response))
	}
}

type tokenV2 struct {
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	ExtExpiresIn int64  `json:"ext_expires_in"`
	RefreshIn    int64  `json:"refresh_in,omitempty"`
	AccessToken  string `json:"access_token"`
	userTokens
}

// userTokens come with a user's token. A client_credentials answer must have none
// of them: MSAL would take an ID token for a user's.
type userTokens struct {
	Scope        string `json:"scope,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	ClientInfo   string `json:"client_info,omitempty"`
}

func userTokensOf(r Response) userTokens {
	if r.User == nil {
		return userTokens{}
	}
	return userTokens{Scope: r.User.Scope, RefreshToken: r.User.Refresh.Reveal(), IDToken: r.User.ID.Reveal(), ClientInfo: r.User.ClientInfo}
}

// tokenV1's numbers are texts.
type tokenV1 struct {
	TokenType    string `json:"token_type"`
	ExpiresIn    string `json:"expires_in"`
	ExtExpiresIn string `json:"ext_expires_in"`
	RefreshIn    string `json:"refresh_in,omitempty"`
	ExpiresOn    string `json:"expires_on"`
	NotBefore    string `json:"not_before"`
	Resource     string `json:"resource"`
	AccessToken  string `json:"access_token"`
	userTokens
}

func answerV2(r Response) tokenV2 {
	return tokenV2{
		TokenType: "Bearer", ExpiresIn: whole(r.ExpiresIn), ExtExpiresIn: whole(r.ExtExpiresIn), RefreshIn: whole(r.RefreshIn),
		AccessToken: r.Token.Raw.Reveal(), userTokens: userTokensOf(r),
	}
}

func answerV1(r Response) tokenV1 {
	answer := tokenV1{
		TokenType: "Bearer", ExpiresIn: text(whole(r.ExpiresIn)), ExtExpiresIn: text(whole(r.ExtExpiresIn)),
		ExpiresOn: text(r.Token.Expires.Unix()), NotBefore: text(r.Token.NotBefore.Unix()), Resource: r.Resource,
		AccessToken: r.Token.Raw.Reveal(), userTokens: userTokensOf(r),
	}
	if r.RefreshIn > 0 {
		answer.RefreshIn = text(whole(r.RefreshIn))
	}
	return answer
}

func whole(d time.Duration) int64 { return int64(d / time.Second) }
func text(n int64) string         { return strconv.FormatInt(n, 10) }

// begin gives the request its IDs and the headers that all answers have.
func (s *Service) begin(w http.ResponseWriter, r *http.Request) *call {
	c := &call{w: w, now: s.options.Clock.Now().UTC(), trace: uuid.NewString(), remote: r.RemoteAddr, log: s.options.Log}
	c.correlation = uuid.NewString()
	if asked, err := uuid.Parse(r.Header.Get("client-request-id")); err == nil {
		c.correlation = asked.String()
		if strings.EqualFold(r.Header.Get("return-client-request-id"), "true") {
			w.Header().Set("client-request-id", c.correlation)
		}
	}
	h := w.Header()
	h.Set("x-ms-request-id", c.trace)
	h.Set("x-ms-ests-server", "lanyard")
	h.Set("P3P", `CP="DSP CUR OTPi IND OTRi ONL FIN"`)
	h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	h.Set("X-Content-Type-Options", "nosniff")
	return c
}

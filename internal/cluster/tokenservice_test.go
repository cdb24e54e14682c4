package cluster_test

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"k8s.io/client-go/rest"
)

// tokenService plays Entra for clients that sign in with a secret, a certificate or a service account's token, of which it checks
// what Entra checks: signature by the cluster's published keys, issuer, audience, subject, time.
type tokenService struct {
	*httptest.Server
	t    *testing.T
	keys jose.JSONWebKeySet

	mu       sync.Mutex
	secrets  map[string]string            // by client ID
	subjects map[string]string            // by client ID: the service account that is trusted
	uploaded map[string]*x509.Certificate // by client ID
	asked    []string
	seen     []string // service account tokens
}

func newTokenService(t *testing.T) *tokenService {
	t.Helper()
	s := &tokenService{t: t, secrets: map[string]string{}, subjects: map[string]string{}, uploaded: map[string]*x509.Certificate{}}
	transport, err := rest.TransportFor(api)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: transport}).Get(strings.TrimSuffix(api.Host, "/") + "/openid/v1/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&s.keys); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *tokenService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration") {
		at := s.URL + "/tenant/oauth2/v2.0"
		fmt.Fprintf(w, `{"issuer":"%s","authorization_endpoint":"%s/authorize","token_endpoint":"%s/token"}`, s.URL, at, at)
		return
	}
	refusal := s.check(r)
	s.mu.Lock()
	s.asked = append(s.asked, r.PostFormValue("client_id")+" "+r.PostFormValue("scope"))
	s.mu.Unlock()
	if refusal != "" {
		w.WriteHeader(http.StatusUnauthorized)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_client", "error_description": refusal + "\r\nTrace ID: x"})
		return
	}
	fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3600,"access_token":"token-of-%s"}`, r.PostFormValue("client_id"))
}

// check says why a client isn't believed.
func (s *tokenService) check(r *http.Request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	clientID := r.PostFormValue("client_id")
	if r.URL.Path != "/tenant/oauth2/v2.0/token" {
		return "AADSTS90002: Tenant not found."
	}
	if secret := r.PostFormValue("client_secret"); secret != "" {
		if s.secrets[clientID] != secret {
			return "AADSTS7000215: Invalid client secret provided."
		}
		return ""
	}
	assertion := r.PostFormValue("client_assertion")
	if certificate := s.uploaded[clientID]; certificate != nil {
		return s.checkOwn(assertion, clientID, certificate)
	}
	token, err := jwt.ParseSigned(assertion, []jose.SignatureAlgorithm{jose.RS256, jose.ES256} /* envtest signs with the latter */)
	if err != nil {
		return "AADSTS50027: Invalid JWT token."
	}
	var claims jwt.Claims
	if err := token.Claims(s.keys, &claims); err != nil {
		return "AADSTS700211: No matching key."
	}
	s.seen = append(s.seen, assertion)
	err = claims.ValidateWithLeeway(jwt.Expected{AnyAudience: jwt.Audience{"api://AzureADTokenExchange"}, Subject: s.subjects[clientID], Time: time.Now()}, 0)
	if err != nil || len(claims.Audience) != 1 {
		return "AADSTS70021: No matching federated identity record found for presented assertion. Subject '" + claims.Subject + "'."
	}
	return ""
}

// checkOwn says why an assertion isn't one that the client has signed with the key of its certificate, for this service.
func (s *tokenService) checkOwn(assertion, clientID string, certificate *x509.Certificate) string {
	token, err := jwt.ParseSigned(assertion, []jose.SignatureAlgorithm{jose.PS256, jose.RS256})
	if err != nil {
		return "AADSTS50027: Invalid JWT token."
	}
	var claims jwt.Claims
	if err := token.Claims(certificate.PublicKey, &claims); err != nil {
		return "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered on application."
	}
	expected := jwt.Expected{AnyAudience: jwt.Audience{s.URL + "/tenant/oauth2/v2.0/token"}, Issuer: clientID, Subject: clientID, Time: time.Now()}
	if err := claims.ValidateWithLeeway(expected, 0); err != nil {
		return "AADSTS700023: Client assertion is not for this service: " + err.Error()
	}
	return ""
}

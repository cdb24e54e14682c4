package conformance

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// issuer is a token issuer like a cluster's or a pipeline's: discovery, keys, and whatever token a test wants.
type issuer struct {
	server *httptest.Server
	key    *rsa.PrivateKey
}

const issuerKeyID = "conformance"

// startIssuer starts one, and writes into the folder by which certificate it is known.
func startIssuer(dir string) (*issuer, string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, "", err
	}
	i := &issuer{key: key}
	answer := func(w http.ResponseWriter, document any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(document)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": i.server.URL, "jwks_uri": i.server.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": issuerKeyID, "n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	i.server = httptest.NewTLSServer(mux)
	ca := filepath.Join(dir, "issuer.crt")
	return i, ca, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.server.Certificate().Raw}), 0o600)
}

func (i *issuer) host() string { return strings.TrimPrefix(i.server.URL, "https://") }

// token signs what a workload's token says, changed as the test wants.
func (i *issuer) token(t *testing.T, key *rsa.PrivateKey, change func(jwt.MapClaims)) string {
	t.Helper()
	now := time.Now()
	claims := jwt.MapClaims{
		"iss": i.server.URL, "sub": "system:serviceaccount:default:app", "aud": "api://AzureADTokenExchange",
		"iat": now.Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
	}
	if change != nil {
		change(claims)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = issuerKeyID
	return must[string](t, "signing")(token.SignedString(key))
}

package connected_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/lanyard-project/lanyard/internal/clusters/connected"
)

// signer is a cluster's key, and the set that it publishes.
type signer struct {
	private jose.JSONWebKey
	set     []byte
}

func newSigner(t *testing.T, id string) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := signer{private: jose.JSONWebKey{Key: key, KeyID: id, Algorithm: string(jose.ES256), Use: "sig"}}
	if s.set, err = json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.private.Public()}}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s signer) sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	by, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: s.private}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(by).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestSigned(t *testing.T) {
	ours, same, other := newSigner(t, "a"), newSigner(t, "a"), newSigner(t, "b")
	claims := map[string]any{"sub": "one"}
	for name, test := range map[string]struct {
		token string
		want  error
	}{
		"by the cluster":                {ours.sign(t, claims), nil},
		"by another under its key's ID": {same.sign(t, claims), connected.ErrForged},
		"by a key that isn't known":     {other.sign(t, claims), connected.ErrUnknownKey},
		"no token":                      {"x", connected.ErrForged},
		"without a signature":           {"eyJhbGciOiJub25lIn0.e30.", connected.ErrForged},
		"signed with a public key":      {"eyJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ.e30.eA", connected.ErrForged},
	} {
		t.Run(name, func(t *testing.T) {
			payload, err := connected.Signed(ours.set, test.token)
			if !errors.Is(err, test.want) || (err == nil) != strings.Contains(string(payload), `"one"`) {
				t.Errorf("%s, %v; want %v", payload, err, test.want)
			}
		})
	}
}

// A server can say that it is any cluster. It can't sign with the keys of one.
func TestAnotherClusterProvesNothing(t *testing.T) {
	ours, other := newSigner(t, "a"), newSigner(t, "a")
	const account = "system:serviceaccount:kube-system:default"
	for name, test := range map[string]struct {
		answer func(audience string) string
		want   error
	}{
		"the cluster": {func(audience string) string {
			return ours.sign(t, map[string]any{"sub": account, "aud": []string{audience}})
		}, nil},
		"one with other keys": {func(audience string) string {
			return other.sign(t, map[string]any{"sub": account, "aud": []string{audience}})
		}, connected.ErrAnotherCluster},
		"a token from before": {func(string) string {
			return ours.sign(t, map[string]any{"sub": account, "aud": []string{"lanyard:before"}})
		}, connected.ErrAnotherCluster},
		"a token of a pod's account": {func(audience string) string {
			return ours.sign(t, map[string]any{"sub": "system:serviceaccount:mine:default", "aud": []string{audience}})
		}, connected.ErrAnotherCluster},
		"nothing": {func(string) string { return "" }, connected.ErrAnotherCluster},
	} {
		t.Run(name, func(t *testing.T) {
			k := hostile(t, map[string]http.HandlerFunc{"/api/v1/namespaces/kube-system/serviceaccounts/default/token": func(w http.ResponseWriter, r *http.Request) {
				var request authenticationv1.TokenRequest
				sent, err := io.ReadAll(r.Body)
				if err == nil {
					_, _, err = scheme.Codecs.UniversalDeserializer().Decode(sent, nil, &request)
				}
				if err != nil || len(request.Spec.Audiences) != 1 {
					t.Errorf("asked for %+v, %v", request, err)
					return
				}
				request.Status.Token = test.answer(request.Spec.Audiences[0])
				w.Header().Set("Content-Type", "application/json")
				if err := json.NewEncoder(w).Encode(request); err != nil {
					t.Error(err)
				}
			}})
			if err := patient().Prove(t.Context(), k, ours.set); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

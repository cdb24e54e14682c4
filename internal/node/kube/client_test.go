package kube_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/node/kube"
)

func TestClientNeedsTLS(t *testing.T) {
	for _, server := range []string{"http://10.0.0.1", "10.0.0.1:443", "https://"} {
		if _, err := kube.NewClient(kube.Config{Server: server}, clock.RealClock{}); err == nil {
			t.Errorf("%s was taken", server)
		}
	}
}

// The token of the agent's account goes to the server that the cluster's authority vouches for, and nowhere that this one names.
func TestAccountsTokenGoesNowhereElse(t *testing.T) {
	stranger := otherAuthority(t)
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another server was asked %s with %d bytes of authorization", r.URL.Path, len(r.Header.Get("Authorization")))
	}))
	t.Cleanup(elsewhere.Close)
	var asked int
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	server.Config.ErrorLog = log.New(t.Output(), "", 0) // the refused handshake
	server.StartTLS()
	t.Cleanup(server.Close)

	get := func(authority []byte) error {
		folder := t.TempDir()
		config := kube.Config{Server: server.URL, CAFile: filepath.Join(folder, "ca"), TokenFile: filepath.Join(folder, "token")}
		for file, content := range map[string][]byte{config.CAFile: authority, config.TokenFile: []byte("one\n")} {
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		client, err := kube.NewClient(config, clock.RealClock{})
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Get(t.Context(), "/api/v1/pods", nil)
		if err == nil {
			response.Body.Close()
		}
		return err
	}
	var unknown x509.UnknownAuthorityError
	if err := get(stranger); !errors.As(err, &unknown) || asked > 0 {
		t.Errorf("a server that another authority vouches for: %v, %d requests", err, asked)
	}
	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	var status *kube.StatusError
	if err := get(own); !errors.As(err, &status) || status.Code != http.StatusTemporaryRedirect {
		t.Errorf("a redirect: %v", err)
	}
}

func otherAuthority(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

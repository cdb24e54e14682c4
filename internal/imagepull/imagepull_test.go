package imagepull_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/imagepull"
)

const asked = `{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"hub.azurecr.io/team/web:1"}`

// world is a metadata service and a registry, and the node between them.
func world(t *testing.T, config string, metadata, registry http.HandlerFunc) imagepull.Node {
	t.Helper()
	file := filepath.Join(t.TempDir(), "azure.json")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := imagepull.ReadCloudConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	imds, server := httptest.NewServer(metadata), httptest.NewTLSServer(registry)
	t.Cleanup(imds.Close)
	t.Cleanup(server.Close)
	client := imagepull.NewClient(2 * time.Minute)
	client.Transport = &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is the test server's
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == "hub.azurecr.io:443" {
				address = server.Listener.Addr().String()
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	return imagepull.Node{Config: read, Metadata: imds.URL, Client: client, Clock: clock.RealClock{}}
}

const withIdentity = `{"tenantId":"t-1","useManagedIdentityExtension":true,"userAssignedIdentityID":"kubelet-1","aadClientId":"msi","aadClientSecret":"msi"}`

func token(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Metadata") != "true" || r.URL.Query().Get("client_id") != "kubelet-1" || r.URL.Query().Get("resource") != "https://containerregistry.azure.net" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	_, _ = w.Write([]byte(`{"access_token":"entra-token"}`))
}

func exchange(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/oauth2/exchange" || r.PostFormValue("access_token") != "entra-token" || r.PostFormValue("service") != "hub.azurecr.io" || r.PostFormValue("tenant") != "t-1" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	_, _ = w.Write([]byte(`{"refresh_token":"registry-token"}`))
}

func TestKubeletGetsARegistryTokenOfTheNodesIdentity(t *testing.T) {
	var out bytes.Buffer
	if err := imagepull.Answer(t.Context(), strings.NewReader(asked), &out, world(t, withIdentity, token, exchange)); err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := any(map[string]any{
		"apiVersion": "credentialprovider.kubelet.k8s.io/v1", "kind": "CredentialProviderResponse", "cacheKeyType": "Registry", "cacheDuration": "10s",
		"auth": map[string]any{"hub.azurecr.io": map[string]any{"username": "00000000-0000-0000-0000-000000000000", "password": "registry-token"}},
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestServicePrincipalIsItsOwnCredential(t *testing.T) {
	none := func(w http.ResponseWriter, r *http.Request) { t.Errorf("%s was asked", r.URL.Path) }
	node := world(t, `{"tenantId":"t-1","aadClientId":"sp-1","aadClientSecret":"sp-secret"}`, none, none)
	user, password, err := node.Credentials(t.Context(), "hub.azurecr.io")
	if err != nil || user != "sp-1" || password.Reveal() != "sp-secret" {
		t.Errorf("user %q, secret right: %v (%v)", user, password.Reveal() == "sp-secret", err)
	}
}

func TestRefusalsSayWhoRefused(t *testing.T) {
	denied := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"errors":[{"code":"UNAUTHORIZED"}]}`))
	}
	elsewhere := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://example.com/oauth2/exchange", http.StatusTemporaryRedirect)
	}
	for _, c := range []struct {
		name               string
		request            string
		metadata, registry http.HandlerFunc
		want               string
	}{
		{"registry", asked, token, denied, `ACR token exchange endpoint returned error status: 401. body: {"errors":[{"code":"UNAUTHORIZED"}]}`},
		{"registry leads elsewhere", asked, token, elsewhere, "ACR token exchange endpoint returned error status: 307"},
		{"metadata service", asked, denied, exchange, "instance metadata endpoint returned error status: 401"},
		{"another version", strings.Replace(asked, "/v1", "/v1alpha1", 1), token, exchange, "knows CredentialProviderRequest of credentialprovider.kubelet.k8s.io/v1 alone"},
		{"no registry", strings.Replace(asked, "hub.azurecr.io/team/", "", 1), token, exchange, "names no registry"},
		{"a registry that is none", strings.Replace(asked, "hub.azurecr.io", "user@hub.azurecr.io", 1), token, exchange, "names no registry"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			err := imagepull.Answer(t.Context(), strings.NewReader(c.request), &out, world(t, withIdentity, c.metadata, c.registry))
			if err == nil || !strings.Contains(err.Error(), c.want) || out.Len() > 0 {
				t.Errorf("error %v, answered %d bytes; want an error with %q and no answer", err, out.Len(), c.want)
			}
		})
	}
}

func TestBusyMetadataServiceIsAskedAgain(t *testing.T) {
	var times atomic.Int32
	busy := func(w http.ResponseWriter, r *http.Request) {
		if times.Add(1) == 1 {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		token(w, r)
	}
	if _, _, err := world(t, withIdentity, busy, exchange).Credentials(t.Context(), "hub.azurecr.io"); err != nil {
		t.Error(err)
	}
}

func TestCloudConfigIsNeverQuoted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "azure.json")
	if err := os.WriteFile(file, []byte(`{"aadClientSecret":"the-secret`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := imagepull.ReadCloudConfig(file); err == nil || strings.Contains(err.Error(), "the-secret") {
		t.Errorf("error: %v", err)
	}
}

func TestCheckSaysHowFarItCame(t *testing.T) {
	denied := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }
	var out bytes.Buffer
	// The name of this test's registry resolves nowhere.
	nowhere := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }}
	if imagepull.Check(t.Context(), &out, world(t, withIdentity, token, denied), nowhere, "hub.azurecr.io") ||
		!strings.Contains(out.String(), "Checking host name resolution (hub.azurecr.io): FAILED") {
		t.Errorf("printed:\n%s", out.String())
	}
}

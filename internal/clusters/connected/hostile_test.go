package connected_test

import (
	"compress/gzip"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/lanyard-project/lanyard/internal/clusters/connected"
)

// patient is a client that a slow machine isn't too slow for.
func patient() connected.Clusters { return connected.Clusters{Patience: 2 * time.Minute} }

// hostile is an API server that answers as told, and else as one that is in order.
func hostile(t *testing.T, answers map[string]http.HandlerFunc) connected.Kubeconfig {
	t.Helper()
	in := map[string]string{
		"/version": `{"gitVersion":"v1.33.1+k3s1"}`,
		"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": `{"status":{"allowed":true}}`,
		"/api/v1/namespaces/kube-system":                         `{"metadata":{"name":"kube-system","uid":"u1"}}`,
		"/.well-known/openid-configuration":                      `{"issuer":"https://kubernetes.default.svc"}`,
		"/openid/v1/jwks":                                        `{"keys":[]}`,
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer, ok := answers[r.URL.Path]; ok {
			answer(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(in[r.URL.Path]))
	}))
	t.Cleanup(server.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	k, err := connected.Parse(kubeconfig(t, func(c *api.Cluster, _ *api.AuthInfo) { c.Server, c.CertificateAuthorityData = server.URL, authority }), "")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// packing writes what is written to it packed.
type packing struct {
	http.ResponseWriter
	into *gzip.Writer
}

func (p packing) Write(b []byte) (int, error) { return p.into.Write(b) }

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(text))
	}
}

// Whoever connects a cluster runs its API server: one that answers without end, or with much packed into little, must not
// take the memory of the cloud, nor have it keep what it can't.
func TestHostileClusterAnswersWithoutEnd(t *testing.T) {
	endless := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		spaces := []byte(strings.Repeat(" ", 1<<16))
		for r.Context().Err() == nil {
			if _, err := w.Write(spaces); err != nil {
				return
			}
		}
	}
	packed := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		endless(packing{w, gzip.NewWriter(w)}, r)
	}
	long := strings.Repeat("x", 1<<20)
	for name, test := range map[string]struct {
		path   string
		answer http.HandlerFunc
		says   string
	}{
		"keys without end":        {"/openid/v1/jwks", endless, "more than"},
		"much packed into little": {"/openid/v1/jwks", packed, "more than"},
		"a namespace without end": {"/api/v1/namespaces/kube-system", endless, "more than"},
		"keys that can't be kept": {"/openid/v1/jwks", says(`{"keys":["` + long + `"]}`), "the keys of its tokens have"},
		"a long issuer":           {"/.well-known/openid-configuration", says(`{"issuer":"` + long + `"}`), "the issuer of its tokens has"},
		"a long version":          {"/version", says(`{"gitVersion":"v` + long + `"}`), "its version has"},
		"a long complaint": {"/api/v1/namespaces/kube-system", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"` + long + `"}`))
		}, "kube-system: xxx"},
		"no identity of the whole":  {"/api/v1/namespaces/kube-system", says(`{"metadata":{"name":"kube-system"}}`), "UID"},
		"another place to go on at": {"/openid/v1/jwks", http.RedirectHandler("https://169.254.169.254/", http.StatusFound).ServeHTTP, "the keys of its tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			facts, err := patient().Look(t.Context(), hostile(t, map[string]http.HandlerFunc{test.path: test.answer}))
			if err == nil || !strings.Contains(err.Error(), test.says) || len(err.Error()) > 4096 {
				t.Errorf("got %.500v", err)
			}
			if facts.Cluster != "" {
				t.Errorf("kept %+v", facts)
			}
		})
	}
	if facts, err := patient().Look(t.Context(), hostile(t, nil)); err != nil || facts.Cluster != "u1" || facts.Version != "1.33.1" {
		t.Errorf("one that is in order: %+v, %v", facts, err)
	}
}

// The name of a node is what the cluster says it is: it becomes part of a key, and of records.
func TestHostileClusterNamesNodes(t *testing.T) {
	for node, want := range map[string]string{"worker-1.example": "worker-1.example", "../../other": "", strings.Repeat("x", 300): "", "a\nb": ""} {
		const audience = "https://localhost/lanyard/connected/k"
		review, err := json.Marshal(map[string]any{"status": map[string]any{
			"authenticated": true, "audiences": []string{audience},
			"user": map[string]any{"username": "agent", "extra": map[string]any{"authentication.kubernetes.io/node-name": []string{node}}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		k := hostile(t, map[string]http.HandlerFunc{"/apis/authentication.k8s.io/v1/tokenreviews": says(string(review))})
		if got, err := patient().Review(t.Context(), k, "token", audience); err != nil || got.Node != want || got.Name != "agent" {
			t.Errorf("%.20q: %+v, %v", node, got, err)
		}
	}
}

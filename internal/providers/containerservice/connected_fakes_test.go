package containerservice_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/lanyard-project/lanyard/internal/clusters/connected"
	"github.com/lanyard-project/lanyard/internal/clusters/objects"
)

// farCluster is a Kubernetes that somebody else runs.
type farCluster struct {
	uid     string
	signer  jose.JSONWebKey
	away    bool
	sets    map[string][]*unstructured.Unstructured
	reviews int
	// slow is the key of a cluster that answers reviews when held is closed.
	slow string
	held chan struct{}
}

type fakeConnected struct{ *world }

func (f fakeConnected) Look(ctx context.Context, k connected.Kubeconfig) (facts connected.Facts, err error) {
	return facts, f.change(ctx, "Look", func() error {
		if f.far == nil || f.far.away {
			return errors.New("no route to host")
		}
		facts = connected.Facts{Cluster: f.far.uid, Version: "1.33.1", Issuer: "https://kubernetes.default.svc.cluster.local", Keys: []byte(f.far.keys())}
		return nil
	})
}

func (f fakeConnected) Apply(ctx context.Context, _ connected.Kubeconfig, set objects.Set) error {
	return f.change(ctx, "far.Apply "+set.Name, func() error {
		if f.far.away {
			return errors.New("no route to host")
		}
		if f.far.sets == nil {
			f.far.sets = map[string][]*unstructured.Unstructured{}
		}
		if f.far.sets[set.Name] = set.Objects; len(set.Objects) == 0 {
			delete(f.far.sets, set.Name)
		}
		return nil
	})
}

func (f fakeConnected) Missing(context.Context, connected.Kubeconfig) ([]string, error) {
	return nil, nil
}

func (f fakeConnected) Review(_ context.Context, _ connected.Kubeconfig, token, audience string) (connected.Account, error) {
	if f.far.slow != "" && strings.HasSuffix(audience, "/"+f.far.slow) {
		<-f.far.held
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.far.reviews++
	if _, err := connected.Signed([]byte(f.far.keys()), token); err != nil || !strings.HasPrefix(audience, "https://localhost:8443/lanyard/connected/") {
		return connected.Account{}, connected.ErrUnknownToken
	}
	return connected.Account{Name: nodeAgent, Node: "kind-worker"}, nil
}

func (f fakeConnected) Prove(_ context.Context, _ connected.Kubeconfig, keys []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if string(keys) != f.far.keys() {
		return connected.ErrAnotherCluster
	}
	return nil
}

// newFar is a cluster with a key of its own.
func newFar(t testing.TB) *farCluster {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &farCluster{uid: "u1", signer: jose.JSONWebKey{Key: key, KeyID: "k1", Algorithm: string(jose.ES256), Use: "sig"}, held: make(chan struct{})}
}

// keys is the set that it publishes.
func (f *farCluster) keys() string {
	raw, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{f.signer.Public()}})
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// signs is a token of the cluster's.
func (f *farCluster) signs(t testing.TB, subject, audience string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: f.signer}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(map[string]any{"sub": subject, "aud": []string{audience}, "exp": time.Now().Add(time.Hour).Unix()}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

const nodeAgent = "system:serviceaccount:kube-system:aks-pod-identity-nmi"

// forged is a token that says it is signed by the cluster's key.
func forged(t testing.TB, subject, audience string) string {
	t.Helper()
	return newFar(t).signs(t, subject, audience)
}

// wayTo is a kubeconfig, as requests carry it.
func wayTo(t testing.TB, server string) string {
	t.Helper()
	config := api.NewConfig()
	config.Clusters["kind"] = &api.Cluster{Server: server, CertificateAuthorityData: []byte("CA")}
	config.AuthInfos["admin"] = &api.AuthInfo{Token: "far-secret"}
	config.Contexts["kind"], config.CurrentContext = &api.Context{Cluster: "kind", AuthInfo: "admin"}, "kind"
	raw, err := clientcmd.Write(*config)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

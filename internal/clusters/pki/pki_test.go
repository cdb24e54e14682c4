package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/clientcmd"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/clusters/pki"
)

func TestEnsureIsLevelBased(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	clock := clocktesting.NewFakePassiveClock(now)
	open := func() *pki.Authority {
		t.Helper()
		a, err := pki.EnsureAuthority(pki.In(dir, "ca"), "test", clock)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	request := pki.Request{CommonName: "node-0", Server: true, Names: []string{"node-0"}, Addresses: []netip.Addr{netip.MustParseAddr("10.224.0.4")}}
	leaf := pki.In(dir, "leaf")
	ensure := func(r pki.Request) *x509.Certificate {
		t.Helper()
		if err := open().Ensure(leaf, r); err != nil {
			t.Fatal(err)
		}
		pair, err := tls.LoadX509KeyPair(leaf.Certificate, leaf.Key)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		ca, err := open().CertificatePEM()
		if err != nil || !roots.AppendCertsFromPEM(ca) {
			t.Fatal("no authority in its file", err)
		}
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: clock.Now(), DNSName: r.Names[0]}); err != nil {
			t.Fatal(err)
		}
		return pair.Leaf
	}
	first := ensure(request)
	if again := ensure(request); !again.Equal(first) {
		t.Error("a fitting certificate was replaced")
	}
	clock.SetTime(now.Add(200 * 24 * time.Hour))
	if again := ensure(request); !again.Equal(first) {
		t.Error("a certificate was replaced too early")
	}
	clock.SetTime(now.Add(300 * 24 * time.Hour))
	second := ensure(request)
	if second.Equal(first) {
		t.Error("a certificate in its last third was kept")
	}
	request.Names = []string{"node-0", "other"}
	if third := ensure(request); third.Equal(second) {
		t.Error("a certificate without a wanted name was kept")
	}
	for _, f := range []string{"ca.key", "leaf.key"} {
		st, err := os.Stat(filepath.Join(dir, f))
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f, st.Mode())
		}
	}
}

func TestAuthorityRefusesForeignKey(t *testing.T) {
	dir := t.TempDir()
	clock := clocktesting.NewFakePassiveClock(time.Now())
	if _, err := pki.EnsureAuthority(pki.In(dir, "ca"), "test", clock); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "ca.key")); err != nil {
		t.Fatal(err)
	}
	if _, err := pki.EnsureAuthority(pki.In(dir, "ca"), "test", clock); err == nil {
		t.Error("an authority whose key was lost was opened")
	}
}

func TestKubeconfigNamesItsHolder(t *testing.T) {
	a, err := pki.EnsureAuthority(pki.In(t.TempDir(), "ca"), "test", clocktesting.NewFakePassiveClock(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	b, err := a.Kubeconfig(pki.Person{
		Cluster: "shop", Context: "shop", User: "clusterUser_rg_shop", Server: "https://127.0.0.1:1234",
		Request: pki.Request{CommonName: "clusterUser"},
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := clientcmd.RESTConfigFromKubeConfig(b)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(cfg.CertData)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{cfg.Host, c.Subject.CommonName, len(c.Subject.Organization)}
	if diff := cmp.Diff([]any{"https://127.0.0.1:1234", "clusterUser", 0}, got); diff != "" {
		t.Errorf("kubeconfig (-want +got):\n%s", diff)
	}
}

func TestSigningKeyIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sa.key")
	first, err := pki.EnsureSigningKey(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := pki.EnsureSigningKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if !first.Equal(second) {
		t.Error("the key changed")
	}
}

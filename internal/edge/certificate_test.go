package edge_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/edge"
	"github.com/lanyard-project/lanyard/internal/seal"
)

func TestAuthorityIsKeptAndLeavesAreRenewed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	box, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	clk := clocktesting.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	first, err := edge.OpenAuthority(dir, box, clk)
	if err != nil {
		t.Fatal(err)
	}
	again, err := edge.OpenAuthority(dir, box, clk)
	if err != nil {
		t.Fatal(err)
	}
	if string(first.PEM()) != string(again.PEM()) {
		t.Error("a second start made another authority")
	}
	for name, mode := range map[string]os.FileMode{"ca.key.sealed": 0o600, ".": 0o700} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	wrong, err := seal.New(append(make([]byte, 31), 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := edge.OpenAuthority(dir, wrong, clk); err == nil {
		t.Error("another master key opens the authority's key")
	}

	config := first.ServerConfig("localhost", "127.0.0.1", "168.63.129.16")
	leaf := func() *x509.Certificate {
		t.Helper()
		c, err := config.GetCertificate(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(again.PEM())
	one := leaf()
	for _, name := range []string{"localhost", "127.0.0.1", "168.63.129.16"} {
		if _, err := one.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: clk.Now()}); err != nil {
			t.Error(err)
		}
	}
	clk.Step(59 * 24 * time.Hour)
	if !leaf().Equal(one) {
		t.Error("renewed too early")
	}
	clk.Step(2 * 24 * time.Hour)
	two := leaf()
	if two.Equal(one) {
		t.Error("not renewed")
	}
	if _, err := two.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: roots, CurrentTime: one.NotAfter.Add(time.Hour)}); err != nil {
		t.Error(err)
	}
}

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

// TestAuthorityIsRenewedUnderTheSameKey: clients keep the file that they were
// given, so the old certificate has to be good for what the new one issues.
func TestAuthorityIsRenewedUnderTheSameKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	box, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	clk := clocktesting.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	authority, err := edge.OpenAuthority(dir, box, clk)
	if err != nil {
		t.Fatal(err)
	}
	given := authority.PEM()
	config := authority.ServerConfig("localhost")
	clk.Step(9 * 365 * 24 * time.Hour)
	served, err := config.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	renewed := authority.PEM()
	if file, err := os.ReadFile(filepath.Join(dir, "ca.crt")); err != nil || string(file) != string(renewed) || string(renewed) == string(given) {
		t.Errorf("a year before its end the certificate isn't renewed: %v", err)
	}
	for when, at := range map[string]struct {
		roots []byte
		time  time.Time
	}{
		"who has the old one":               {given, clk.Now()},
		"who has the new one":               {renewed, clk.Now()},
		"the new one, when the old is over": {renewed, clk.Now().Add(80 * 24 * time.Hour)},
	} {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(at.roots)
		if _, err := served.Leaf.Verify(x509.VerifyOptions{DNSName: "localhost", Roots: roots, CurrentTime: at.time}); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	again, err := edge.OpenAuthority(dir, box, clk)
	if err != nil || string(again.PEM()) != string(renewed) {
		t.Errorf("a start after it renews again: %v", err)
	}
}

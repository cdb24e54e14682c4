package etcdserver

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
)

// TestPairThatDoesNotFitIsMadeAgain puts one leaf's key beside another's certificate.
func TestPairThatDoesNotFitIsMadeAgain(t *testing.T) {
	p := paths{data: filepath.Join(t.TempDir(), "data"), run: filepath.Join(t.TempDir(), "run")}
	if err := p.make(); err != nil {
		t.Fatal(err)
	}
	a, err := loadAuthority(p)
	if err != nil {
		t.Fatal(err)
	}
	ensure := func(name string) {
		t.Helper()
		if err := a.ensure(p.pair(name), name, x509.ExtKeyUsageClientAuth); err != nil {
			t.Fatal(err)
		}
	}
	ensure("one")
	ensure("two")
	kept, err := os.ReadFile(p.pair("one").cert)
	if err != nil {
		t.Fatal(err)
	}
	ensure("one")
	if again, err := os.ReadFile(p.pair("one").cert); err != nil || string(again) != string(kept) {
		t.Errorf("a good certificate was replaced: %v", err)
	}
	if err := os.Rename(p.pair("two").key, p.pair("one").key); err != nil {
		t.Fatal(err)
	}
	ensure("one")
	if _, err := tls.LoadX509KeyPair(p.pair("one").cert, p.pair("one").key); err != nil {
		t.Error(err)
	}
}

package admission

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"testing"
	"time"
)

func certificateOf(t *testing.T, replica string, at time.Time) *tls.Certificate {
	t.Helper()
	c, err := selfSigned(replica, []string{"mic.ns.svc", "127.0.0.1"}, at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func replicas(t *testing.T, bundle []byte) (names []string) {
	t.Helper()
	for rest := bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return names
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, c.Subject.CommonName)
	}
}

// API servers trust exactly the certificates in the bundle.
func TestBundleIsTrusted(t *testing.T) {
	now := time.Now()
	c := certificateOf(t, "mic-1", now)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(bundleWith(nil, c.Leaf, now))
	for _, name := range []string{"mic.ns.svc", "127.0.0.1"} {
		if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := certificateOf(t, "mic-1", now)
	if _, err := other.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: "mic.ns.svc"}); err == nil {
		t.Error("a certificate that isn't in the bundle is trusted")
	}
}

func TestBundleKeepsWhatMayBeInUse(t *testing.T) {
	now := time.Now()
	own := certificateOf(t, "mic-1", now)
	var bundle []byte
	for _, c := range []*tls.Certificate{
		certificateOf(t, "ended", now.Add(-2*lifetime)), certificateOf(t, "mic-2", now.Add(-time.Hour)),
		certificateOf(t, "mic-1", now.Add(-2*time.Hour)), certificateOf(t, "mic-1", now.Add(-time.Minute)),
	} {
		bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: c.Leaf.Raw})...)
	}
	bundle = append(bundle, "not a certificate\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"...)
	got := bundleWith(bundle, own.Leaf, now)
	count := map[string]int{}
	for _, name := range replicas(t, got) {
		count[name]++
	}
	if want := fmt.Sprint(map[string]int{"mic-1": 2, "mic-2": 1}); fmt.Sprint(count) != want {
		t.Errorf("kept %v, want %v: own and the one before, and other replicas'", count, want)
	}
	if again := bundleWith(got, own.Leaf, now); !bytes.Equal(again, got) {
		t.Error("replicas would rewrite each other's bundle for ever")
	}
	for i := range 2 * mostBundled {
		got = bundleWith(got, certificateOf(t, fmt.Sprint("old-", i), now).Leaf, now)
	}
	if n := len(replicas(t, got)); n != mostBundled {
		t.Errorf("the bundle has grown to %d", n)
	}
}

func TestCertificatesAreReplacedInTime(t *testing.T) {
	now := time.Now()
	c := certificateOf(t, "mic-1", now)
	for name, tc := range map[string]struct {
		at    time.Time
		asked []string
		want  bool
	}{
		"fresh":        {now, []string{"mic.ns.svc"}, true},
		"half-way":     {now.Add(lifetime - renewBefore), []string{"mic.ns.svc"}, false},
		"another name": {now, []string{"mic.ns.svc", "mic.elsewhere.svc"}, false},
	} {
		if got := lasts(c, tc.asked, tc.at); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if lasts(nil, nil, now) {
		t.Error("no certificate lasts")
	}
}

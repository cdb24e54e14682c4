package federation

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	testclock "k8s.io/utils/clock/testing"
)

// foreign is an issuer on loopback that counts how often it is asked.
type foreign struct {
	*httptest.Server
	asked atomic.Int32
	mu    sync.Mutex
	set   jose.JSONWebKeySet
	doc   func(http.ResponseWriter, *http.Request) // instead of the discovery document
}

func newForeign(t *testing.T) *foreign {
	t.Helper()
	f := &foreign{}
	f.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		switch r.URL.Path {
		case wellKnown:
			f.asked.Add(1)
			if f.doc != nil {
				f.doc(w, r)
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": f.URL, "jwks_uri": f.URL + "/keys?v=1"})
		case "/keys":
			_ = json.NewEncoder(w).Encode(f.set)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(f.Close)
	f.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	return f
}

func (f *foreign) publish(t *testing.T, ids ...string) {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, id := range ids {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: id, Algorithm: "RS256", Use: "sig"})
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set = set
}

func (f *foreign) finder(t *testing.T, clock *testclock.FakeClock, trusted ...string) *Keys {
	t.Helper()
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
	keys, err := New(Options{Trusted: trusted, Roots: roots, Clock: clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (f *foreign) host() string { return strings.TrimPrefix(f.URL, "https://") }

func TestKeysAreKeptAndAskedForSparingly(t *testing.T) {
	f, clock := newForeign(t), testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	f.publish(t, "a")
	keys := f.finder(t, clock, "127.0.0.1")
	step := func(what, id string, want error, asked int32) {
		t.Helper()
		if _, err := keys.Key(t.Context(), f.URL, id); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
		if got := f.asked.Load(); got != asked {
			t.Errorf("%s: asked %d times, want %d", what, got, asked)
		}
	}
	step("first", "a", nil, 1)
	step("again", "a", nil, 1)
	step("unknown ID", "b", ErrNoKey, 1) // just asked
	clock.Step(patience)
	step("unknown ID, later", "b", ErrNoKey, 2)
	step("unknown ID, at once again", "b", ErrNoKey, 2)
	f.publish(t, "a", "b")
	clock.Step(patience)
	step("published meanwhile", "b", nil, 3)
	f.publish(t, "b")
	step("withdrawn, still fresh", "a", nil, 3)
	clock.Step(fresh)
	step("withdrawn, not fresh any more", "a", ErrNoKey, 4)

	f.mu.Lock()
	f.doc = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) }
	f.mu.Unlock()
	clock.Step(fresh)
	step("its issuer is down", "b", nil, 5)
	clock.Step(stale)
	if _, err := keys.Key(t.Context(), f.URL, "b"); err == nil || errors.Is(err, ErrNoKey) {
		t.Errorf("down for a day: %v", err)
	}
}

func TestIssuersAreNotFollowedElsewhere(t *testing.T) {
	large := strings.Repeat(" ", maxDocument)
	for name, answer := range map[string]func(f *foreign) func(http.ResponseWriter, *http.Request){
		"redirect": func(*foreign) func(http.ResponseWriter, *http.Request) {
			return func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
			}
		},
		"too large": func(*foreign) func(http.ResponseWriter, *http.Request) {
			return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(large + "{}")) }
		},
		"another issuer": func(f *foreign) func(http.ResponseWriter, *http.Request) {
			return func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode(map[string]string{"issuer": "https://other.example", "jwks_uri": f.URL + "/keys"})
			}
		},
		"keys over http": func(f *foreign) func(http.ResponseWriter, *http.Request) {
			return func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode(map[string]string{"issuer": f.URL, "jwks_uri": "http://169.254.169.254/metadata"})
			}
		},
		"keys at a private address": func(f *foreign) func(http.ResponseWriter, *http.Request) {
			return func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode(map[string]string{"issuer": f.URL, "jwks_uri": strings.Replace(f.URL, "127.0.0.1", "127.0.0.2", 1) + "/keys"})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, clock := newForeign(t), testclock.NewFakeClock(time.Now())
			f.publish(t, "a")
			f.doc = answer(f)
			if _, err := f.finder(t, clock, f.host()).Key(t.Context(), f.URL, "a"); err == nil || errors.Is(err, ErrNoKey) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestPrivateIssuersNeedTheConfiguration(t *testing.T) {
	f, clock := newForeign(t), testclock.NewFakeClock(time.Now())
	f.publish(t, "a")
	for _, test := range []struct {
		trusted string
		good    bool
	}{{"", false}, {"10.0.0.1", false}, {"127.0.0.1:1", false}, {f.host(), true}, {"127.0.0.1", true}} {
		_, err := f.finder(t, clock, test.trusted).Key(t.Context(), f.URL, "a")
		if good := err == nil; good != test.good || !good && !errors.Is(err, ErrForbidden) {
			t.Errorf("trusting %q: %v", test.trusted, err)
		}
	}
	// The name is harmless, what it resolves to isn't.
	name := strings.Replace(f.URL, "127.0.0.1", "localhost", 1)
	if _, err := f.finder(t, clock).Key(t.Context(), name, "a"); !errors.Is(err, ErrForbidden) {
		t.Errorf("localhost: %v", err)
	}
}

func TestOnlyPublicAddresses(t *testing.T) {
	g := newGuard(nil)
	for text, want := range map[string]bool{
		"8.8.8.8": true, "2606:4700::1": true,
		"127.0.0.1": false, "::1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "168.63.129.16": false,
		"100.100.100.200": false, "0.0.0.0": false, "::": false, "fe80::1%eth0": false, "fd00:ec2::254": false, "224.0.0.1": false, "255.255.255.255": false,
		"::ffff:127.0.0.1": false, "::ffff:169.254.169.254": false, "64:ff9b::a9fe:a9fe": false, "::a9fe:a9fe": false, "2002:7f00:1::": false, "192.0.0.192": false,
	} {
		if got := g.public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestPlainURLs(t *testing.T) {
	for text, want := range map[string]bool{
		"https://issuer.example": true, "https://issuer.example:8443/a/b/": true,
		"http://issuer.example": false, "https://": false, "https:issuer": false, "file:///etc/passwd": false, "https://u:p@issuer.example": false,
		"https://issuer.example?a=b": false, "https://issuer.example#a": false, "https://a b": false, "": false,
	} {
		if err := CheckURL(text); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestOwnIssuersAreAskedInProcess(t *testing.T) {
	f := newForeign(t)
	f.publish(t, "a")
	f.URL = "https://localhost:8443" // where nobody listens for this test
	keys, err := New(Options{
		Own:   map[string]http.Handler{"localhost:8443": f.Config.Handler},
		Clock: testclock.NewFakeClock(time.Now()), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Key(t.Context(), f.URL, "a"); err != nil {
		t.Error(err)
	}
}

func TestOneFlightForAll(t *testing.T) {
	f, clock := newForeign(t), testclock.NewFakeClock(time.Now())
	f.publish(t, "a")
	keys := f.finder(t, clock, "127.0.0.1")
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if _, err := keys.Key(ctx, f.URL, "a"); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := f.asked.Load(); got != 1 {
		t.Errorf("asked %d times", got)
	}
}

// CVE-2023-29409 is the same in TLS: a key of a million bits keeps who checks its
// signatures busy.
func TestKeysOfUnreasonableSizeAreNotUsed(t *testing.T) {
	for bits, want := range map[uint]bool{1024: false, 2048: true, 4096: true, 4097: false, 1 << 17: false} {
		key := jose.JSONWebKey{Key: &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), int(bits)-1, 1), E: 65537}, KeyID: "a", Use: "sig"}
		raw, err := key.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := usable(keySet{Keys: []json.RawMessage{raw}}); (err == nil) != want {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
}

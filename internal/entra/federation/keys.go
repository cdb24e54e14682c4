package federation

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"
)

const (
	// fresh is for how long a key set is believed without asking again.
	fresh = time.Hour
	// stale is for how long it is used while its issuer doesn't answer.
	stale = 24 * time.Hour
	// patience is how long an unknown key ID, or a failing issuer, is left alone
	// before the issuer is asked again.
	patience = 30 * time.Second
	// maxIssuers bounds the memory; federated credentials name the issuers, and
	// whoever writes those can't make us remember more than that.
	maxIssuers = 1024

	minRSABits = 2048
)

// ErrNoKey says that the issuer's key set has no such key.
var ErrNoKey = errors.New("the issuer publishes no such key")

// Options say where keys may come from.
type Options struct {
	// Own answers for our own hosts (host:port), in process: the clusters' issuers
	// and this service's own tenants.
	Own map[string]http.Handler
	// Trusted are hosts (host or host:port) that may have private addresses.
	Trusted []string
	// Roots are PEM certificates to believe beside the system's.
	Roots []byte
	Clock clock.PassiveClock
	Log   *slog.Logger
}

// Keys finds issuers' keys. It is safe for concurrent use.
type Keys struct {
	options Options
	client  *http.Client
	flights singleflight.Group

	mu      sync.Mutex
	issuers map[string]*issuer
}

// issuer is what is remembered of one: replaced as a whole, never changed.
type issuer struct {
	keys    map[string]*rsa.PublicKey
	fetched time.Time
	tried   time.Time
	err     error // of the last try
}

// New makes a finder of keys.
func New(o Options) (*Keys, error) {
	client, err := newClient(o)
	if err != nil {
		return nil, err
	}
	return &Keys{options: o, client: client, issuers: map[string]*issuer{}}, nil
}

// Key finds an issuer's key by its ID. The error is ErrNoKey, or says why the
// issuer couldn't be asked.
func (k *Keys) Key(ctx context.Context, name, keyID string) (*rsa.PublicKey, error) {
	now := k.options.Clock.Now()
	known := k.known(name)
	if key := known.key(keyID); key != nil && now.Sub(known.fetched) < fresh {
		return key, nil
	}
	if known == nil || now.Sub(known.tried) >= patience || now.Before(known.tried) {
		known = k.refresh(ctx, name)
	}
	switch key := known.key(keyID); {
	case key != nil && now.Sub(known.fetched) < stale:
		return key, nil
	case known.err != nil:
		return nil, known.err
	}
	return nil, ErrNoKey
}

func (i *issuer) key(keyID string) *rsa.PublicKey {
	if i == nil {
		return nil
	}
	return i.keys[keyID]
}

func (k *Keys) known(name string) *issuer {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.issuers[name]
}

// refresh asks the issuer, once for all who wait, and remembers the outcome. It
// goes on when the caller that began it goes away: others wait for it too.
func (k *Keys) refresh(ctx context.Context, name string) *issuer {
	result, _, _ := k.flights.Do(name, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		next := &issuer{tried: k.options.Clock.Now()}
		next.keys, next.err = k.fetch(ctx, name)
		if next.err != nil {
			k.options.Log.Warn("asking a token issuer for its keys failed", "issuer", name, "error", next.err)
			if before := k.known(name); before != nil {
				next.keys, next.fetched = before.keys, before.fetched
			}
		} else {
			next.fetched = next.tried
		}
		k.remember(name, next)
		return next, nil
	})
	return result.(*issuer) //nolint:forcetypeassert // the function above returns nothing else
}

func (k *Keys) remember(name string, next *issuer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.issuers[name]; !ok && len(k.issuers) >= maxIssuers {
		for other := range k.issuers {
			delete(k.issuers, other)
			break
		}
	}
	k.issuers[name] = next
}

// usable picks the keys that may sign assertions: RSA, long enough, for signatures.
// Reading one refuses those that are so long that checking with them would cost much.
func usable(set keySet) (map[string]*rsa.PublicKey, error) {
	found := map[string]*rsa.PublicKey{}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) != nil {
			continue
		}
		public, ok := key.Key.(*rsa.PublicKey)
		if !ok || public.N.BitLen() < minRSABits || key.Use != "" && key.Use != "sig" || key.KeyID == "" {
			continue
		}
		found[key.KeyID] = public
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("its key set has no RSA key of %d to %d bits with an ID", minRSABits, jose.MaxRSAModulusBits)
	}
	return found, nil
}

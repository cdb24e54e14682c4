package imdsserver

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"
)

// cache keeps tokens by (identity, host, resource): a token names the host that it was asked from. It never decides who may have one: the caller has chosen the identity
// from the machine's scale set before it asks here.
//
// A token is handed out until half of its life is over. Clients refresh at half-life, and would be given the very token
// that they want to replace if we kept it longer. One whose key was taken out of use isn't handed out any more.
type cache struct {
	issuer Issuer
	clock  clock.PassiveClock
	flight singleflight.Group

	mu     sync.Mutex
	tokens map[string]map[slot]Token // by principal
}

type slot struct{ host, resource string }

func slotOf(identity Identity, resource string) slot {
	return slot{strings.ToLower(identity.Host), resource}
}

func newCache(issuer Issuer, c clock.PassiveClock) *cache {
	return &cache{issuer: issuer, clock: c, tokens: map[string]map[slot]Token{}}
}

// maxResources bounds what one identity's clients can make us keep by asking for ever new spellings of a resource.
const maxResources = 64

// get returns a token, from memory if there is a good one and fresh isn't asked for.
func (c *cache) get(ctx context.Context, identity Identity, resource string, fresh bool) (token Token, cached bool, err error) {
	if !fresh {
		if token, ok := c.lookup(identity, resource); ok && c.issuer.Believed(token) {
			exists, err := c.issuer.IdentityExists(ctx, identity)
			if err != nil {
				return Token{}, false, err
			}
			if !exists {
				c.Forget(identity.PrincipalID)
				return Token{}, false, ErrNoIdentity
			}
			return token, true, nil
		}
	}
	// The flight outlives the request that started it: the others that wait for it aren't to fail because one client
	// hung up.
	key := principalKey(identity.PrincipalID) + " " + identity.Host + " " + resource
	result := c.flight.DoChan(key, func() (any, error) {
		token, err := c.issuer.IdentityToken(context.WithoutCancel(ctx), identity, resource)
		if err != nil {
			return Token{}, err
		}
		c.keep(identity, resource, token)
		return token, nil
	})
	select {
	case r := <-result:
		if errors.Is(r.Err, ErrNoIdentity) {
			c.Forget(identity.PrincipalID)
		}
		if r.Err != nil {
			return Token{}, false, r.Err
		}
		return r.Val.(Token), false, nil
	case <-ctx.Done():
		return Token{}, false, ctx.Err()
	}
}

func (c *cache) lookup(identity Identity, resource string) (Token, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	token, ok := c.tokens[principalKey(identity.PrincipalID)][slotOf(identity, resource)]
	if !ok || !c.clock.Now().Before(half(token)) {
		return Token{}, false
	}
	return token, true
}

func half(t Token) time.Time { return t.NotBefore.Add(t.ExpiresOn.Sub(t.NotBefore) / 2) }

func (c *cache) keep(identity Identity, resource string, token Token) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := principalKey(identity.PrincipalID)
	if c.tokens[key] == nil {
		c.tokens[key] = map[slot]Token{}
	}
	if len(c.tokens[key]) >= maxResources {
		clear(c.tokens[key])
	}
	c.tokens[key][slotOf(identity, resource)] = token
}

// Forget drops every token of a principal.
func (c *cache) Forget(principalID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tokens, principalKey(principalID))
}

func principalKey(id string) string { return strings.ToLower(id) }

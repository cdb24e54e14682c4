package pipeline

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// Authenticator proves who a bearer token stands for. It fails with a *BadToken
// when the token is at fault; any other error is a failure of ours.
type Authenticator interface {
	Verify(ctx context.Context, bearer string) (providers.Caller, error)
}

// Problem says what is wrong with a token.
type Problem int

// What can be wrong with a token.
const (
	InvalidToken Problem = iota
	ExpiredToken
	WrongAudience
	WrongTenant
	RevokedToken // it may have been good, until its signing key was dropped
)

// BadToken is a token that proves nothing.
type BadToken struct {
	Problem  Problem
	Expired  time.Time // of ExpiredToken
	Audience string    // of WrongAudience
	Issuer   string    // of WrongTenant
}

func (e *BadToken) Error() string { return "the access token proves nothing" }

// subscriptionState is what the subscription's document keeps for us.
type subscriptionState struct {
	TenantID string `json:"tenantId"`
}

// authenticate finds out who calls, before anything else is looked at.
func (p *Pipeline) authenticate(ctx context.Context, c *call) error {
	scheme, bearer, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	if bearer = strings.TrimSpace(bearer); bearer == "" || !strings.EqualFold(scheme, "Bearer") {
		return rest.MissingAuthorization(p.authority(ctx, c))
	}
	caller, err := p.Authenticator.Verify(ctx, bearer)
	var bad *BadToken
	switch {
	case errors.As(err, &bad):
		return p.refuse(ctx, c, bad)
	case err != nil:
		return err
	}
	c.caller, c.entry.Caller = caller, caller
	return nil
}

func (p *Pipeline) refuse(ctx context.Context, c *call, bad *BadToken) error {
	authority := p.authority(ctx, c)
	switch bad.Problem {
	case ExpiredToken:
		return rest.ExpiredToken(authority, bad.Expired, p.Clock.Now())
	case WrongAudience:
		return rest.WrongAudienceToken(authority, bad.Audience)
	case WrongTenant:
		return rest.WrongTenantToken(authority, bad.Issuer, authority+"/")
	case RevokedToken:
		return rest.RevokedToken(authority, tokens.InsufficientClaims(p.Clock.Now()))
	default:
		return rest.InvalidToken(authority)
	}
}

// authority is where the caller can sign in: the tenant of the subscription in
// the path, or the default one.
func (p *Pipeline) authority(ctx context.Context, c *call) string {
	tenant := p.DefaultTenant
	if id, _, err := armid.ParsePath(c.Path); err == nil {
		if subscription := id.SubscriptionID(); !subscription.IsZero() {
			if of, err := p.tenant(ctx, subscription); err == nil && of != "" {
				tenant = of
			}
		}
	}
	return c.Origin + "/" + tenant
}

// subscription checks that the subscription exists and belongs to the caller's tenant.
func (p *Pipeline) subscription(ctx context.Context, c *call) error {
	id := c.match.At().SubscriptionID()
	if id.IsZero() {
		return nil
	}
	tenant, err := p.tenant(ctx, id)
	if err != nil {
		return err
	}
	if tenant == "" {
		return rest.SubscriptionNotFound(id.Name())
	}
	if !strings.EqualFold(tenant, c.caller.TenantID) {
		return rest.WrongTenantToken(c.Origin+"/"+tenant, c.Origin+"/"+c.caller.TenantID+"/", c.Origin+"/"+tenant+"/")
	}
	return nil
}

// tenant returns the tenant of a subscription, or "" when there is no such.
func (p *Pipeline) tenant(ctx context.Context, subscription armid.ID) (string, error) {
	if known, ok := p.tenants.of(subscription); ok {
		return known, nil
	}
	stored, err := p.documents.Look(ctx, subscription)
	if err != nil || stored == nil {
		return "", err
	}
	state, err := resource.ReadInternal[subscriptionState](stored)
	if err != nil {
		return "", err
	}
	p.tenants.keep(subscription, state.TenantID)
	return state.TenantID, nil
}

// tenants remembers which tenant a subscription is in: that never changes.
type tenants struct {
	mu    sync.RWMutex
	known map[string]string // by the subscription's key
}

func (t *tenants) of(subscription armid.ID) (string, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	tenant, ok := t.known[subscription.Key()]
	return tenant, ok
}

func (t *tenants) keep(subscription armid.ID, tenant string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil {
		t.known = map[string]string{}
	}
	t.known[strings.Clone(subscription.Key())] = tenant
}

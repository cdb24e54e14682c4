package broker

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lanyard-project/lanyard/internal/brokerapi"
)

const nodeClaim = "authentication.kubernetes.io/node-name"

// errCaller says that a caller isn't an agent; its text is for the log.
var errCaller = errors.New("the caller is not a node agent")

// callers tells which node an agent runs on.
type callers struct {
	reviews client.Client
	account string // system:serviceaccount:<namespace>:<name>
	clock   clock.PassiveClock
	turns   *turns
	flights singleflight.Group

	mu    sync.Mutex
	known map[[sha256.Size]byte]review
}

type review struct {
	node  string
	until time.Time
}

func newCallers(reviews client.Client, account string, clk clock.PassiveClock) *callers {
	return &callers{reviews: reviews, account: account, clock: clk, turns: newTurns(clk), known: map[[sha256.Size]byte]review{}}
}

// rememberReview is how long a token that ended early, because its pod was deleted, still counts.
const rememberReview = 30 * time.Second

// node gives the node of the agent that makes a request. The API server is asked about a token that isn't known, for each address
// so often and no more: every pod of the cluster reaches the broker, and can make tokens up.
func (c *callers) node(ctx context.Context, r *http.Request) (string, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return "", fmt.Errorf("%w: no bearer token", errCaller)
	}
	key := sha256.Sum256([]byte(token))
	c.mu.Lock()
	known, ok := c.known[key]
	c.mu.Unlock()
	if ok && c.clock.Now().Before(known.until) {
		return known.node, nil
	}
	flight := c.flights.DoChan(string(key[:]), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), brokerapi.LongestAnswer) // others may be waiting too
		defer cancel()
		done, err := c.turns.take(ctx, r.RemoteAddr)
		if err != nil {
			return "", err
		}
		defer done()
		node, err := c.review(ctx, token)
		if err == nil {
			c.remember(key, node)
		}
		return node, err
	})
	select {
	case result := <-flight:
		node, _ := result.Val.(string)
		return node, result.Err
	case <-ctx.Done():
		return "", fmt.Errorf("having a token reviewed: %w", ctx.Err())
	}
}

func (c *callers) remember(key [sha256.Size]byte, node string) {
	now := c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for old, r := range c.known {
		if !now.Before(r.until) {
			delete(c.known, old)
		}
	}
	c.known[key] = review{node: node, until: now.Add(rememberReview)}
}

func (c *callers) review(ctx context.Context, token string) (string, error) {
	answer := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{brokerapi.Audience}}}
	if err := c.reviews.Create(ctx, answer); err != nil {
		return "", fmt.Errorf("having a token reviewed: %w", err)
	}
	user := answer.Status.User
	switch {
	case !answer.Status.Authenticated:
		return "", fmt.Errorf("%w: the API server doesn't accept its token", errCaller)
	case len(answer.Status.Audiences) != 1 || answer.Status.Audiences[0] != brokerapi.Audience:
		return "", fmt.Errorf("%w: its token is for somebody else", errCaller)
	case user.Username != c.account:
		return "", fmt.Errorf("%w: it is %s", errCaller, user.Username)
	case len(user.Extra[nodeClaim]) != 1 || user.Extra[nodeClaim][0] == "":
		return "", fmt.Errorf("%w: its token names no node (Kubernetes 1.30 and later do)", errCaller)
	}
	return user.Extra[nodeClaim][0], nil
}

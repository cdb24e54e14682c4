package entra

import (
	"context"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/obs/record"
	"github.com/lanyard-project/lanyard/internal/secret"
)

const (
	// maxFailures within failureWindow lock a name for as long.
	maxFailures   = 10
	failureWindow = time.Minute
	// maxHashing is how many passwords are checked at a time: each takes 19 MB and a
	// processor for a while, and anybody may ask.
	maxHashing = 2
	maxNames   = 4096
	// What is longer is no user's name or password, and isn't remembered or checked.
	maxUserName     = 320
	maxPasswordText = 1024
)

// signIns slows down who guesses passwords.
type signIns struct {
	clock   clock.PassiveClock
	hashing chan struct{}

	mu     sync.Mutex
	failed map[string]failures
}

type failures struct {
	count int
	since time.Time
}

func newSignIns(clk clock.PassiveClock) *signIns {
	return &signIns{clock: clk, hashing: make(chan struct{}, maxHashing), failed: map[string]failures{}}
}

func (l *signIns) locked(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := l.failed[strings.ToLower(name)]
	return seen.count >= maxFailures && l.clock.Since(seen.since) < failureWindow
}

func (l *signIns) note(name string, good bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name = strings.ToLower(name)
	if good {
		delete(l.failed, name)
		return
	}
	seen, known := l.failed[name]
	if !known && len(l.failed) >= maxNames {
		l.forget()
	}
	if !known || l.clock.Since(seen.since) >= failureWindow {
		seen = failures{since: l.clock.Now()}
	}
	seen.count++
	l.failed[name] = seen
}

// forget makes room for a name: a flood of names must neither fill the memory nor
// keep the names after it from being locked. Each name of the flood costs a hash.
func (l *signIns) forget() {
	var fewest string
	for name, f := range l.failed {
		if l.clock.Since(f.since) >= failureWindow {
			delete(l.failed, name)
			continue
		}
		if fewest == "" || f.count < l.failed[fewest].count {
			fewest = name
		}
	}
	if len(l.failed) >= maxNames {
		delete(l.failed, fewest)
	}
}

// signIn proves a user by his password.
func (s *Service) signIn(ctx context.Context, name string, password secret.String) (directory.User, *Error) {
	switch {
	case len(name) > maxUserName || len(password.Reveal()) > maxPasswordText:
		return directory.User{}, passwordWrong()
	case s.signIns.locked(name):
		return directory.User{}, userLocked()
	}
	select {
	case s.signIns.hashing <- struct{}{}:
		defer func() { <-s.signIns.hashing }()
	case <-ctx.Done():
		return directory.User{}, unavailable()
	}
	if s.signIns.locked(name) { // by those who were before it in the queue
		return directory.User{}, userLocked()
	}
	user, ok, err := s.options.Directory.SignIn(ctx, name, password)
	if err != nil {
		s.options.Log.Error("checking a password failed", "error", err)
		return directory.User{}, unavailable()
	}
	s.signIns.note(name, ok)
	switch {
	case !ok:
		return directory.User{}, passwordWrong()
	case user.Disabled:
		return directory.User{}, userDisabled()
	}
	return user, nil
}

// signInAt is signIn at one of the pages. It is recorded, also where it fails: what
// was typed isn't, for it may be a password in the wrong field.
func (s *Service) signInAt(ctx context.Context, page string, c *call, client publicClient, name string, password secret.String) (directory.User, *Error) {
	user, refused := s.signIn(ctx, name, password)
	entry := record.Token{
		CorrelationID: c.correlation, TraceID: c.trace, Via: page, AppID: client.ID, Credential: passwordGrant, Remote: c.remote,
		SignedIn: refused == nil, ObjectID: user.ObjectID, TenantID: user.TenantID,
	}
	if refused != nil {
		entry.Code, entry.Reason = refused.Code, refused.Message
	}
	s.options.Record.Token(entry)
	return user, refused
}

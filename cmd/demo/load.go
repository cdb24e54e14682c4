package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// tally counts tokens got in one way.
type tally struct {
	mu          sync.Mutex
	got, failed int
	slowest     time.Duration
	last        string // failure
	longFail    time.Duration
	failedSince time.Time
}

// load gets tokens again and again, as applications do that have none yet: by the SDK, with the repetitions that it makes by
// itself, and by plain requests without any. A line a second says how many it got, until the context ends.
func (d *demo) load(ctx context.Context, out io.Writer, pause time.Duration) {
	var sdk, plain tally
	var group sync.WaitGroup
	group.Go(func() { sdk.keep(ctx, pause, d.freshToken) })
	group.Go(func() {
		plain.keep(ctx, pause, func(ctx context.Context) error {
			_, err := d.tokenRequest(ctx)
			return err
		})
	})
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-ctx.Done():
			group.Wait()
			done = true
		case <-tick.C:
		}
		fmt.Fprintf(out, "load sdk %s | plain %s\n", &sdk, &plain)
	}
}

// keep repeats until the context ends; what the end interrupts isn't counted.
func (t *tally) keep(ctx context.Context, pause time.Duration, once func(context.Context) error) {
	for ctx.Err() == nil {
		started := time.Now()
		one, cancel := context.WithTimeout(ctx, 80*time.Second)
		err := once(one)
		cancel()
		if ctx.Err() != nil {
			return
		}
		t.count(started, err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (t *tally) count(started time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slowest = max(t.slowest, time.Since(started))
	if err == nil {
		t.got++
		t.failedSince = time.Time{}
		return
	}
	t.failed++
	text := oneLine(err)
	t.last = time.Now().UTC().Format(time.TimeOnly) + " …" + text[max(0, len(text)-200):]
	if t.failedSince.IsZero() {
		t.failedSince = started
	}
	t.longFail = max(t.longFail, time.Since(t.failedSince))
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	said := fmt.Sprintf("got=%d failed=%d slowest=%.2fs outage=%.2fs", t.got, t.failed, t.slowest.Seconds(), t.longFail.Seconds())
	if t.last != "" {
		said += fmt.Sprintf(" last=%q", t.last)
	}
	return said
}

// freshToken gets a token by the SDK, past its cache: claims ask for a new one.
func (d *demo) freshToken(ctx context.Context) error {
	credential, err := d.credential(d.clientID)
	if err != nil {
		return err
	}
	token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{armScope}, Claims: "{}"})
	if err == nil && strings.Count(token.Token, ".") != 2 {
		err = errors.New("what came isn't a token")
	}
	return err
}

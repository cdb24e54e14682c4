package keys_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/keys"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

const day = 24 * time.Hour

func options(t *testing.T, s *store.Store, clock *testclock.FakeClock) keys.Options {
	t.Helper()
	box, err := seal.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return keys.Options{Store: s, Box: box, Clock: clock, Log: slog.New(slog.DiscardHandler)}
}

func open(t *testing.T, o keys.Options) *keys.Ring {
	t.Helper()
	ring, err := keys.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func ids(published []*keys.Key) []string {
	var out []string
	for _, k := range published {
		out = append(out, k.ID)
	}
	return out
}

// TestKeyIsPublishedBeforeAndAfterItSigns walks through half a year, an hour at a
// time, as a verifier that fetches the key set once a day.
func TestKeyIsPublishedBeforeAndAfterItSigns(t *testing.T) {
	clock := testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	ring := open(t, options(t, storetest.New(t), clock))

	type token struct {
		key    string
		expiry time.Time
	}
	var fetched []string
	var live []token
	signers := map[string]bool{}
	for hour := range 180 * 24 {
		if err := ring.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if hour%24 == 0 {
			fetched = ids(ring.Published())
		}
		signer := ring.Signing().ID
		signers[signer] = true
		if !slices.Contains(fetched, signer) {
			t.Fatalf("hour %d: signed by a key that a key set of today doesn't hold", hour)
		}
		live = append(live, token{signer, clock.Now().Add(24 * time.Hour)})
		live = slices.DeleteFunc(live, func(x token) bool { return x.expiry.Before(clock.Now()) })
		for _, x := range live {
			if _, ok := ring.Public(x.key); !ok {
				t.Fatalf("hour %d: a token is alive, its key isn't published", hour)
			}
		}
		if n := len(ring.Published()); n < 2 || n > 3 {
			t.Fatalf("hour %d: %d keys published", hour, n)
		}
		clock.Step(time.Hour)
	}
	if len(signers) != 4 {
		t.Errorf("%d keys signed in 180 days", len(signers))
	}
}

func TestRingAwayForAMonthStillPublishesAhead(t *testing.T) {
	s := storetest.New(t)
	clock := testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	before := ids(open(t, options(t, s, clock)).Published())
	clock.Step(100 * day)
	ring := open(t, options(t, s, clock))
	if signer := ring.Signing().ID; signer != before[1] {
		t.Errorf("the signer %s wasn't published before: %v", signer, before)
	}
	if published := ring.Published(); len(published) != 2 || published[1].SignFrom.Before(clock.Now().Add(day)) {
		t.Errorf("%d keys, the next one signs from %v", len(published), published[len(published)-1].SignFrom)
	}
}

func TestReplicasAgree(t *testing.T) {
	s := storetest.New(t)
	clock := testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	rings := make([]*keys.Ring, 3)
	done := make(chan error, len(rings))
	for i := range rings {
		o := options(t, s, clock)
		go func() {
			var err error
			rings[i], err = keys.Open(t.Context(), o)
			done <- err
		}()
	}
	for range rings {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range rings[1:] {
		if !slices.Equal(ids(r.Published()), ids(rings[0].Published())) {
			t.Errorf("%v and %v", ids(r.Published()), ids(rings[0].Published()))
		}
	}
}

func TestDroppedKeyNeitherSignsNorVerifies(t *testing.T) {
	clock := testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	ring := open(t, options(t, storetest.New(t), clock))
	bad := ring.Signing().ID
	if err := ring.Drop(t.Context(), bad); err != nil {
		t.Fatal(err)
	}
	if _, ok := ring.Public(bad); ok || ring.Signing().ID == bad {
		t.Error("the dropped key is still in use")
	}
	if err := ring.Drop(t.Context(), bad); err == nil {
		t.Error("dropping an unknown key succeeded")
	}
}

func TestPrivateKeysAreSealedInTheStore(t *testing.T) {
	s := storetest.New(t)
	clock := testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	o := options(t, s, clock)
	ring := open(t, o)
	page, err := s.List(t.Context(), "/lanyard/keys/", store.ListOptions{})
	if err != nil || len(page.Items) != 2 {
		t.Fatalf("%d items, %v", len(page.Items), err)
	}
	for _, item := range page.Items {
		if bytes.Contains(item.Value, ring.Signing().Private().D.Bytes()) {
			t.Error("the private exponent lies in the store")
		}
	}
	o.Box, _ = seal.New(bytes.Repeat([]byte{8}, 32))
	if _, err := keys.Open(t.Context(), o); err == nil {
		t.Error("the keys open under another master key")
	}
}

func TestRotationOnDemandTakesThePublishedKeyAndKeepsOldTokens(t *testing.T) {
	clock := testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	ring := open(t, options(t, storetest.New(t), clock))
	published := ids(ring.Published())
	clock.Step(2 * day)

	next, err := ring.Rotate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if next.ID != published[1] || ring.Signing().ID != published[1] {
		t.Errorf("%s signs, published was %v", ring.Signing().ID, published)
	}
	if _, ok := ring.Public(published[0]); !ok {
		t.Error("the key of tokens that are alive isn't published any more")
	}
	if now := ids(ring.Published()); len(now) != 3 {
		t.Errorf("no key after the next is published: %v", now)
	}
	clock.Step(26 * time.Hour)
	if _, ok := ring.Public(published[0]); ok {
		t.Error("the old key outlives its tokens")
	}
}

// A verifier may have fetched the key set a day ago.
func TestRotationWaitsForAKeyThatVerifiersCannotKnowYet(t *testing.T) {
	clock := testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	ring := open(t, options(t, storetest.New(t), clock))
	first := ring.Signing().ID
	clock.Step(time.Hour)
	for range 2 { // the second time there is nothing left to do
		next, err := ring.Rotate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC); !next.SignFrom.Equal(want) || ring.Signing().ID != first {
			t.Errorf("key %s signs from %s, not %s", next.ID, next.SignFrom, want)
		}
	}
	clock.Step(day)
	if ring.Signing().ID == first {
		t.Error("the first key signs on")
	}
}

func TestRunningRingFollowsAnotherOnesRotation(t *testing.T) {
	s := storetest.New(t)
	clock := testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	service, command := open(t, options(t, s, clock)), open(t, options(t, s, clock))
	clock.Step(2 * day)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	next, err := command.Rotate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); service.Signing().ID != next.ID; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the service doesn't follow")
		}
	}
}

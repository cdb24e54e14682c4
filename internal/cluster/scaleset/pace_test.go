package scaleset_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/cluster/armtest"
	"github.com/lanyard-project/lanyard/internal/cluster/scaleset"
)

// Azure counts reads and writes, scale sets and machines, each for itself in a
// subscription. aad-pod-identity had one clock for all of them, and went on
// asking (issue 676: 62,000 calls a day, and upgrades of the cluster blocked).
func TestThrottledClassIsHeldBack(t *testing.T) {
	pool := scaleset.ID{Subscription: "s", ResourceGroup: "g", Name: "pool"}
	other := scaleset.ID{Subscription: "s", ResourceGroup: "g", Name: "other"}
	machine := scaleset.ID{Subscription: "s", ResourceGroup: "g", Name: "vm", Machine: true}
	elsewhere := scaleset.ID{Subscription: "t", ResourceGroup: "g", Name: "pool"}
	change := []scaleset.Change{{Identity: identity("new")}}
	get := func(c *scaleset.ARM, id scaleset.ID) error { _, err := c.Get(t.Context(), id); return err }
	patch := func(c *scaleset.ARM, id scaleset.ID) error {
		_, err := c.Patch(t.Context(), id, scaleset.State{}, change)
		return err
	}
	for name, tc := range map[string]struct {
		throttled, tried func(*scaleset.ARM, scaleset.ID) error
		of               scaleset.ID
		code             string
		wantHeld         bool
	}{
		"the same call":                        {get, get, pool, "TooManyRequests", true},
		"another scale set":                    {get, get, other, "TooManyRequests", true},
		"a write after a throttled read":       {get, patch, pool, "TooManyRequests", false},
		"a read after a throttled write":       {patch, get, pool, "TooManyRequests", false},
		"a write after a throttled write":      {patch, patch, other, "TooManyRequests", true},
		"a machine":                            {get, get, machine, "TooManyRequests", false},
		"another subscription":                 {get, get, elsewhere, "SubscriptionRequestsThrottled", false},
		"a machine, by the whole subscription": {get, get, machine, "SubscriptionRequestsThrottled", true},
	} {
		t.Run(name, func(t *testing.T) {
			fake := armtest.New(t)
			for _, id := range []scaleset.ID{pool, other, machine, elsewhere} {
				fake.AddScaleSet(id.String(), 0)
			}
			fake.SetIdentity(identity("new"), &armtest.Identity{ClientID: "new"})
			clock := testingclock.NewFakeClock(time.Now())
			client := scaleset.NewARM(fake, fake.Options(), clock)

			fake.Disturb(func(*http.Request) armtest.Disturbance {
				return armtest.Disturbance{Status: 429, Code: tc.code, RetryAfter: 30 * time.Second}
			})
			if err := tc.throttled(client, pool); err == nil {
				t.Fatal("wasn't throttled")
			}
			fake.Disturb(nil)
			before := len(fake.Calls())
			err := tc.tried(client, tc.of)
			held := len(fake.Calls()) == before
			if held != tc.wantHeld || held == (err == nil) {
				t.Errorf("held back: %v, want %v (%v)", held, tc.wantHeld, err)
			}
			var fault *scaleset.Fault
			if held && (!errors.As(err, &fault) || fault.RetryAfter != 30*time.Second) {
				t.Errorf("the wait isn't told: %v", err)
			}
			clock.Step(30 * time.Second)
			if err := tc.tried(client, tc.of); err != nil {
				t.Errorf("after the wait: %v", err)
			}
		})
	}
}

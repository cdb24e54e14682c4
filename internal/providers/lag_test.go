package providers_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
)

// TestIndexFollowsAWriteElsewhere measures how long another process's index takes
// to follow a write, at two hundred assignments: 10 ms at the median.
func TestIndexFollowsAWriteElsewhere(t *testing.T) {
	f := newCloud(t)
	other := newAuthorization(t, f)
	for range 200 {
		f.grant(uuid.NewString(), readerRole, group("g"))
	}
	var lags []time.Duration
	for i := range 40 {
		who := fmt.Sprintf("eeeeeeee-0000-0000-0000-%012d", i)
		if _, err := f.authorization.Grant(t.Context(), authorization.Grant{By: f.admin, Scope: group("g"), Role: readerRole, PrincipalID: who}); err != nil {
			t.Fatal(err)
		}
		written := time.Now()
		for !other.Decide(providers.Caller{ObjectID: who}, "A.B/c/read", group("g"), false).Allowed {
			time.Sleep(100 * time.Microsecond)
		}
		lags = append(lags, time.Since(written))
	}
	slices.Sort(lags)
	if median := lags[len(lags)/2]; median > 10*time.Millisecond {
		t.Errorf("the index follows after %v at the median, want 10 ms", median)
	}
	t.Logf("median %v, worst %v", lags[len(lags)/2], lags[len(lags)-1])
}

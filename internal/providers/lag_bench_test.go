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

// BenchmarkIndexFollowsAWriteElsewhere measures how long another process's index
// takes to follow a write, at two hundred assignments: the mark is 10 ms at the
// median. That it follows at all is TestWritesElsewhereCount's to say, which has no
// limit that a busy machine could break.
func BenchmarkIndexFollowsAWriteElsewhere(b *testing.B) {
	f := newCloud(b)
	other := newAuthorization(b, f)
	for range 200 {
		f.grant(uuid.NewString(), readerRole, group("g"))
	}
	var lags []time.Duration
	for i := 0; b.Loop(); i++ {
		who := fmt.Sprintf("eeeeeeee-0000-0000-0000-%012d", i)
		if _, err := f.authorization.Grant(b.Context(), authorization.Grant{By: f.admin, Scope: group("g"), Role: readerRole, PrincipalID: who}); err != nil {
			b.Fatal(err)
		}
		written := time.Now()
		for !other.Decide(providers.Caller{ObjectID: who}, "A.B/c/read", group("g"), false).Allowed {
			time.Sleep(100 * time.Microsecond)
		}
		lags = append(lags, time.Since(written))
	}
	slices.Sort(lags)
	b.ReportMetric(float64(lags[len(lags)/2].Microseconds())/1000, "lag_p50_ms")
	b.ReportMetric(float64(lags[len(lags)*99/100].Microseconds())/1000, "lag_p99_ms")
}

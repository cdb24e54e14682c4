package containerservice_test

import (
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
)

// TestOutageEndsThoughItsBeginIsToldLast: the request that begins an upgrade tells of its write by itself, which may be after
// the upgrade, that runs at once, has told of its end.
func TestOutageEndsThoughItsBeginIsToldLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	c := p.works("demo", simple)
	tell := p.registry.Find(c.ID.Type()).Committed
	write := func(after int64, state string) *resource.Resource {
		next := c.Clone()
		next.Revision, next.ProvisioningState = c.Revision+after, state
		return next
	}
	for _, one := range []struct {
		what string
		told *resource.Resource // nil: the removal
		away bool
	}{
		{"the upgrade begins", write(1, "Upgrading"), true},
		{"it ends", write(2, "Succeeded"), false},
		{"the next one ends", write(4, "Succeeded"), false},
		{"and only now its begin is told", write(3, "Upgrading"), false},
		{"one more", write(5, "Upgrading"), true},
		{"deleted in it", nil, false},
		{"which is told before one of its writes", write(5, "Upgrading"), false},
		{"made again and upgraded", write(6, "Upgrading"), true},
	} {
		if tell(t.Context(), c.ID, one.told); p.provider.Unavailable(c.Identity.PrincipalID) != one.away {
			t.Errorf("%s: unavailable %t, want %t", one.what, !one.away, one.away)
		}
	}
}

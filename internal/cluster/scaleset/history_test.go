package scaleset

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

var (
	histories    = flag.Int("histories", 50, "how many histories TestHistories goes through")
	firstHistory = flag.Uint64("first-history", 1, "the number of the first one, which decides all that happens in it")
)

// Whatever users, strangers, Azure, a cache that is behind and death do to a scale
// set and its mics, between passes and in the middle of one: in the end there is on
// it what somebody needs and what was there before, and nothing else. TestChaos says
// the same of the whole mic; this goes through a thousand times as many histories.
func TestHistories(t *testing.T) {
	for n := *firstHistory; n < *firstHistory+uint64(*histories); n++ {
		h := newHistory(t, n)
		for range 10 + h.random.IntN(50) {
			if h.random.IntN(2) == 0 {
				h.others()
			} else {
				h.mics()
			}
		}
		if diff := h.end(); diff != "" {
			t.Fatalf("-first-history=%d:\n%s\n(-want +got)\n%s", n, strings.Join(h.log, "\n"), diff)
		}
	}
}

// history is what happens to a pool.
type history struct {
	*pool
	random *rand.Rand
	// calls are left to the mic that works before it dies; of one that lives on, less than none.
	calls  int
	inside bool // something is happening in the middle of a pass
	calm   bool
	made   int
}

func newHistory(t *testing.T, n uint64) *history {
	h := &history{pool: newPool(t, "found"), random: rand.New(rand.NewPCG(n, 0))}
	h.etags, h.names = h.random.IntN(4) > 0, h.random.IntN(2) == 0
	h.pool.fate = h.fate
	h.start()
	return h
}

func (h *history) start() {
	if h.calls = -1; !h.calm && h.random.IntN(4) > 0 {
		h.calls = 1 + h.random.IntN(15)
	}
	h.succeed([]time.Duration{0, 0, 3 * time.Second}[h.random.IntN(3)])
}

// fate lets others do something in the middle of a pass, and calls fail.
func (h *history) fate(call string) fate {
	if h.calm {
		return succeeds
	}
	if !h.inside && h.random.IntN(6) == 0 {
		h.inside = true
		h.others()
		h.inside = false
	}
	switch {
	case h.calls == 0:
		return fails
	case h.calls > 0:
		if h.calls--; h.calls == 0 {
			h.note("  mic dies")
			return fate(1 + h.random.IntN(3))
		}
	}
	if often := map[string]int{"PATCH": 3, "GET": 10}[call]; often > 0 && h.random.IntN(often) == 0 {
		return fate(1 + h.random.IntN(3))
	}
	return succeeds
}

// mics lets mic, or the one after it, make a pass.
func (h *history) mics() {
	if h.calls == 0 || h.random.IntN(20) == 0 {
		h.start()
	}
	h.clock.Step(time.Duration(h.random.IntN(1500)) * time.Millisecond)
	h.pass()
}

// others is what users and strangers do, or the cache's catching up.
func (h *history) others() {
	switch n := h.random.IntN(20); {
	case n < 6:
		h.come([]string{"a", "b", "c", "a", "b", "c", "found", forbidden}[h.random.IntN(8)])
	case n < 10:
		if a := h.some(func(a *aadpodid.AzureAssignedIdentity) bool { return a.Status.Status != aadpodid.StateUnassigned }); a != nil {
			h.revoke(a)
		}
	case n < 13:
		if a := h.some(revoked); a != nil {
			h.remove(a)
		}
	case n < 14:
		if name := []string{"a", "b", "c"}[h.random.IntN(3)]; h.on[name] {
			h.note("a stranger takes %s", name)
			delete(h.on, name)
			h.version++
		}
	default:
		h.refresh()
	}
}

func revoked(a *aadpodid.AzureAssignedIdentity) bool {
	return a.Status.Status == aadpodid.StateUnassigned && a.DeletionTimestamp.IsZero()
}

// come makes an object for a new pod.
func (h *history) come(identity string) {
	h.made++
	a := h.object(fmt.Sprint(identity, h.made), identity)
	placed := h.calls != 0 && h.mic.Place(a)
	h.note("%s comes", show(a))
	h.create(a)
	if placed {
		h.mic.Placed(a, nil)
	}
}

func (h *history) some(is func(a *aadpodid.AzureAssignedIdentity) bool) *aadpodid.AzureAssignedIdentity {
	all := slices.DeleteFunc(h.objects(), func(a aadpodid.AzureAssignedIdentity) bool { return !is(&a) })
	if len(all) == 0 {
		return nil
	}
	return &all[h.random.IntN(len(all))]
}

// end lets everything come to rest and returns what is wrong then.
func (h *history) end() (diff string) {
	h.calm = true
	h.note("all is calm")
	for a := h.some(revoked); a != nil; a = h.some(revoked) {
		h.remove(a)
	}
	if h.calls >= 0 || h.random.IntN(2) == 0 {
		h.start()
	}
	for range 40 {
		h.refresh()
		h.clock.Step(time.Second)
		h.pass()
		wanted, states, have := map[string]bool{"found": true}, map[string]string{}, map[string]string{}
		for _, a := range h.objects() {
			name := strings.TrimPrefix(a.Spec.AzureIdentityRef.Spec.ResourceID, identityPath)
			have[a.Name] = a.Status.Status
			switch {
			case !a.DeletionTimestamp.IsZero():
				states[a.Name] = "gone"
			case name == forbidden:
				states[a.Name] = aadpodid.StateCreated
			default:
				states[a.Name] = aadpodid.StateAssigned
				wanted[name] = true
			}
		}
		if diff = cmp.Diff(wanted, h.on) + cmp.Diff(states, have); diff == "" {
			return ""
		}
	}
	return diff
}

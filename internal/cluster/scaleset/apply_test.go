package scaleset

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// picky is a scale set that refuses some identities, and says which or not.
type picky struct {
	state   map[string]string
	refuses map[string]bool
	names   bool
	patches int
	biggest int
}

func (p *picky) Get(context.Context, ID) (State, error) {
	return State{ClientIDs: maps.Clone(p.state)}, nil
}

func (p *picky) Patch(_ context.Context, _ ID, _ State, changes []Change) (State, error) {
	p.patches++
	p.biggest = max(p.biggest, len(changes))
	var bad []string
	for _, c := range changes {
		if !c.Remove && p.refuses[c.Identity] {
			bad = append(bad, c.Identity)
		}
	}
	if len(bad) > 0 {
		f := &Fault{Blame: BlameIdentity, Code: "FailedIdentityOperation", Message: "something is wrong"}
		if p.names {
			f.Message = "'" + strings.ToUpper(strings.Join(bad, "','")) + "'"
		}
		return State{}, f
	}
	for _, c := range changes {
		if c.Remove {
			delete(p.state, c.Identity)
		} else {
			p.state[c.Identity] = "client"
		}
	}
	return State{ClientIDs: maps.Clone(p.state)}, nil
}

// Whatever is refused, everything else is set, and nothing that is refused is
// hidden.
func TestSendSetsEverythingThatIsNotRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &picky{state: map[string]string{}, refuses: map[string]bool{}, names: rapid.Bool().Draw(t, "names")}
		var changes []Change
		want, wantRefused := map[string]string{}, []string{}
		for i := range rapid.IntRange(0, 400).Draw(t, "changes") {
			c := Change{Identity: fmt.Sprintf("/id%d", i), Remove: rapid.Bool().Draw(t, "remove")}
			changes = append(changes, c)
			switch {
			case c.Remove:
				p.state[c.Identity] = "old"
			case rapid.IntRange(0, 9).Draw(t, "refused") == 0:
				p.refuses[c.Identity] = true
				wantRefused = append(wantRefused, c.Identity)
			default:
				want[c.Identity] = "client"
			}
		}
		a := application{client: p, state: State{ClientIDs: maps.Clone(p.state)}, refused: map[string]*Fault{}}
		if err := a.send(t.Context(), changes); err != nil {
			t.Fatal(err)
		}
		slices.Sort(wantRefused)
		if diff := cmp.Diff(wantRefused, slices.Sorted(maps.Keys(a.refused)), cmp.Transformer("nil", func(s []string) []string {
			return append([]string{}, s...)
		})); diff != "" {
			t.Fatalf("refused (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, p.state); diff != "" {
			t.Fatalf("set (-want +got):\n%s", diff)
		}
		if p.biggest > batchSize {
			t.Fatalf("a PATCH of %d", p.biggest)
		}
		if most := 2 * (len(changes)/batchSize + 1); p.names && p.patches > most {
			t.Fatalf("%d PATCHes although the answers name the culprits", p.patches)
		}
	})
}

func TestSendStopsWhenTheScaleSetFails(t *testing.T) {
	p := &failing{fault: &Fault{Blame: BlameScaleSet, Code: "TooManyRequests"}}
	a := application{client: p, refused: map[string]*Fault{}}
	err := a.send(t.Context(), make([]Change, 400))
	if err == nil || p.patches != 1 || len(a.refused) != 0 {
		t.Errorf("got %v after %d PATCHes, refused %v", err, p.patches, a.refused)
	}
}

type failing struct {
	picky
	fault *Fault
}

func (p *failing) Patch(context.Context, ID, State, []Change) (State, error) {
	p.patches++
	return State{}, p.fault
}

// An identity's ID may be the beginning of another's: naming web-2 doesn't
// blame web.
func TestMentions(t *testing.T) {
	const id = "/subscriptions/s/userassignedidentities/web"
	for text, want := range map[string]bool{
		"the linked scope(s) '" + id + "' or":    true,
		"scope(s) '" + id + "," + id + "-2'":     true,
		id:                                       true,
		"'" + id + "-2'":                         false,
		"'" + id + "2' and '" + id + "_x'":       false,
		"'" + id + "/federated'":                 false,
		"'" + id + "-2' as well as '" + id + "'": true,
		"nothing":                                false,
	} {
		if got := mentions(text, id); got != want {
			t.Errorf("mentions(%q) = %v", text, got)
		}
	}
}

func TestPatchBody(t *testing.T) {
	tests := []struct {
		name    string
		state   State
		changes []Change
		want    string
	}{
		{"first one", State{}, []Change{{"/a", false}}, `{"type":"UserAssigned","userAssignedIdentities":{"/a":{}}}`},
		{"beside a system-assigned one", State{System: true}, []Change{{"/a", false}},
			`{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"/a":{}}}`},
		{"one of two goes", State{ClientIDs: map[string]string{"/a": "", "/b": ""}}, []Change{{"/a", true}},
			`{"type":"UserAssigned","userAssignedIdentities":{"/a":null}}`},
		{"swap", State{ClientIDs: map[string]string{"/a": ""}}, []Change{{"/a", true}, {"/b", false}},
			`{"type":"UserAssigned","userAssignedIdentities":{"/a":null,"/b":{}}}`},
		{"the last goes", State{ClientIDs: map[string]string{"/a": ""}}, []Change{{"/a", true}}, `{"type":"None"}`},
		{"the last goes, a system-assigned one stays", State{System: true, ClientIDs: map[string]string{"/a": ""}},
			[]Change{{"/a", true}}, `{"type":"SystemAssigned"}`},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			kind, identities := tc.state.patchBody(tc.changes)
			got, err := armcompute.VirtualMachineScaleSetIdentity{Type: &kind, UserAssignedIdentities: identities}.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

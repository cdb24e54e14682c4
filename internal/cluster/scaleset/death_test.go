package scaleset

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// What says whose work an identity is stays until something else does, or it is
// certain that the identity isn't on the scale set: mic makes one pass over what is
// there and dies, the next one makes one, and everybody goes. Nothing is left.
func TestDeathAfterAPassLeavesNoDoubt(t *testing.T) {
	const (
		announces = "announces web and api"
		put       = "put-in-place"

		live     = ""
		revoked  = "revoked"
		leaving  = "leaving"
		released = "released, and the cache doesn't show it yet"
	)
	type object struct{ name, identity, state, mark string }
	for name, test := range map[string]struct {
		on      []string
		comes   string // by an operation under way
		objects []object
		patches []fate // of the PATCHes of the first pass, in order
	}{
		"the carrier is marked, another user was revoked before": {
			on: []string{"web", "api"}, objects: []object{{"first", "web", live, announces}, {"second", "api", revoked, ""}},
		},
		"the carrier is marked, another user leaves and the removal fails": {
			on: []string{"web", "api"}, objects: []object{{"first", "web", live, announces}, {"second", "api", leaving, ""}}, patches: []fate{fails},
		},
		"the carrier leaves, another user was revoked before": {
			on: []string{"web", "api"}, objects: []object{{"first", "web", leaving, announces}, {"second", "api", revoked, ""}, {"third", "web", live, ""}},
		},
		"the carrier leaves, and a change seems to fail": {
			objects: []object{{"first", "web", leaving, announces}, {"second", "web", live, ""}}, patches: []fate{failsLate},
		},
		"the carrier leaves while a change is under way": {
			comes: "web", objects: []object{{"first", "web", leaving, announces}, {"second", "web", live, ""}},
		},
		"the carrier was released, a change seems to fail": {
			objects: []object{{"first", "web", released, announces}, {"second", "web", live, ""}}, patches: []fate{failsLate},
		},
		"one who was there for it leaves, and the change that puts it back seems to fail": {
			objects: []object{{"first", "web", leaving, put}, {"second", "web", live, ""}}, patches: []fate{failsLate},
		},
		"one who was there for it was released, and the change that puts it back seems to fail": {
			objects: []object{{"first", "web", released, put}, {"second", "web", live, ""}}, patches: []fate{failsLate},
		},
		"half a batch is on, with the carrier's identity, and the other half seems to fail": {
			objects: []object{{"first", "api", live, announces}, {"second", "web", live, ""}, {"third", forbidden, live, ""}},
			// all are refused, api is put, the rest is refused, forbidden is, and web is put
			patches: []fate{succeeds, succeeds, succeeds, succeeds, failsLate},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, append(test.on, "found")...)
			for _, o := range test.objects {
				a := p.object(o.name, o.identity)
				switch o.mark {
				case announces:
					a.Annotations[PuttingAnnotation] = identityPath + "web " + identityPath + "api"
				case put:
					a.Annotations[PutAnnotation] = "true"
				}
				if o.state != live {
					a.Status.Status = aadpodid.StateUnassigned
				}
				p.create(a)
				if o.state == leaving || o.state == released {
					p.remove(a)
				}
			}
			if test.comes != "" {
				p.pending = func() { p.on[test.comes], p.pending, p.version = true, nil, p.version+1 }
			}
			p.succeed(0)
			for _, o := range test.objects {
				if a := p.object(o.name, ""); o.state == released {
					if err := p.kube.Get(t.Context(), client.ObjectKeyFromObject(a), a); err != nil {
						t.Fatal(err)
					}
					if err := Release(t.Context(), p.kube, a); err != nil {
						t.Fatal(err)
					}
				}
			}
			p.fate = func(call string) (f fate) {
				if call == "PATCH" && len(test.patches) > 0 {
					f, test.patches = test.patches[0], test.patches[1:]
				}
				return f
			}
			p.pass()

			test.patches = nil
			p.succeed(0)
			p.pass()
			for range 10 {
				for _, a := range p.objects() {
					if a.DeletionTimestamp.IsZero() {
						p.revoke(&a)
						p.remove(&a)
					}
				}
				p.refresh()
				p.clock.Step(5 * time.Second)
				p.pass()
			}
			if diff := cmp.Diff(map[string]bool{"found": true}, p.on); diff != "" || len(p.objects()) > 0 {
				t.Errorf("%d objects are left, and on the scale set (-want +got):\n%s\n%s", len(p.objects()), diff, strings.Join(p.log, "\n"))
			}
		})
	}
}

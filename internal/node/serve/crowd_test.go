package serve_test

import (
	"testing"

	"github.com/lanyard-project/lanyard/internal/node/pods"
	"github.com/lanyard-project/lanyard/internal/node/serve"
)

// Each container of a pod has a cgroup of its own: a pod with many containers gets no more connections than one with one,
// so that it can't take those of its neighbours.
func TestContainersOfAPodShareItsConnections(t *testing.T) {
	enter := serve.Doorkeeper(serve.Crowd{PerOrigin: 2, InAll: 100}, func(b pods.Binding) (pods.Sandbox, bool) {
		return map[uint64]pods.Sandbox{1: {UID: "many"}, 2: {UID: "many"}, 3: {UID: "other"}}[b.Group], b.Group < 4
	})
	admitted := func(group uint64, want bool) (leave func()) {
		t.Helper()
		leave, ok := enter(pods.Binding{Group: group})
		if ok != want {
			t.Fatalf("a connection of cgroup %d is let in: %t, want %t", group, ok, want)
		}
		return leave
	}
	leave := admitted(1, true)
	admitted(2, true)
	admitted(1, false)
	admitted(2, false)
	admitted(3, true) // a neighbour
	admitted(9, true) // a cgroup that nobody knows counts for itself
	leave()
	admitted(2, true)
	admitted(1, false)
}

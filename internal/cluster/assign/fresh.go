package assign

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// fresh are the objects that passes have created and the cache doesn't show yet. A
// pass in between reads what is there instead of making it once more, which would
// be a write that the API server refuses. Its zero value is ready for use.
type fresh struct {
	mu    sync.Mutex
	names map[types.NamespacedName]map[types.NamespacedName]bool // of objects, by pod
}

func (f *fresh) add(pod, name types.NamespacedName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names == nil {
		f.names = map[types.NamespacedName]map[types.NamespacedName]bool{}
	}
	if f.names[pod] == nil {
		f.names[pod] = map[types.NamespacedName]bool{}
	}
	f.names[pod][name] = true
}

func (f *fresh) has(pod, name types.NamespacedName) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.names[pod][name]
}

// shown forgets what the cache shows of a pod, and all if the pod wants nothing.
func (f *fresh) shown(pod types.NamespacedName, existing []*aadpodid.AzureAssignedIdentity, wanted int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range existing {
		delete(f.names[pod], types.NamespacedName{Namespace: a.Namespace, Name: a.Name})
	}
	if wanted == 0 || len(f.names[pod]) == 0 {
		delete(f.names, pod)
	}
}

func (f *fresh) remove(pod, name types.NamespacedName) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.names[pod], name)
}

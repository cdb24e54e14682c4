package pods

import (
	"maps"
	"sync"
	"time"

	"github.com/lanyard-project/lanyard/internal/node/kube"
)

// BindingLabel is the label by which pods ask for identities.
const BindingLabel = "aadpodidbinding"

// Object is a pod as the API server describes it, no more of it than the agent needs.
type Object struct {
	kube.Meta `json:"metadata"`
	Spec      struct {
		ServiceAccountName string `json:"serviceAccountName"`
	} `json:"spec"`
}

// Fact is what the API server says about a pod of this node.
type Fact struct {
	UID, Namespace, Name string
	ServiceAccount       string
	Label                string // the value of BindingLabel
	Labels               map[string]string
	Created              time.Time
}

// Facts are the pods of this node, by UID. It is safe for concurrent use.
type Facts struct {
	mu      sync.RWMutex
	byUID   map[string]Fact
	synced  bool
	changed chan struct{}
}

// NewFacts makes an empty collection.
func NewFacts() *Facts {
	return &Facts{byUID: map[string]Fact{}, changed: make(chan struct{})}
}

// Get gives what is known about a pod.
func (f *Facts) Get(uid string) (Fact, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	fact, ok := f.byUID[uid]
	return fact, ok
}

// Changed is closed at the next change. Take it before looking, so that no change slips through.
func (f *Facts) Changed() <-chan struct{} {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.changed
}

// Synced reports whether the API server's pods have been read in full at least once.
func (f *Facts) Synced() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.synced
}

// Replace is the result of a full reading.
func (f *Facts) Replace(objects []Object) {
	byUID := make(map[string]Fact, len(objects))
	for _, object := range objects {
		byUID[object.UID] = fact(object)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.byUID, f.synced = byUID, true
	f.notify()
}

// Apply enters a new or changed pod.
func (f *Facts) Apply(object Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	described := fact(object)
	if known, ok := f.byUID[object.UID]; ok && known.same(described) {
		return // a pod's status changes often and says nothing to us
	}
	f.byUID[object.UID] = described
	f.notify()
}

// Remove forgets a pod.
func (f *Facts) Remove(object Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.byUID, object.UID)
	f.notify()
}

func (f *Facts) notify() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func fact(object Object) Fact {
	return Fact{
		UID: object.UID, Namespace: object.Namespace, Name: object.Name,
		ServiceAccount: object.Spec.ServiceAccountName, Label: object.Labels[BindingLabel], Labels: object.Labels, Created: object.Created,
	}
}

func (f Fact) same(other Fact) bool {
	return f.UID == other.UID && f.Namespace == other.Namespace && f.Name == other.Name &&
		f.ServiceAccount == other.ServiceAccount && maps.Equal(f.Labels, other.Labels) && f.Created.Equal(other.Created)
}

package assignments

import (
	"slices"
	"strings"
	"sync"

	"github.com/lanyard-project/lanyard/internal/node/kube"
)

// ExceptionsPath is where the API server lists the AzurePodIdentityException objects of all namespaces.
const ExceptionsPath = "/apis/aadpodidentity.k8s.io/v1/azurepodidentityexceptions"

// ExceptionObject is an AzurePodIdentityException, as much of it as the agent needs.
type ExceptionObject struct {
	kube.Meta `json:"metadata"`
	Spec      struct {
		PodLabels map[string]string `json:"podLabels"`
	} `json:"spec"`
}

// matches reports whether a pod of the exception's namespace is excepted: by any one of the labels, their values compared
// without regard to case, as the predecessor did.
func (o ExceptionObject) matches(labels map[string]string) bool {
	for name, value := range o.Spec.PodLabels {
		if has, ok := labels[name]; ok && strings.EqualFold(has, value) {
			return true
		}
	}
	return false
}

// Exceptions are the cluster's AzurePodIdentityException objects, by namespace. It is safe for concurrent use.
type Exceptions struct {
	mu          sync.RWMutex
	byNamespace map[string][]ExceptionObject // sorted by name
	synced      bool
	changed     chan struct{}
}

// NewExceptions makes an empty collection.
func NewExceptions() *Exceptions {
	return &Exceptions{byNamespace: map[string][]ExceptionObject{}, changed: make(chan struct{})}
}

// Of names the exception that a pod of a namespace with labels falls under, "" for none.
func (e *Exceptions) Of(namespace string, labels map[string]string) (name string) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for _, object := range e.byNamespace[namespace] {
		if object.matches(labels) {
			return object.Name
		}
	}
	return ""
}

// Changed is closed at the next change. Take it before looking, so that no change slips through.
func (e *Exceptions) Changed() <-chan struct{} {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.changed
}

// Synced reports whether all objects have been read in full at least once.
func (e *Exceptions) Synced() bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.synced
}

// Replace is the result of a full reading.
func (e *Exceptions) Replace(all []ExceptionObject) {
	e.change(func() {
		e.synced = true
		clear(e.byNamespace)
		for _, object := range all {
			e.enter(object)
		}
	})
}

// Apply enters a new or changed object.
func (e *Exceptions) Apply(object ExceptionObject) { e.change(func() { e.enter(object) }) }

// Remove forgets an object.
func (e *Exceptions) Remove(object ExceptionObject) { e.change(func() { e.forget(object) }) }

func (e *Exceptions) change(do func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	do()
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *Exceptions) enter(object ExceptionObject) {
	e.forget(object)
	if object.Deleted != nil {
		return
	}
	list := append(e.byNamespace[object.Namespace], object)
	slices.SortFunc(list, func(a, b ExceptionObject) int { return strings.Compare(a.Name, b.Name) })
	e.byNamespace[object.Namespace] = list
}

func (e *Exceptions) forget(object ExceptionObject) {
	list := slices.DeleteFunc(e.byNamespace[object.Namespace], func(known ExceptionObject) bool { return known.Name == object.Name })
	if e.byNamespace[object.Namespace] = list; len(list) == 0 {
		delete(e.byNamespace, object.Namespace)
	}
}

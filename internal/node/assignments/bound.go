package assignments

import (
	"github.com/lanyard-project/lanyard/internal/node/grant"
	"github.com/lanyard-project/lanyard/internal/node/kube"
)

// Where the API server lists the objects of all namespaces.
const (
	IdentitiesPath = "/apis/aadpodidentity.k8s.io/v1/azureidentities"
	BindingsPath   = "/apis/aadpodidentity.k8s.io/v1/azureidentitybindings"
)

// IdentityObject is an AzureIdentity, as much of it as the agent needs.
type IdentityObject struct {
	kube.Meta `json:"metadata"`
	Spec      IdentitySpec `json:"spec"`
}

// BindingObject is an AzureIdentityBinding, as much of it as the agent needs.
type BindingObject struct {
	kube.Meta `json:"metadata"`
	Spec      struct {
		AzureIdentity string `json:"azureIdentity"`
		Selector      string `json:"selector"`
	} `json:"spec"`
}

// Bound is what bindings give to the pods of their own namespace. It is safe for concurrent use.
type Bound struct {
	*index
	// the rest is changed in updates of the index only
	identities map[key]grant.Identity   // by namespace and name
	bindings   map[string]BindingObject // by UID
	namedBy    map[key]map[string]bool  // identity's namespace and name, UIDs of the bindings that name it
	read       struct{ i, b bool }      // which collections have been read in full
}

// NewBound makes an empty collection. gone is called with each identity that no binding leads to any more.
func NewBound(gone func(grant.Identity)) *Bound {
	return &Bound{
		index: newIndex(gone), identities: map[key]grant.Identity{},
		bindings: map[string]BindingObject{}, namedBy: map[key]map[string]bool{},
	}
}

// Of gives what a pod's label is bound to in the pod's namespace. The slice is not to be changed.
func (b *Bound) Of(pod grant.Pod) []grant.Assigned {
	return b.of(pod.Namespace, pod.Label)
}

// Identities is where AzureIdentity objects go.
func (b *Bound) Identities() kube.Sink[IdentityObject] { return identitySink{b} }

// Bindings is where AzureIdentityBinding objects go.
func (b *Bound) Bindings() kube.Sink[BindingObject] { return bindingSink{b} }

type identitySink struct{ b *Bound }

func (s identitySink) Replace(all []IdentityObject) {
	listed := make(map[key]bool, len(all))
	for _, object := range all {
		listed[key{object.Namespace, object.Name}] = true
	}
	s.b.update(func() {
		for name := range s.b.identities {
			if !listed[name] {
				s.b.forgetIdentity(name)
			}
		}
		for _, object := range all {
			s.b.enterIdentity(object)
		}
		s.b.read.i = true
		s.b.complete()
	})
}

func (s identitySink) Apply(object IdentityObject) {
	s.b.update(func() { s.b.enterIdentity(object) })
}

func (s identitySink) Remove(object IdentityObject) {
	s.b.update(func() { s.b.forgetIdentity(key{object.Namespace, object.Name}) })
}

type bindingSink struct{ b *Bound }

func (s bindingSink) Replace(all []BindingObject) {
	listed := make(map[string]bool, len(all))
	for _, object := range all {
		listed[object.UID] = true
	}
	s.b.update(func() {
		for uid := range s.b.bindings {
			if !listed[uid] {
				s.b.forgetBinding(uid)
			}
		}
		for _, object := range all {
			s.b.enterBinding(object)
		}
		s.b.read.b = true
		s.b.complete()
	})
}

func (s bindingSink) Apply(object BindingObject) {
	s.b.update(func() { s.b.enterBinding(object) })
}

func (s bindingSink) Remove(object BindingObject) {
	s.b.update(func() { s.b.forgetBinding(object.UID) })
}

// The following are parts of an update.

func (b *Bound) complete() {
	if b.read.i && b.read.b {
		b.sync()
	}
}

func (b *Bound) enterIdentity(object IdentityObject) {
	name := key{object.Namespace, object.Name}
	if object.Deleted != nil { // a finalizer may hold it for a while
		b.forgetIdentity(name)
		return
	}
	b.identities[name] = object.Spec.identity(object.Namespace, object.Name)
	b.resolveAll(name)
}

func (b *Bound) forgetIdentity(name key) {
	delete(b.identities, name)
	b.resolveAll(name)
}

func (b *Bound) enterBinding(object BindingObject) {
	b.forgetName(object.UID)
	if object.Deleted != nil || object.Spec.AzureIdentity == "" || object.Spec.Selector == "" {
		b.forgetBinding(object.UID)
		return
	}
	b.bindings[object.UID] = object
	name := object.identity()
	if b.namedBy[name] == nil {
		b.namedBy[name] = map[string]bool{}
	}
	b.namedBy[name][object.UID] = true
	b.resolve(object)
}

func (b *Bound) forgetBinding(uid string) {
	b.forgetName(uid)
	delete(b.bindings, uid)
	b.remove(uid)
}

// forgetName takes a binding from those that name its identity.
func (b *Bound) forgetName(uid string) {
	known, ok := b.bindings[uid]
	if !ok {
		return
	}
	name := known.identity()
	if delete(b.namedBy[name], uid); len(b.namedBy[name]) == 0 {
		delete(b.namedBy, name)
	}
}

// resolveAll enters what the bindings that name an identity entitle to now.
func (b *Bound) resolveAll(identity key) {
	for uid := range b.namedBy[identity] {
		b.resolve(b.bindings[uid])
	}
}

func (b *Bound) resolve(binding BindingObject) {
	name := binding.identity()
	a := grant.Assigned{
		IdentityName: name.name, IdentityNamespace: name.namespace, Namespaced: true,
		Selector: binding.Spec.Selector, State: grant.StateMissing,
	}
	if identity, ok := b.identities[name]; ok {
		a.Identity, a.State = identity, grant.StateAssigned
	}
	b.put(binding.UID, entry{key{binding.Namespace, binding.Spec.Selector}, a})
}

// identity names the AzureIdentity of a binding: one of the binding's own namespace.
func (o BindingObject) identity() key {
	return key{o.Namespace, o.Spec.AzureIdentity}
}

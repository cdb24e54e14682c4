package match

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	corev1 "k8s.io/api/core/v1"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// View is where bindings and identities are looked up.
type View interface {
	// BindingsBySelector returns the bindings of all namespaces with a selector.
	BindingsBySelector(selector string) ([]*aadpodid.AzureIdentityBinding, error)
	// Identity returns an identity, or nil if there is none.
	Identity(namespace, name string) (*aadpodid.AzureIdentity, error)
}

// Match is one identity that a pod is to have, and the binding that says so.
type Match struct {
	Identity *aadpodid.AzureIdentity
	Binding  *aadpodid.AzureIdentityBinding
}

// Rules are the settings of the whole installation.
type Rules struct {
	// ForceNamespaced confines every identity to its own namespace, not only
	// those that are annotated.
	ForceNamespaced bool
	// NodeClientID is the client ID of the identity that the nodes and mic itself
	// sign in with; empty is unknown. No pod is given it by an AzureIdentity: it is
	// on every node, and its rights are over the nodes.
	NodeClientID string
	// KeepCompleted lets pods that have finished keep their identities until they
	// are deleted, as aad-pod-identity did.
	KeepCompleted bool
}

// Pod returns the identities that a pod is to have, each once. Those bound in
// the pod's own namespace come first, then by namespace and name.
func (r Rules) Pod(pod *corev1.Pod, view View) ([]Match, error) {
	if !r.MayHold(pod) {
		return nil, nil
	}
	bindings, err := view.BindingsBySelector(pod.Labels[aadpodid.PodLabel])
	if err != nil {
		return nil, fmt.Errorf("looking up bindings: %w", err)
	}
	var matches []Match
	for _, binding := range inOrder(bindings, pod.Namespace) {
		identity, err := view.Identity(binding.Namespace, binding.Spec.AzureIdentity)
		if err != nil {
			return nil, fmt.Errorf("looking up identity %s/%s: %w", binding.Namespace, binding.Spec.AzureIdentity, err)
		}
		if identity == nil || (r.Namespaced(identity) && pod.Namespace != binding.Namespace) {
			continue
		}
		if !holds(matches, identity) {
			matches = append(matches, Match{Identity: identity, Binding: binding})
		}
	}
	return matches, nil
}

// Namespaced reports whether an identity is confined to pods of its namespace.
func (r Rules) Namespaced(identity *aadpodid.AzureIdentity) bool {
	behaviour := strings.TrimSpace(identity.Annotations[aadpodid.BehaviorAnnotation])
	return r.ForceNamespaced || strings.EqualFold(behaviour, aadpodid.BehaviorNamespaced)
}

// Usable returns why no pod can be given an identity, in words for its author, or
// nil. An object that names the nodes' resource and another client ID passes here
// and is refused later, where the two are compared.
func (r Rules) Usable(identity *aadpodid.AzureIdentity) error {
	if r.NodeClientID != "" && strings.EqualFold(strings.TrimSpace(identity.Spec.ClientID), r.NodeClientID) {
		return errors.New("it is the identity of the nodes themselves, whose rights are over the nodes; " +
			"let the pod's service account use it (nmi's --node-identity-service-account), or make an identity with the rights that the pod needs")
	}
	return Usable(identity)
}

// MayHold reports whether a pod can have identities at all: it asks for some, is
// on a node, and hasn't finished. A pod that is being deleted still may: its
// containers run on, and stop hooks need tokens.
func (r Rules) MayHold(pod *corev1.Pod) bool {
	if pod.Labels[aadpodid.PodLabel] == "" || pod.Spec.NodeName == "" {
		return false
	}
	finished := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	return r.KeepCompleted || !finished
}

func inOrder(bindings []*aadpodid.AzureIdentityBinding, podNamespace string) []*aadpodid.AzureIdentityBinding {
	sorted := append([]*aadpodid.AzureIdentityBinding(nil), bindings...)
	sort.Slice(sorted, func(i, j int) bool {
		a, b := sorted[i], sorted[j]
		if own := a.Namespace == podNamespace; own != (b.Namespace == podNamespace) {
			return own
		}
		if a.Namespace != b.Namespace {
			return a.Namespace < b.Namespace
		}
		return a.Name < b.Name
	})
	return sorted
}

func holds(matches []Match, identity *aadpodid.AzureIdentity) bool {
	for _, m := range matches {
		if m.Identity.Namespace == identity.Namespace && m.Identity.Name == identity.Name {
			return true
		}
	}
	return false
}

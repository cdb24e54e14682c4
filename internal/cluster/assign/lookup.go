package assign

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
	"github.com/lanyard-project/lanyard/internal/cluster/scaleset"
)

// view lets match look things up in the cache. The objects are the cache's
// own; match and desired only read and copy them.
type view struct {
	ctx  context.Context
	kube client.Reader
}

// NewView lets match look things up in a cache that has this package's indexes.
func NewView(ctx context.Context, kube client.Reader) match.View { return view{ctx: ctx, kube: kube} }

// BindingsBySelector returns the bindings with a selector.
func (v view) BindingsBySelector(selector string) ([]*aadpodid.AzureIdentityBinding, error) {
	var list aadpodid.AzureIdentityBindingList
	if err := v.kube.List(v.ctx, &list, client.MatchingFields{bySelector: selector}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	bindings := make([]*aadpodid.AzureIdentityBinding, len(list.Items))
	for i := range list.Items {
		bindings[i] = &list.Items[i]
	}
	return bindings, nil
}

// Identity returns an identity, or nil if there is none.
func (v view) Identity(namespace, name string) (*aadpodid.AzureIdentity, error) {
	var identity aadpodid.AzureIdentity
	err := v.kube.Get(v.ctx, types.NamespacedName{Namespace: namespace, Name: name}, &identity)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &identity, nil
}

// existing returns the assigned identities that are about a pod.
func (r *Reconciler) existing(ctx context.Context, pod types.NamespacedName) ([]*aadpodid.AzureAssignedIdentity, error) {
	var list aadpodid.AzureAssignedIdentityList
	if err := r.Kube.List(ctx, &list, client.MatchingFields{ByPod: match.Key(pod.Namespace, pod.Name)}); err != nil {
		return nil, fmt.Errorf("listing assigned identities: %w", err)
	}
	existing := make([]*aadpodid.AzureAssignedIdentity, len(list.Items))
	for i := range list.Items {
		existing[i] = &list.Items[i]
	}
	return existing, nil
}

// pod returns a pod, or nil if there is none that asks for identities.
func (r *Reconciler) pod(ctx context.Context, name types.NamespacedName) (*corev1.Pod, error) {
	var pod corev1.Pod
	err := r.Kube.Get(ctx, name, &pod)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading pod: %w", err)
	}
	return &pod, nil
}

// place returns where a node is. A node that isn't known may be on its way.
func (r *Reconciler) place(ctx context.Context, name string) (place, error) {
	at := place{node: name}
	if name == "" {
		return at, nil
	}
	var node corev1.Node
	if err := r.Kube.Get(ctx, types.NamespacedName{Name: name}, &node); err != nil {
		if apierrors.IsNotFound(err) {
			return at, nil
		}
		return at, fmt.Errorf("reading node %s: %w", name, err)
	}
	if node.Spec.ProviderID == "" {
		return at, nil
	}
	id, err := scaleset.FromProviderID(node.Spec.ProviderID)
	if err != nil {
		at.why = fmt.Sprintf("Managed identities can't be assigned on node %s: %v. "+
			"Run the pod on a node in Azure, or give it a workload identity (type 3).", name, err)
		return at, nil
	}
	at.set = &id
	return at, nil
}

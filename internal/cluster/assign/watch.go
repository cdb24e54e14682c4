package assign

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
)

// BindingsByIdentity is the name of the index of bindings by the identity that
// they name.
const BindingsByIdentity = "lanyard.identity"

// Names of cache indexes; the functions behind them are match's.
const (
	bySelector   = "lanyard.selector"
	byLabelValue = "lanyard.labelValue"
	byNode       = "lanyard.node"
)

// SetUp indexes the manager's cache and starts passes on every change that
// concerns a pod, and on no other.
func (r *Reconciler) SetUp(ctx context.Context, mgr manager.Manager, options controller.Options) error {
	indexer := mgr.GetFieldIndexer()
	if err := IndexBindings(ctx, indexer); err != nil {
		return err
	}
	for _, index := range []struct {
		object client.Object
		name   string
		keys   client.IndexerFunc
	}{
		{&aadpodid.AzureIdentityBinding{}, BindingsByIdentity, func(o client.Object) []string { return match.BindingIdentity(o.(*aadpodid.AzureIdentityBinding)) }},
		{&aadpodid.AzureAssignedIdentity{}, ByPod, func(o client.Object) []string { return PodIndexKey(o.(*aadpodid.AzureAssignedIdentity)) }},
		{&corev1.Pod{}, byLabelValue, func(o client.Object) []string { return match.PodLabelValue(o.(*corev1.Pod)) }},
		{&corev1.Pod{}, byNode, func(o client.Object) []string { return match.PodNode(o.(*corev1.Pod)) }},
	} {
		if err := indexer.IndexField(ctx, index.object, index.name, index.keys); err != nil {
			return fmt.Errorf("indexing %T by %s: %w", index.object, index.name, err)
		}
	}
	return builder.ControllerManagedBy(mgr).
		Named("pods").
		WithOptions(options).
		For(&corev1.Pod{}, builder.WithPredicates(predicate.Funcs{UpdateFunc: r.podChangeMatters})).
		Watches(&aadpodid.AzureIdentityBinding{}, handler.EnqueueRequestsFromMapFunc(r.podsOfBinding)).
		Watches(&aadpodid.AzureIdentity{}, handler.EnqueueRequestsFromMapFunc(r.podsOfIdentity)).
		Watches(&aadpodid.AzureAssignedIdentity{}, handler.EnqueueRequestsFromMapFunc(podOfAssigned)).
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(r.podsOfNode),
			builder.WithPredicates(predicate.Funcs{UpdateFunc: nodeChangeMatters})).
		Complete(r)
}

// IndexBindings is what [NewView] needs of a cache.
func IndexBindings(ctx context.Context, indexer client.FieldIndexer) error {
	keys := func(o client.Object) []string { return match.BindingSelector(o.(*aadpodid.AzureIdentityBinding)) }
	if err := indexer.IndexField(ctx, &aadpodid.AzureIdentityBinding{}, bySelector, keys); err != nil {
		return fmt.Errorf("indexing bindings by selector: %w", err)
	}
	return nil
}

// podChangeMatters leaves out the many updates of a pod's status.
func (r *Reconciler) podChangeMatters(e event.UpdateEvent) bool {
	before, after := e.ObjectOld.(*corev1.Pod), e.ObjectNew.(*corev1.Pod)
	return before.UID != after.UID || before.Spec.NodeName != after.Spec.NodeName ||
		before.Labels[aadpodid.PodLabel] != after.Labels[aadpodid.PodLabel] ||
		r.Rules.MayHold(before) != r.Rules.MayHold(after)
}

func nodeChangeMatters(e event.UpdateEvent) bool {
	return e.ObjectOld.(*corev1.Node).Spec.ProviderID != e.ObjectNew.(*corev1.Node).Spec.ProviderID
}

// podsOfBinding returns the pods with the binding's selector. For an update it
// is called with the old binding and with the new one.
func (r *Reconciler) podsOfBinding(ctx context.Context, o client.Object) []reconcile.Request {
	return r.pods(ctx, byLabelValue, match.BindingSelector(o.(*aadpodid.AzureIdentityBinding)))
}

func (r *Reconciler) podsOfIdentity(ctx context.Context, o client.Object) []reconcile.Request {
	var bindings aadpodid.AzureIdentityBindingList
	key := match.Key(o.GetNamespace(), o.GetName())
	if err := r.Kube.List(ctx, &bindings, client.MatchingFields{BindingsByIdentity: key}, client.UnsafeDisableDeepCopy); err != nil {
		return nil // the cache answers every indexed list once it has synced
	}
	seen := map[string]bool{}
	var requests []reconcile.Request
	for i := range bindings.Items {
		if selector := bindings.Items[i].Spec.Selector; selector != "" && !seen[selector] {
			seen[selector] = true
			requests = append(requests, r.pods(ctx, byLabelValue, []string{selector})...)
		}
	}
	return requests
}

func (r *Reconciler) podsOfNode(ctx context.Context, o client.Object) []reconcile.Request {
	return r.pods(ctx, byNode, []string{o.GetName()})
}

func podOfAssigned(_ context.Context, o client.Object) []reconcile.Request {
	spec := &o.(*aadpodid.AzureAssignedIdentity).Spec
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: spec.PodNamespace, Name: spec.Pod}}}
}

func (r *Reconciler) pods(ctx context.Context, index string, values []string) []reconcile.Request {
	var requests []reconcile.Request
	for _, value := range values {
		var list corev1.PodList
		if err := r.Kube.List(ctx, &list, client.MatchingFields{index: value}, client.UnsafeDisableDeepCopy); err != nil {
			return nil // the cache answers every indexed list once it has synced
		}
		for i := range list.Items {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return requests
}

package report

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
)

const (
	// byIdentity is an index of assigned identities.
	byIdentity = "lanyard.reportedIdentity"
	// gather is how long news about one identity are gathered.
	gather = 500 * time.Millisecond
)

// SetUp starts passes on changes that a status may tell of. bindingsByIdentity
// names an index of bindings by the identity that they name.
func SetUp(ctx context.Context, mgr manager.Manager, identities *Identities, bindings *Bindings, bindingsByIdentity string, options controller.Options) error {
	err := mgr.GetFieldIndexer().IndexField(ctx, &aadpodid.AzureAssignedIdentity{}, byIdentity, func(o client.Object) []string {
		return keys(identityOf(o))
	})
	if err != nil {
		return fmt.Errorf("indexing assigned identities by identity: %w", err)
	}
	err = builder.ControllerManagedBy(mgr).Named("identities").WithOptions(options).
		For(&aadpodid.AzureIdentity{}).
		Watches(&aadpodid.AzureAssignedIdentity{}, gathering()).
		Complete(identities)
	if err != nil {
		return fmt.Errorf("setting up reports on identities: %w", err)
	}
	err = builder.ControllerManagedBy(mgr).Named("bindings").WithOptions(options).
		For(&aadpodid.AzureIdentityBinding{}).
		Watches(&aadpodid.AzureIdentity{}, existence(mgr.GetClient(), bindingsByIdentity)).
		Complete(bindings)
	if err != nil {
		return fmt.Errorf("setting up reports on bindings: %w", err)
	}
	return nil
}

func identityOf(o client.Object) (name types.NamespacedName, ok bool) {
	ref := o.(*aadpodid.AzureAssignedIdentity).Spec.AzureIdentityRef
	if ref == nil {
		return types.NamespacedName{}, false
	}
	return client.ObjectKeyFromObject(ref), true
}

func keys(name types.NamespacedName, ok bool) []string {
	if !ok {
		return nil
	}
	return []string{match.Key(name.Namespace, name.Name)}
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// gathering asks for a pass over the identity of an assigned identity whose
// condition has changed, a moment later: thousands of pods may share it.
func gathering() handler.Funcs {
	add := func(o client.Object, q queue) {
		if name, ok := identityOf(o); ok {
			q.AddAfter(reconcile.Request{NamespacedName: name}, gather)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { add(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			before, after := e.ObjectOld.(*aadpodid.AzureAssignedIdentity), e.ObjectNew.(*aadpodid.AzureAssignedIdentity)
			if !equality.Semantic.DeepEqual(before.Status.Conditions, after.Status.Conditions) {
				add(after, q)
			}
		},
	}
}

// existence asks for passes over the bindings that name an identity which comes
// or goes.
func existence(kube client.Reader, index string) handler.Funcs {
	add := func(ctx context.Context, o client.Object, q queue) {
		var list aadpodid.AzureIdentityBindingList
		key := match.Key(o.GetNamespace(), o.GetName())
		if err := kube.List(ctx, &list, client.MatchingFields{index: key}, client.UnsafeDisableDeepCopy); err != nil {
			return // the cache answers every indexed list once it has synced
		}
		for i := range list.Items {
			q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { add(ctx, e.Object, q) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { add(ctx, e.Object, q) },
	}
}

// write writes a status that differs. An object that has gone needs none, and one
// of a CRD without the subresource can't have one: both are not found.
func write(ctx context.Context, kube client.Client, before, after client.Object) error {
	if equality.Semantic.DeepEqual(before, after) {
		return nil
	}
	if err := kube.Status().Patch(ctx, after, client.MergeFrom(before)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("writing the status of %T %s/%s: %w", before, before.GetNamespace(), before.GetName(), err)
	}
	return nil
}

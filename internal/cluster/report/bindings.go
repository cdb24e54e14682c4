package report

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// Bindings reports on AzureIdentityBinding objects. All fields have to be set.
type Bindings struct {
	Kube     client.Client
	Recorder record.EventRecorder
}

const reasonNoIdentity = "IdentityNotFound"

// Reconcile makes one pass over a binding.
func (r *Bindings) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var binding aadpodid.AzureIdentityBinding
	if err := r.Kube.Get(ctx, req.NamespacedName, &binding); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	bound, err := r.bound(ctx, &binding)
	if err != nil {
		return reconcile.Result{}, err
	}
	before := meta.FindStatusCondition(binding.Status.Conditions, aadpodid.ConditionBound)
	reported := binding.DeepCopy()
	reported.Status.ObservedGeneration = binding.Generation
	meta.SetStatusCondition(&reported.Status.Conditions, bound)
	if err := write(ctx, r.Kube, &binding, reported); err != nil {
		return reconcile.Result{}, err
	}
	if bound.Status == metav1.ConditionFalse && (before == nil || before.Reason != bound.Reason) {
		r.Recorder.Event(&binding, corev1.EventTypeWarning, bound.Reason, bound.Message)
	}
	return reconcile.Result{}, nil
}

func (r *Bindings) bound(ctx context.Context, binding *aadpodid.AzureIdentityBinding) (metav1.Condition, error) {
	c := metav1.Condition{Type: aadpodid.ConditionBound, Status: metav1.ConditionFalse, ObservedGeneration: binding.Generation}
	switch {
	case binding.Spec.Selector == "":
		c.Reason, c.Message = "NoSelector", fmt.Sprintf("spec.selector is empty, so that the binding applies to no pod: set it to the value of the pods' label %s.", aadpodid.PodLabel)
		return c, nil
	case binding.Spec.AzureIdentity == "":
		c.Reason, c.Message = reasonNoIdentity, "spec.azureIdentity is empty: set it to the name of an AzureIdentity of this namespace."
		return c, nil
	}
	var identity aadpodid.AzureIdentity
	err := r.Kube.Get(ctx, types.NamespacedName{Namespace: binding.Namespace, Name: binding.Spec.AzureIdentity}, &identity)
	switch {
	case apierrors.IsNotFound(err):
		c.Reason, c.Message = reasonNoIdentity, fmt.Sprintf("There is no AzureIdentity %s in namespace %s: create it, or correct spec.azureIdentity.",
			binding.Spec.AzureIdentity, binding.Namespace)
	case err != nil:
		return c, fmt.Errorf("reading identity %s/%s: %w", binding.Namespace, binding.Spec.AzureIdentity, err)
	default:
		c.Status, c.Reason = metav1.ConditionTrue, "IdentityFound"
	}
	return c, nil
}

package cluster

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, authenticationv1.AddToScheme, admissionregistrationv1.AddToScheme, aadpodid.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("building the scheme: %w", err)
		}
	}
	return scheme, nil
}

// cacheOptions keep the cache small: of the cluster's pods only those that ask
// for an identity, and of pods and nodes only the few fields that are read.
func cacheOptions() (cache.Options, error) {
	asks, err := labels.NewRequirement(aadpodid.PodLabel, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, fmt.Errorf("building the pod selector: %w", err)
	}
	return cache.Options{
		// Anything that isn't listed here would be watched cluster-wide by
		// accident; it is an error instead.
		ReaderFailOnMissingInformer: true,
		DefaultTransform:            cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}:  {Label: labels.NewSelector().Add(*asks), Transform: slimPod},
			&corev1.Node{}: {Transform: slimNode},
		},
	}, nil
}

func slimPod(o any) (any, error) {
	pod, ok := o.(*corev1.Pod)
	if !ok {
		return o, nil
	}
	return &corev1.Pod{
		TypeMeta:   pod.TypeMeta,
		ObjectMeta: slimMeta(pod.ObjectMeta),
		Spec:       corev1.PodSpec{NodeName: pod.Spec.NodeName, ServiceAccountName: pod.Spec.ServiceAccountName},
		Status:     corev1.PodStatus{Phase: pod.Status.Phase},
	}, nil
}

func slimNode(o any) (any, error) {
	node, ok := o.(*corev1.Node)
	if !ok {
		return o, nil
	}
	return &corev1.Node{
		TypeMeta:   node.TypeMeta,
		ObjectMeta: slimMeta(node.ObjectMeta),
		Spec:       corev1.NodeSpec{ProviderID: node.Spec.ProviderID},
	}, nil
}

func slimMeta(m metav1.ObjectMeta) metav1.ObjectMeta {
	slim := metav1.ObjectMeta{
		Name: m.Name, Namespace: m.Namespace, UID: m.UID, ResourceVersion: m.ResourceVersion,
		DeletionTimestamp: m.DeletionTimestamp,
	}
	if value, ok := m.Labels[aadpodid.PodLabel]; ok {
		slim.Labels = map[string]string{aadpodid.PodLabel: value}
	}
	return slim
}

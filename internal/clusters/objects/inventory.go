package objects

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// entry names one object.
type entry struct {
	Group     string `json:"group,omitempty"`
	Version   string `json:"version"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

func (e entry) object() *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(schema.GroupVersionKind{Group: e.Group, Version: e.Version, Kind: e.Kind})
	o.SetNamespace(e.Namespace)
	o.SetName(e.Name)
	return o
}

// same ignores the version: an object is the same one in each.
func (e entry) same(other entry) bool {
	e.Version = other.Version
	return e == other
}

// inventory is what a set brought into the cluster and may take away again.
type inventory []entry

func inventoryOf(objects []*unstructured.Unstructured) inventory {
	var i inventory
	for _, o := range objects {
		kind := o.GroupVersionKind()
		if kind.Kind == "Namespace" || isDefinition(o) {
			continue // what others put in it is theirs
		}
		i = append(i, entry{kind.Group, kind.Version, kind.Kind, o.GetNamespace(), o.GetName()})
	}
	return i
}

func (i inventory) has(e entry) bool { return slices.ContainsFunc(i, e.same) }

func (i inventory) with(more inventory) inventory {
	return append(i.without(more), more...)
}

func (i inventory) without(others inventory) inventory {
	var left inventory
	for _, e := range i {
		if !others.has(e) {
			left = append(left, e)
		}
	}
	return left
}

const (
	inventoryNamespace = metav1.NamespaceSystem
	inventoryKey       = "objects"
)

func inventoryName(set string) string { return "lanyard-set-" + set }

func readInventory(ctx context.Context, c client.Client, set string) (inventory, error) {
	var m corev1.ConfigMap
	err := c.Get(ctx, client.ObjectKey{Namespace: inventoryNamespace, Name: inventoryName(set)}, &m)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what there is: %w", err)
	}
	var i inventory
	if err := json.Unmarshal([]byte(m.Data[inventoryKey]), &i); err != nil {
		return nil, fmt.Errorf("reading ConfigMap %s: %w", inventoryName(set), err)
	}
	return i, nil
}

func writeInventory(ctx context.Context, c client.Client, set string, i inventory) error {
	m := &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{Namespace: inventoryNamespace, Name: inventoryName(set)},
	}
	if len(i) == 0 {
		if err := c.Delete(ctx, m); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("forgetting what there was: %w", err)
		}
		return nil
	}
	raw, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("writing down what there is to be: %w", err)
	}
	m.Data = map[string]string{inventoryKey: string(raw)}
	if err := c.Update(ctx, m); apierrors.IsNotFound(err) {
		err = c.Create(ctx, m)
		if err != nil {
			return fmt.Errorf("writing down what there is to be: %w", err)
		}
	} else if err != nil {
		return fmt.Errorf("writing down what there is to be: %w", err)
	}
	return nil
}

package objects

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// manager owns the fields that are applied.
const manager = client.FieldOwner("lanyardd")

// pollEvery is how often the cluster is asked whether something came true.
const pollEvery = 200 * time.Millisecond

// Set is a group of objects that come and go together.
type Set struct {
	// Name tells sets of one cluster apart: lower-case letters, digits and hyphens.
	Name    string
	Objects []*unstructured.Unstructured
	// Await makes Apply wait until the set's Deployments and DaemonSets run everywhere, and what is taken away is gone
	// with all that it made.
	Await bool
}

// Apply brings the set into the cluster. An empty set takes away what was brought under its name.
func Apply(ctx context.Context, c client.Client, s Set) error {
	if err := apply(ctx, c, s); err != nil {
		return fmt.Errorf("applying the objects of %s: %w", s.Name, err)
	}
	return nil
}

func apply(ctx context.Context, c client.Client, s Set) error {
	before, err := readInventory(ctx, c, s.Name)
	if err != nil {
		return err
	}
	wanted := inventoryOf(s.Objects)
	if len(before) == 0 && len(s.Objects) == 0 {
		return nil
	}
	if err := writeInventory(ctx, c, s.Name, before.with(wanted)); err != nil {
		return err
	}
	for _, o := range s.Objects {
		if err := applyOne(ctx, c, o); err != nil {
			return err
		}
	}
	for _, gone := range before.without(wanted) {
		if err := remove(ctx, c, gone, s.Await); err != nil {
			return err
		}
	}
	if err := writeInventory(ctx, c, s.Name, wanted); err != nil {
		return err
	}
	if !s.Await {
		return nil
	}
	return await(ctx, c, s.Objects)
}

// applyOne applies an object. A kind whose definition was applied a moment ago may need another one.
func applyOne(ctx context.Context, c client.Client, o *unstructured.Unstructured) error {
	for {
		// Apply writes the answer into its argument; the set is the caller's.
		err := c.Apply(ctx, client.ApplyConfigurationFromUnstructured(o.DeepCopy()), manager, client.ForceOwnership)
		if err == nil {
			if isDefinition(o) {
				return established(ctx, c, o)
			}
			return nil
		}
		if !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) {
			return fmt.Errorf("%s: %w", name(o), err)
		}
		if sleep(ctx) != nil {
			return fmt.Errorf("%s: %w", name(o), err)
		}
	}
}

func isDefinition(o *unstructured.Unstructured) bool {
	return o.GetKind() == "CustomResourceDefinition"
}

// established waits until objects of the kind can be made.
func established(ctx context.Context, c client.Client, definition *unstructured.Unstructured) error {
	return until(ctx, c, definition, func(o *unstructured.Unstructured) error {
		conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
		for _, condition := range conditions {
			if fields, ok := condition.(map[string]any); ok && fields["type"] == "Established" && fields["status"] == "True" {
				return nil
			}
		}
		return errors.New("isn't established yet")
	})
}

func remove(ctx context.Context, c client.Client, e entry, await bool) error {
	policy := metav1.DeletePropagationBackground
	if await {
		policy = metav1.DeletePropagationForeground
	}
	err := c.Delete(ctx, e.object(), client.PropagationPolicy(policy))
	for await && err == nil {
		if err = sleep(ctx); err == nil {
			err = c.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: e.Name}, e.object())
		}
	}
	if err != nil && !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
		return fmt.Errorf("removing %s: %w", name(e.object()), err)
	}
	return nil
}

func name(o *unstructured.Unstructured) string {
	if o.GetNamespace() == "" {
		return o.GetKind() + " " + o.GetName()
	}
	return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
}

func sleep(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pollEvery):
		return nil
	}
}

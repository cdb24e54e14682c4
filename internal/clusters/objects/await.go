package objects

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// await waits until what runs of the set runs everywhere.
func await(ctx context.Context, c client.Client, objects []*unstructured.Unstructured) error {
	for _, o := range objects {
		var done func(*unstructured.Unstructured) error
		switch o.GetKind() {
		case "DaemonSet":
			done = daemonSetRuns
		case "Deployment":
			done = deploymentRuns
		default:
			continue
		}
		if err := until(ctx, c, o, done); err != nil {
			return err
		}
	}
	return nil
}

// until asks for the object again and again until it is as wanted; the error says how it is instead.
func until(ctx context.Context, c client.Client, o *unstructured.Unstructured, done func(*unstructured.Unstructured) error) error {
	for {
		now := &unstructured.Unstructured{}
		now.SetGroupVersionKind(o.GroupVersionKind())
		err := c.Get(ctx, client.ObjectKeyFromObject(o), now)
		if err == nil {
			err = done(now)
		}
		if err == nil {
			return nil
		}
		if sleep(ctx) != nil {
			return fmt.Errorf("%s: %w", name(o), err)
		}
	}
}

func status(o *unstructured.Unstructured, field string) int64 {
	n, _, _ := unstructured.NestedInt64(o.Object, "status", field)
	return n
}

// daemonSetRuns wants the newest template on every node: a node that is left out is one where it isn't in force.
func daemonSetRuns(o *unstructured.Unstructured) error {
	wanted := status(o, "desiredNumberScheduled")
	if status(o, "observedGeneration") < o.GetGeneration() || status(o, "updatedNumberScheduled") < wanted || status(o, "numberReady") < wanted {
		return fmt.Errorf("runs on %d of %d nodes", status(o, "numberReady"), wanted)
	}
	return nil
}

func deploymentRuns(o *unstructured.Unstructured) error {
	wanted := int64(1)
	if n, ok, _ := unstructured.NestedInt64(o.Object, "spec", "replicas"); ok {
		wanted = n
	}
	if status(o, "observedGeneration") < o.GetGeneration() || status(o, "updatedReplicas") < wanted || status(o, "availableReplicas") < wanted {
		return fmt.Errorf("%d of %d replicas run", status(o, "availableReplicas"), wanted)
	}
	return nil
}

package clusters

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// Drain says how a node is to be drained.
type Drain struct {
	// Limit is how long its pods may take to leave.
	Limit time.Duration
	// IgnoreBudgets deletes pods instead of evicting them, which no disruption budget forbids.
	IgnoreBudgets bool
}

// DrainError is a drain that wasn't done in time.
type DrainError struct {
	Node string
	// Pod is one that stayed, "namespace/name", Reason what was answered to its
	// eviction, and Budget what is known of the budget that forbids it.
	Pod, Reason, Budget string
}

func (e *DrainError) Error() string {
	return fmt.Sprintf("pod %s didn't leave node %s: %s", e.Pod, e.Node, e.Reason)
}

// DrainNode keeps new pods from the node and moves those that it has away, as
// their disruption budgets allow; pods of daemon sets and of the node itself
// stay. A node that isn't there is drained. If pods don't leave in time the node
// takes pods again.
func (e *Engine) DrainNode(ctx context.Context, clusterID, name string, d Drain) error {
	defer e.locks.shared("cluster/" + clusterID)()
	c, err := e.cluster(clusterID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	api, err := e.client(c)
	if err != nil {
		return err
	}
	defer api.close()
	err = api.unschedulable(ctx, name, true)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cordoning node %s: %w", name, err)
	}
	err = api.evictAll(ctx, name, d)
	var late *DrainError
	if errors.As(err, &late) {
		if err := api.unschedulable(ctx, name, false); err != nil {
			e.options.Log.Warn("uncordoning a node that couldn't be drained", "node", name, "error", err)
		}
	}
	return err
}

// unschedulable keeps pods from being scheduled on the node, or lets them again.
func (c *client) unschedulable(ctx context.Context, node string, yes bool) error {
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"unschedulable": yes}})
	if err != nil {
		return err
	}
	_, err = c.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// drainPoll is how often pods that stay are evicted again.
const drainPoll = 500 * time.Millisecond

func (c *client) evictAll(ctx context.Context, node string, d Drain) error {
	deadline := time.Now().Add(d.Limit)
	for {
		pods, err := c.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
		if err != nil {
			return fmt.Errorf("listing the pods of node %s: %w", node, err)
		}
		var stayed *DrainError
		for i := range pods.Items {
			pod := &pods.Items[i]
			if !leaves(pod) {
				continue
			}
			stayed = &DrainError{Node: node, Pod: pod.Namespace + "/" + pod.Name, Reason: "it hasn't ended yet"}
			if pod.DeletionTimestamp != nil {
				continue
			}
			err := c.evict(ctx, pod, d.IgnoreBudgets)
			switch {
			case err == nil, apierrors.IsNotFound(err):
			case apierrors.IsTooManyRequests(err):
				stayed.Reason, stayed.Budget = err.Error(), c.budgets(ctx, pod)
			default:
				return fmt.Errorf("evicting pod %s/%s: %w", pod.Namespace, pod.Name, err)
			}
		}
		if stayed == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return stayed
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(drainPoll):
		}
	}
}

// leaves reports whether a pod has to go from a drained node: not those of daemon
// sets, which come back at once, nor the node's own, nor those that have ended.
func leaves(pod *corev1.Pod) bool {
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return false
	}
	if owner := metav1.GetControllerOf(pod); owner != nil && owner.Kind == "DaemonSet" {
		return false
	}
	return pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

func (c *client) evict(ctx context.Context, pod *corev1.Pod, force bool) error {
	if force {
		return c.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{})
	}
	return c.CoreV1().Pods(pod.Namespace).EvictV1(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace}})
}

// budgets tells of the disruption budgets that hold a pod.
func (c *client) budgets(ctx context.Context, pod *corev1.Pod) string {
	all, err := c.PolicyV1().PodDisruptionBudgets(pod.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err.Error()
	}
	for _, b := range all.Items {
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil || !selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		return fmt.Sprintf("%s/%s blocked by pdb %s (CurrentHealthy: %d) (DesiredHealthy: %d) (ExpectedPods: %d)",
			pod.Namespace, pod.Name, b.Name, b.Status.CurrentHealthy, b.Status.DesiredHealthy, b.Status.ExpectedPods)
	}
	return "no budget selects the pod"
}

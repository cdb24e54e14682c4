package clusters

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lanyard-project/lanyard/internal/clusters/controlplane"
	"github.com/lanyard-project/lanyard/internal/clusters/node"
)

// Simulated are the nodes of a pool behind which there is no machine: the API
// server has them, KWOK says that they and their pods are well, and nothing runs.
type Simulated struct {
	ClusterID string
	Pool      string
	// Names are all of the pool's nodes; others of it go.
	Names      []string
	ProviderID func(name string) string
	Labels     map[string]string
	Taints     []string
	MaxPods    int
}

const (
	simulatedPool = "lanyard.dev/simulated-pool"
	// simulatedRole is what kubectl get nodes shows under ROLES.
	simulatedRole  = "node-role.kubernetes.io/simulated"
	simulatedTaint = "lanyard.dev/simulated"
	maxPods        = "lanyard.dev/max-pods"
	// simulatedAtOnce is how many nodes are made or removed at a time.
	simulatedAtOnce = 16
)

// ErrNoSimulator is returned by an engine that hasn't the program.
var ErrNoSimulator = errors.New("simulated nodes need KWOK: build it with make tools/kwok and start lanyardd with --simulator FILE")

// EnsureSimulated gives the cluster these simulated nodes of the pool, and no
// others of it, and waits until they are Ready. Pods come to them only if they
// tolerate the taint that says what they are.
func (e *Engine) EnsureSimulated(ctx context.Context, s Simulated) error {
	if len(s.Names) > 0 && e.options.Simulator == "" {
		return ErrNoSimulator
	}
	defer e.locks.shared("cluster/" + s.ClusterID)()
	if err := e.ensureSimulated(ctx, s); err != nil {
		return fmt.Errorf("ensuring simulated pool %s of cluster %s: %w", s.Pool, s.ClusterID, err)
	}
	return nil
}

func (e *Engine) ensureSimulated(ctx context.Context, s Simulated) error {
	c, err := e.cluster(s.ClusterID)
	if err != nil {
		return err
	}
	if len(s.Names) > 0 {
		if err := controlplane.StartSimulator(e.controlPlaneDisk(c.ID)); err != nil {
			return err
		}
	}
	api, err := e.client(c)
	if err != nil {
		return err
	}
	defer api.close()
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	there, err := api.simulated(ctx, s.Pool)
	if err != nil {
		return err
	}
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(simulatedAtOnce)
	for _, name := range s.Names {
		_, has := there[name]
		delete(there, name)
		if has {
			continue
		}
		group.Go(func() error {
			if _, err := api.CoreV1().Nodes().Create(inner, s.node(name), metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
				return fmt.Errorf("making node %s: %w", name, err)
			}
			return nil
		})
	}
	for name := range there {
		group.Go(func() error { return api.forgetNode(inner, name) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return until(ctx, "the simulated nodes of pool "+s.Pool+" are Ready", func(ctx context.Context) (bool, error) {
		there, err := api.simulated(ctx, s.Pool)
		if err != nil {
			return false, err
		}
		ready := 0
		for _, isReady := range there {
			if isReady {
				ready++
			}
		}
		return ready == len(s.Names), fmt.Errorf("%d of %d are", ready, len(s.Names))
	})
}

// simulated are the nodes of a simulated pool, and whether each is Ready.
func (c *client) simulated(ctx context.Context, pool string) (map[string]bool, error) {
	list, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: simulatedPool + "=" + pool})
	if err != nil {
		return nil, fmt.Errorf("listing simulated nodes: %w", err)
	}
	there := map[string]bool{}
	for _, n := range list.Items {
		there[n.Name] = false
		for _, condition := range n.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
				there[n.Name] = true
			}
		}
	}
	return there, nil
}

// node is the object that stands for a node.
func (s Simulated) node(name string) *corev1.Node {
	labels := map[string]string{
		corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64",
		simulatedPool: s.Pool, simulatedRole: "",
	}
	for key, value := range s.Labels {
		labels[key] = value
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: map[string]string{
			controlplane.SimulatedAnnotation: controlplane.SimulatedByKWOK, maxPods: strconv.Itoa(s.MaxPods),
		}},
		Spec: corev1.NodeSpec{
			ProviderID: s.ProviderID(name),
			Taints:     append(node.Taints(s.Taints), corev1.Taint{Key: simulatedTaint, Value: "true", Effect: corev1.TaintEffectNoSchedule}),
		},
	}
}

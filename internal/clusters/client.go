package clusters

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lanyard-project/lanyard/internal/clusters/controlplane"
	"github.com/lanyard-project/lanyard/internal/clusters/machine"
)

// pollEvery is how often the API server is asked whether something came true.
const pollEvery = 50 * time.Millisecond

// client speaks to a cluster's API server as its administrator, from inside
// its network.
type client struct {
	kubernetes.Interface
	config    *rest.Config
	http      *http.Client
	transport *http.Transport
}

// close lets go of its connections.
func (c *client) close() { c.transport.CloseIdleConnections() }

// client makes one with a certificate for this engine's life only.
func (e *Engine) client(c clusterRecord) (*client, error) {
	cp, err := controlplane.Open(e.controlPlaneSettings(c), e.options.Clock)
	if err != nil {
		return nil, err
	}
	kubeconfig, err := cp.Authority.Kubeconfig(e.person(c, administrator, cp.Server(), time.Hour))
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading own kubeconfig: %w", err)
	}
	trust, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, fmt.Errorf("reading own kubeconfig: %w", err)
	}
	// A transport of its own: client-go keeps those that it makes for ever.
	transport := &http.Transport{DialContext: e.fabric(c.VNetID).Dial, TLSClientConfig: trust, ForceAttemptHTTP2: true}
	// What it waits for is bounded by contexts, not by politeness.
	config.QPS, config.Burst = 200, 200
	over := &http.Client{Transport: transport}
	set, err := kubernetes.NewForConfigAndClient(config, over)
	if err != nil {
		return nil, fmt.Errorf("creating client of cluster %s: %w", c.ID, err)
	}
	return &client{set, config, over, transport}, nil
}

// until asks again and again until there is an answer; errors are answers for
// later, but the last one says why there was none in time.
func until(ctx context.Context, what string, ask func(context.Context) (bool, error)) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		ok, err := ask(attempt)
		cancel()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			if err == nil {
				err = ctx.Err()
			}
			return fmt.Errorf("waiting until %s: %w", what, err)
		case <-time.After(pollEvery):
		}
	}
}

// ready waits until the API server is ready and has the engine's role bindings.
func (c *client) ready(ctx context.Context) error {
	err := until(ctx, "kube-apiserver is ready", func(ctx context.Context) (bool, error) {
		_, err := c.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err == nil, err
	})
	if err != nil {
		return err
	}
	for _, role := range []rbacv1.ClusterRole{cloudRole(), simulatorRole()} {
		if _, err := c.RbacV1().ClusterRoles().Create(ctx, &role, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("making role %s: %w", role.Name, err)
		}
	}
	for _, b := range roleBindings() {
		_, err := c.RbacV1().ClusterRoleBindings().Create(ctx, &b, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("binding role %s: %w", b.RoleRef.Name, err)
		}
	}
	return nil
}

// admitsPods waits until the controllers make service accounts, without which
// no pod is admitted.
func (c *client) admitsPods(ctx context.Context) error {
	return until(ctx, "the default service account exists", func(ctx context.Context) (bool, error) {
		_, err := c.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, err
	})
}

// roleBindings are those that Kubernetes itself does not have.
func roleBindings() []rbacv1.ClusterRoleBinding {
	bind := func(name, role string, users ...string) rbacv1.ClusterRoleBinding {
		b := rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		}
		for _, u := range users {
			b.Subjects = append(b.Subjects, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: u})
		}
		return b
	}
	return []rbacv1.ClusterRoleBinding{
		bind("lanyard:kubelet-api-admin", "system:kubelet-api-admin", controlplane.KubeletClient),
		bind(controlplane.CloudController, controlplane.CloudController, controlplane.CloudController),
		// By this name and with these users, AKS gives local accounts their rights.
		bind("aks-cluster-admin-binding", "cluster-admin", string(administrator), string(user)),
		bind(controlplane.Simulator, controlplane.Simulator, controlplane.Simulator),
		bind("lanyard:cluster-monitoring", "view", string(monitor)),
	}
}

// cloudRole is what a cloud controller manager does.
func cloudRole() rbacv1.ClusterRole {
	return rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: controlplane.CloudController},
		Rules: []rbacv1.PolicyRule{
			rule("", []string{"nodes"}, "get", "list", "watch", "update", "patch", "delete"),
			rule("", []string{"nodes/status"}, "update", "patch"),
			rule("", []string{"services"}, "get", "list", "watch", "update", "patch"),
			rule("", []string{"services/status"}, "update", "patch"),
			rule("", []string{"persistentvolumeclaims"}, "get", "list", "watch"),
			rule("", []string{"persistentvolumes"}, "get", "list", "watch", "create", "delete"),
			rule("storage.k8s.io", []string{"storageclasses"}, "get", "list", "watch"),
			rule("storage.k8s.io", []string{"volumeattachments"}, "get", "list", "watch", "update"),
			rule("storage.k8s.io", []string{"volumeattachments/status"}, "update"),
			rule("", []string{"events"}, "create", "update", "patch"),
			rule("events.k8s.io", []string{"events"}, "create", "update", "patch"),
		},
	}
}

func rule(group string, resources []string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
}

// simulatorRole is what stands for the kubelets of simulated nodes.
func simulatorRole() rbacv1.ClusterRole {
	return rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: controlplane.Simulator},
		Rules: []rbacv1.PolicyRule{
			rule("", []string{"nodes"}, "get", "list", "watch"),
			rule("", []string{"nodes/status", "pods/status"}, "update", "patch"),
			rule("", []string{"pods"}, "get", "list", "watch", "patch", "update", "delete"),
			rule("coordination.k8s.io", []string{"leases"}, "get", "list", "watch", "create", "update", "patch", "delete"),
			rule("", []string{"events"}, "create", "update", "patch"),
		},
	}
}

// nodeReady waits until the node has registered itself and has said since its
// start that it is Ready. It gives the node the labels that it may not give
// itself and takes those away that it had and shall have no longer.
func (c *client) nodeReady(ctx context.Context, n Node, had map[string]string, started time.Time) error {
	labelled := false
	return until(ctx, "node "+n.Name+" is Ready", func(ctx context.Context) (bool, error) {
		got, err := c.CoreV1().Nodes().Get(ctx, n.Name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		if !labelled {
			if err := c.label(ctx, got, n.Labels, had); err != nil {
				return false, err
			}
			labelled = true
		}
		return isReady(got, started)
	})
}

func (c *client) label(ctx context.Context, got *corev1.Node, want, had map[string]string) error {
	change := map[string]any{}
	for k, v := range want {
		if have, ok := got.Labels[k]; !ok || have != v {
			change[k] = v
		}
	}
	for k := range had {
		_, wanted := want[k]
		if _, has := got.Labels[k]; has && !wanted {
			change[k] = nil // which removes it
		}
	}
	if len(change) == 0 {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": change}})
	if err != nil {
		return err
	}
	if _, err := c.CoreV1().Nodes().Patch(ctx, got.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("labelling node: %w", err)
	}
	return nil
}

// isReady looks at the condition and at the taint that keeps pods away a
// moment longer. What the node said before it was started, it said in another
// life.
func isReady(n *corev1.Node, started time.Time) (bool, error) {
	for _, t := range n.Spec.Taints {
		if t.Key == corev1.TaintNodeNotReady {
			return false, fmt.Errorf("it is tainted %s", t.Key)
		}
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			fresh := !c.LastHeartbeatTime.Time.Before(started.Truncate(time.Second))
			return fresh && c.Status == corev1.ConditionTrue, fmt.Errorf("its condition is %s: %s", c.Reason, c.Message)
		}
	}
	return false, fmt.Errorf("it has reported no condition")
}

func (c *client) forgetNode(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	err := c.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("removing node from the cluster: %w", err)
	}
	return nil
}

// ServiceAccountKeys is the cluster's JSON Web Key Set, for whoever publishes
// it at the issuer.
func (e *Engine) ServiceAccountKeys(ctx context.Context, clusterID string) ([]byte, error) {
	c, err := e.cluster(clusterID)
	if err != nil {
		return nil, err
	}
	api, err := e.client(c)
	if err != nil {
		return nil, err
	}
	defer api.close()
	b, err := api.Discovery().RESTClient().Get().AbsPath("/openid/v1/jwks").DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading service account keys of cluster %s: %w", clusterID, err)
	}
	return b, nil
}

// lastWords is the end of a program's log, for errors.
func lastWords(disk machine.Disk, inside string) string {
	b, err := disk.Read(inside)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(b[max(0, len(b)-2000):]), []byte("\n"))
	last := bytes.Join(lines[max(0, len(lines)-3):], []byte(" | "))
	return fmt.Sprintf("%s (%s)", last, disk.Path(inside))
}

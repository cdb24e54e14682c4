package clusters_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"

	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/clusters/objects"
)

// TestCluster is the life of a cluster, for real: made, used, lost, found,
// stopped, started, and gone without a trace.
func TestCluster(t *testing.T) {
	before := fingerprint(t)
	l := newLab(t)
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
	defer cancel()
	network := clusters.VNet{ID: "v1", AddressPrefixes: []netip.Prefix{netip.MustParsePrefix("10.224.0.0/12")}}
	l.timed("virtual network", func() error { return l.engine.EnsureVNet(ctx, network) })
	closeMetadata := l.listen(ctx, "v1", "169.254.169.254:80")
	closePlatform := l.listen(ctx, "v1", "168.63.129.16:443")
	l.timed("control plane", func() error {
		status, err := l.engine.EnsureControlPlane(ctx, l.controlPlane("c1", "v1"))
		if want := netip.MustParseAddrPort("168.63.129.17:443"); err == nil && status.APIServerAddress != want {
			t.Errorf("API server is at %s, want %s", status.APIServerAddress, want)
		}
		return err
	})
	nodes := []clusters.Node{l.node("c1", 0), l.node("c1", 1)}
	nodes[1].Bridge = true // one node of each kind: pods reach each other all the same
	l.timed("two nodes", func() error {
		var g errgroup.Group
		for _, n := range nodes {
			g.Go(func() error { return l.engine.EnsureNode(ctx, n) })
		}
		return g.Wait()
	})
	relay := l.relay(ctx, "c1")

	t.Run("node looks like one of AKS", func(t *testing.T) {
		got, err := relay.client.CoreV1().Nodes().Get(ctx, nodes[0].Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got.Spec.ProviderID != nodes[0].ProviderID {
			t.Errorf("provider ID is %q", got.Spec.ProviderID)
		}
		for k, v := range nodes[0].Labels {
			if got.Labels[k] != v {
				t.Errorf("label %s is %q, want %q", k, got.Labels[k], v)
			}
		}
		if pods := got.Status.Allocatable.Pods().Value(); pods != 30 {
			t.Errorf("%d pods fit on it", pods)
		}
	})

	start := time.Now()
	pod := podSpec("server", nodes[0].Name, nil, "serve")
	pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 8080, HostPort: 18080}}
	server := startPod(t, ctx, relay.client, pod)
	t.Logf("pod running after %v", time.Since(start).Round(time.Millisecond))
	if ip := netip.MustParseAddr(server.Status.PodIP); !nodes[0].PodAddresses.Contains(ip) {
		t.Errorf("pod has address %s, want one of %s", ip, nodes[0].PodAddresses)
	}
	t.Run("pod reaches what it may", func(t *testing.T) {
		toPod := "http://" + server.Status.PodIP + ":8080/"
		toHostPort := "http://" + nodes[0].Address.String() + ":18080/"
		caller := runPod(t, ctx, relay.client, "caller", nodes[1].Name, nil, "get", toPod, toHostPort,
			"http://169.254.169.254/", "http://168.63.129.16:443/", "https://10.0.0.1/version", "!http://192.0.2.2/", "!http://10.0.0.77/")
		log := podLog(t, ctx, relay.client, caller)
		node := nodes[1].Address.String()
		for url, want := range map[string]string{
			// Inside the VNet with its own address, outside with its node's.
			toPod:                       "200 " + caller.Status.PodIP,
			toHostPort:                  "200 " + caller.Status.PodIP,
			"http://169.254.169.254/":   "200 " + node,
			"http://168.63.129.16:443/": "200 " + node,
			// The API server by kube-proxy's rules; it knows no anonymous user.
			"https://10.0.0.1/version": "401 {",
			// There is no way out of the VNet, nor to a service that isn't there.
			"!http://192.0.2.2/": "unreachable",
			"!http://10.0.0.77/": "unreachable",
		} {
			if !strings.Contains(log, url+" = "+want) {
				t.Errorf("want %s from %s; log:\n%s", want, url, log)
			}
		}
	})
	t.Run("neighbours on a bridge", func(t *testing.T) {
		server := podSpec("neighbour", nodes[1].Name, nil, "serve")
		server.Labels = map[string]string{"app": "neighbour"}
		server = startPod(t, ctx, relay.client, server)
		service, err := relay.client.CoreV1().Services("default").Create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: "neighbour"},
			Spec:       corev1.ServiceSpec{Selector: server.Labels, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(8080)}}},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		direct, byService := "http://"+server.Status.PodIP+":8080/", "http://"+service.Spec.ClusterIP+"/"
		caller := runPod(t, ctx, relay.client, "visitor", nodes[1].Name, nil, "get", direct, byService)
		log := podLog(t, ctx, relay.client, caller)
		for _, url := range []string{direct, byService} {
			if want := url + " = 200 " + caller.Status.PodIP; !strings.Contains(log, want) {
				t.Errorf("want %s; log:\n%s", want, log)
			}
		}
	})
	t.Run("a set of objects is applied", func(t *testing.T) {
		definition := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "badges.example.org"},
			"spec": map[string]any{
				"group": "example.org", "scope": "Namespaced", "names": map[string]any{"kind": "Badge", "plural": "badges", "singular": "badge"},
				"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object"}}}},
			},
		}}
		badge := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "example.org/v1", "kind": "Badge", "metadata": map[string]any{"name": "one", "namespace": "default"},
		}}
		get := func() error {
			return relay.client.RESTClient().Get().AbsPath("/apis/example.org/v1/namespaces/default/badges/one").Do(ctx).Error()
		}
		if err := l.engine.Apply(ctx, "c1", objects.Set{Name: "badges", Objects: []*unstructured.Unstructured{definition, badge}}); err != nil {
			t.Fatal(err)
		}
		if err := get(); err != nil {
			t.Error(err)
		}
		if err := l.engine.Apply(ctx, "c1", objects.Set{Name: "badges"}); err != nil {
			t.Fatal(err)
		}
		if err := get(); !apierrors.IsNotFound(err) {
			t.Errorf("the object of a set that is gone: %v", err)
		}
	})
	t.Run("pod sees the node's files", func(t *testing.T) {
		mounts := map[string]string{"/etc/kubernetes": "/host/kubernetes", "/etc/ssl/certs": "/host/certs"}
		for name, want := range map[string]string{"kubernetes/azure.json": string(nodes[0].AzureJSON), "certs/ca-certificates.crt": "trusted"} {
			pod := runPod(t, ctx, relay.client, "files-"+name[:4], nodes[0].Name, mounts, "cat", "/host/"+name)
			if log := podLog(t, ctx, relay.client, pod); !strings.Contains(log, want) {
				t.Errorf("%s is %q, want %q", name, log, want)
			}
		}
	})
	t.Run("privileged pod in the node's network, as an agent is", func(t *testing.T) {
		pod := podSpec("agent", nodes[1].Name, map[string]string{"/run/containerd": "/run/containerd"}, "get", "http://169.254.169.254/", "unix:///run/containerd/containerd.sock")
		pod.Spec.HostNetwork = true
		pod.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
		startPod(t, ctx, relay.client, pod)
		log := podLog(t, ctx, relay.client, pod)
		for _, want := range []string{"http://169.254.169.254/ = 200 " + nodes[1].Address.String(), "unix:///run/containerd/containerd.sock = connected"} {
			if !strings.Contains(log, want) {
				t.Errorf("want %q; log:\n%s", want, log)
			}
		}
	})
	t.Run("exec", func(t *testing.T) {
		for i := range 10 {
			if got := execPod(t, ctx, relay, server, "/probe", "say", "hello"); got != "hello\n" {
				t.Errorf("exec %d printed %q", i, got)
			}
		}
	})
	t.Run("second cluster in the network", func(t *testing.T) {
		status, err := l.engine.EnsureControlPlane(ctx, l.controlPlane("c2", "v1"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := status.APIServerAddress.String(), "168.63.129.18:443"; got != want {
			t.Errorf("API server is at %s, want %s", got, want)
		}
		if keys, err := l.engine.ServiceAccountKeys(ctx, "c2"); err != nil || !bytes.Contains(keys, []byte(`"kid"`)) {
			t.Errorf("keys are %s, %v", keys, err)
		}
		if err := l.engine.DeleteVNet(ctx, "v1"); err == nil {
			t.Error("a network with clusters in it was deleted")
		}
		if err := l.engine.DeleteControlPlane(ctx, "c2"); err != nil {
			t.Fatal(err)
		}
	})

	machines := l.machines()
	t.Run("another engine finds what runs", func(t *testing.T) {
		l.engine = l.newEngine()
		l.timed("adopting", func() error { return l.engine.Adopt(ctx) })
		for id, pid := range l.machines() {
			if machines[id] != pid {
				t.Errorf("machine %s is process %d, was %d", id, pid, machines[id])
			}
		}
	})
	t.Run("a lost node comes back", func(t *testing.T) {
		caller := awaitRunning(t, ctx, relay.client, "caller", "")
		if err := unix.Kill(machines["node.c1."+nodes[1].Name], unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		l.timed("node again", func() error { return l.engine.EnsureNode(ctx, nodes[1]) })
		awaitRunning(t, ctx, relay.client, "caller", container(caller))
	})
	t.Run("a node is deleted and made again", func(t *testing.T) {
		for range 2 {
			if err := l.engine.DeleteNode(ctx, "c1", nodes[1].Name); err != nil {
				t.Fatal(err)
			}
		}
		list, err := relay.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil || len(list.Items) != 1 {
			t.Errorf("%d nodes are left, %v", len(list.Items), err)
		}
		if err := l.engine.EnsureNode(ctx, nodes[1]); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("stopped and started", func(t *testing.T) {
		l.timed("stop", func() error { return l.engine.Stop(ctx) })
		l.noTrace(before)
		// What listened went down with the network.
		closeMetadata()
		closePlatform()
		l.timed("start", func() error { return l.engine.Adopt(ctx) })
		l.listen(ctx, "v1", "169.254.169.254:80")
		awaitRunning(t, ctx, relay.client, "server", container(server))
	})
	l.timed("teardown", func() error { return l.engine.Teardown(ctx) })
	l.noTrace(before)
}

// runPod makes a pod on the node and waits until it runs.
func runPod(t *testing.T, ctx context.Context, c kubernetes.Interface, name, node string, hostPaths map[string]string, args ...string) *corev1.Pod {
	t.Helper()
	return startPod(t, ctx, c, podSpec(name, node, hostPaths, args...))
}

func startPod(t *testing.T, ctx context.Context, c kubernetes.Interface, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	if _, err := c.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return awaitRunning(t, ctx, c, pod.Name, "")
}

func podSpec(name, node string, hostPaths map[string]string, args ...string) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			NodeName:                      node,
			TerminationGracePeriodSeconds: new(int64),
			SecurityContext:               &corev1.PodSecurityContext{SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers:                    []corev1.Container{{Name: "probe", Image: probeImage, Args: args}},
		},
	}
	for from, to := range hostPaths {
		volume := strings.Trim(strings.ReplaceAll(from, "/", "-"), "-")
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: from}}})
		pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: volume, MountPath: to, ReadOnly: true})
	}
	return pod
}

// patience is what is waited for one thing; a slow machine needs some of it.
const patience = 4 * time.Minute

// container tells one start of a pod's container from another.
func container(pod *corev1.Pod) string { return pod.Status.ContainerStatuses[0].ContainerID }

// awaitRunning waits until the pod's container runs, and is another one than before.
func awaitRunning(t *testing.T, ctx context.Context, c kubernetes.Interface, name, before string) *corev1.Pod {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		pod, err := c.CoreV1().Pods("default").Get(ctx, name, metav1.GetOptions{})
		if err == nil && pod.Status.Phase == corev1.PodRunning && len(pod.Status.ContainerStatuses) == 1 {
			if pod.Status.ContainerStatuses[0].State.Running != nil && container(pod) != before {
				return pod
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waiting for pod %s: %v; it is %+v", name, err, pod.Status)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// podLog waits until the pod's log says that it is done.
func podLog(t *testing.T, ctx context.Context, c kubernetes.Interface, pod *corev1.Pod) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		b, err := c.CoreV1().Pods("default").GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
		if err == nil && bytes.HasSuffix(b, []byte("done\n")) {
			return string(b)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("reading log of %s: %v\n%s", pod.Name, err, b)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func execPod(t *testing.T, ctx context.Context, r relay, pod *corev1.Pod, command ...string) string {
	t.Helper()
	request := r.client.CoreV1().RESTClient().Post().Resource("pods").Namespace("default").Name(pod.Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(r.config, "GET", request.URL().String())
	if err != nil {
		t.Fatal(err)
	}
	var out, complaints bytes.Buffer
	if err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &out, Stderr: &complaints}); err != nil {
		t.Fatal(fmt.Errorf("exec: %w; %s", err, complaints.Bytes()))
	}
	return out.String()
}

package cluster_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/armtest"
	"github.com/lanyard-project/lanyard/internal/loopback/loopbacktest"
)

// scale is a cluster of some size, with a real API server and etcd.
type scale struct {
	*lab
	sets, nodes, identities, bindings, pods int
}

// kwok is where `make bench` puts the simulator of nodes.
const kwok = "../../build/tools/kwok"

var scalePods = flag.Int("scale-pods", 5000, "how many pods BenchmarkScale has; all else is in proportion")

// stage tells in the log how far a long benchmark is.
func (s *scale) stage(what string) {
	s.t.Logf("%s %s", time.Now().UTC().Format(time.TimeOnly), what)
}

// atOnce is how many requests the load generator has under way.
const atOnce = 16

func (s *scale) setID(i int) string {
	return fmt.Sprintf("/subscriptions/Sub/resourceGroups/MC_rg/providers/Microsoft.Compute/virtualMachineScaleSets/%s-%d", s.ns, i)
}

func (s *scale) nodeName(i int) string { return fmt.Sprintf("%s-node-%d", s.ns, i) }

func (s *scale) all(count int, make func(i int) client.Object) {
	s.t.Helper()
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range count {
		group.Go(func() error { return s.kube.Create(s.t.Context(), make(i)) })
	}
	if err := group.Wait(); err != nil {
		s.t.Fatal(err)
	}
}

// fill makes everything but pods.
func (s *scale) fill() {
	for i := range s.sets {
		s.arm.AddScaleSet(s.setID(i), 0)
	}
	s.all(s.nodes, func(i int) client.Object {
		node := &corev1.Node{ObjectMeta: named(s.nodeName(i))}
		node.Annotations = map[string]string{"kwok.x-k8s.io/node": "fake"}
		node.Spec.ProviderID = fmt.Sprintf("azure://%s/virtualMachines/%d", s.setID(i%s.sets), i)
		return node
	})
	s.all(s.identities, func(i int) client.Object {
		name := fmt.Sprintf("id%d", i)
		s.arm.SetIdentity(resourceID(name), &armtest.Identity{ClientID: "client-of-" + name})
		return &aadpodid.AzureIdentity{ObjectMeta: namedIn(s.ns, name), Spec: aadpodid.AzureIdentitySpec{ResourceID: resourceID(name), ClientID: "client-of-" + name}}
	})
	s.all(s.bindings, func(i int) client.Object {
		return &aadpodid.AzureIdentityBinding{ObjectMeta: namedIn(s.ns, fmt.Sprintf("b%d", i)), Spec: aadpodid.AzureIdentityBindingSpec{
			AzureIdentity: fmt.Sprintf("id%d", i%s.identities), Selector: fmt.Sprintf("app-%d", i),
		}}
	})
}

func (s *scale) somePods(from, to int) {
	s.all(to-from, func(i int) client.Object {
		i += from
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: fmt.Sprintf("pod-%d", i), Labels: map[string]string{aadpodid.PodLabel: fmt.Sprintf("app-%d", s.bindingOf(i))}},
			Spec: corev1.PodSpec{NodeName: s.nodeName(i % s.nodes), AutomountServiceAccountToken: ptr.To(false),
				Containers: []corev1.Container{{Name: "c", Image: "i"}}},
		}
	})
}

// bindingOf spreads the bindings so that each scale set has pods of all identities.
func (s *scale) bindingOf(pod int) int {
	return (pod/s.sets + pod%s.sets*s.bindings/s.sets) % s.bindings
}

// simulate lets KWOK be the kubelets of all nodes until the test ends.
func (s *scale) simulate() {
	s.t.Helper()
	if _, err := os.Stat(kwok); err != nil {
		s.t.Fatalf("this benchmark needs KWOK: run make tools/kwok (%v)", err)
	}
	kubeconfig := filepath.Join(s.t.TempDir(), "admin")
	if err := os.WriteFile(kubeconfig, adminKubeconfig, 0o600); err != nil {
		s.t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(s.t.TempDir(), "kwok.log"))
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(s.t.Context()), kwok, "--kubeconfig="+kubeconfig, "--config=testdata/kwok.yaml", "--manage-all-nodes=true",
		"--server-address="+loopbacktest.Free(s.t), "--node-lease-duration-seconds=240")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if s.t.Failed() {
			said, _ := os.ReadFile(log.Name())
			s.t.Logf("kwok: %s", said[max(0, len(said)-2000):])
		}
	})
}

// awaitRunning waits until the simulated kubelets have started all pods.
func (s *scale) awaitRunning() {
	s.t.Helper()
	s.wait(2*time.Minute, func() string {
		var pods corev1.PodList
		if err := s.kube.List(s.t.Context(), &pods, client.InNamespace(s.ns)); err != nil {
			return err.Error()
		}
		n := 0
		for i := range pods.Items {
			if pods.Items[i].Status.Phase == corev1.PodRunning {
				n++
			}
		}
		if n < len(pods.Items) {
			return fmt.Sprintf("%d of %d pods run", n, len(pods.Items))
		}
		return ""
	})
}

func (s *scale) wait(most time.Duration, check func() string) {
	s.t.Helper()
	for end := time.Now().Add(most); ; time.Sleep(100 * time.Millisecond) {
		complaint := check()
		if complaint == "" {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("after %v still: %s", most, complaint)
		}
	}
}

// awaitAssigned waits until mic says that it has marked so many, and makes sure.
func (s *scale) awaitAssigned(mic *micProcess, count int) {
	s.t.Helper()
	s.wait(10*time.Minute, func() string {
		if n := mic.metric("aadpodidentity_assigned_identity_addition_count", nil); int(n) < count {
			return fmt.Sprintf("%v of %d assigned", n, count)
		}
		return ""
	})
}

// awaitQuiet waits until a mic has looked at so many pods and has nothing to do.
func (s *scale) awaitQuiet(mic *micProcess, pods int) {
	s.t.Helper()
	s.wait(10*time.Minute, func() string {
		seen := mic.metric("controller_runtime_reconcile_total", map[string]string{"controller": "pods"})
		waiting := mic.metric("workqueue_depth", map[string]string{"name": "pods"}) + mic.metric("workqueue_depth", map[string]string{"name": "scalesets"})
		busy := mic.metric("controller_runtime_active_workers", nil)
		if int(seen) < pods || waiting > 0 || busy > 0 {
			return fmt.Sprintf("%v of %d pods seen, %v wait, %v under way", seen, pods, waiting, busy)
		}
		return ""
	})
}

// writes counts the API server's writes of a resource so far.
func (s *scale) writes(resource string) float64 {
	s.t.Helper()
	kube, err := kubernetes.NewForConfig(api)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := kube.RESTClient().Get().AbsPath("/metrics").SetHeader("Accept", "text/plain").DoRaw(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	sum := 0.0
	for _, m := range families["apiserver_request_total"].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		if labels["resource"] == resource && strings.Contains("POST PUT PATCH DELETE", labels["verb"]) {
			sum += m.GetCounter().GetValue()
			s.t.Logf("%s: %s answered %s %.0f times", resource, labels["verb"], labels["code"], m.GetCounter().GetValue())
		}
	}
	return sum
}

// settled lets what is left over of a load come to its end, so that it isn't
// taken for the cost of what is measured next.
func settled() { time.Sleep(3 * time.Second) }

// BenchmarkScale is a large cluster: 5,000 pods on 500 simulated nodes of 10 scale
// sets, 1,000 bindings, 200 identities, an Azure that takes a second for each
// call. mic is a process of its own; all else of this one is load.
func BenchmarkScale(b *testing.B) {
	l := newLab(b)
	s := &scale{lab: l, sets: 10, nodes: *scalePods / 10, identities: *scalePods / 25, bindings: *scalePods / 5, pods: *scalePods}
	s.stage("filling the cluster")
	s.fill()
	s.simulate()
	s.somePods(0, s.pods)
	s.stage("waiting for pods to run")
	s.awaitRunning()
	s.arm.SetLatency(time.Second)
	for range b.N {
		s.firstStart(b)
	}
}

func (s *scale) firstStart(b *testing.B) {
	before, events := s.writes("azureassignedidentities"), s.writes("events")
	status := s.writes("azureidentities") + s.writes("azureidentitybindings")
	s.stage("starting mic")
	start := time.Now()
	mic := startMic(b, s.arm)
	s.awaitAssigned(mic, s.pods)
	s.stage("all are assigned")
	b.ReportMetric(time.Since(start).Seconds(), "assigned_s")
	s.awaitQuiet(mic, s.pods)
	settled()
	b.ReportMetric((s.writes("azureassignedidentities")-before)/float64(s.pods), "writes_per_pod")
	b.ReportMetric((s.writes("events")-events)/float64(s.pods), "events_per_pod")
	b.ReportMetric((s.writes("azureidentities")+s.writes("azureidentitybindings")-status)/float64(s.identities+s.bindings), "status_writes_per_object")
	patches := s.arm.Count("PATCH")
	b.ReportMetric(float64(len(s.arm.Calls()))/float64(patches), "arm_calls_per_batch")
	b.ReportMetric(float64(patches)/float64(s.sets), "batches_per_set")
	b.ReportMetric(mic.cpu().Seconds(), "cpu_s")
	b.ReportMetric(mic.peak(), "rss_mib")
	s.stage("starting another mic")
	mic.stop()
	calls, written := len(s.arm.Calls()), s.writes("azureassignedidentities")
	start = time.Now()
	mic = startMic(b, s.arm)
	s.awaitQuiet(mic, s.pods)
	b.ReportMetric(time.Since(start).Seconds(), "restart_s")
	settled()
	b.ReportMetric(float64(s.arm.Count("PATCH")-patches), "restart_arm_writes")
	b.ReportMetric(float64(len(s.arm.Calls())-calls), "restart_arm_calls")
	b.ReportMetric(s.writes("azureassignedidentities")-written, "restart_writes")
	s.stage("changing what is unrelated")
	b.ReportMetric(s.unrelated(mic, func(i int) string { return fmt.Sprintf("pod-%d", i%s.pods) }), "unrelated_change_us")
	const plain = 100
	s.all(plain, func(i int) client.Object {
		return &corev1.Pod{ObjectMeta: namedIn(s.ns, fmt.Sprintf("plain-%d", i)), Spec: corev1.PodSpec{
			NodeName: s.nodeName(i % s.nodes), AutomountServiceAccountToken: ptr.To(false), Containers: []corev1.Container{{Name: "c", Image: "i"}},
		}}
	})
	b.ReportMetric(s.unrelated(mic, func(i int) string { return fmt.Sprintf("plain-%d", i%plain) }), "unrelated_pod_us")
	s.stage("having one scale set stuck")
	s.stuck(b, mic)
	mic.stop()
	s.stage("done")
}

// unrelated measures what changes of annotations of pods that concern no identity
// cost mic: microseconds of processor time each.
func (s *scale) unrelated(mic *micProcess, pod func(i int) string) float64 {
	const events = 5000
	settled()
	idle := mic.use(settled)
	used := mic.use(func() {
		var group errgroup.Group
		group.SetLimit(atOnce)
		for i := range events {
			group.Go(func() error {
				patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"unrelated":"change %d"}}}`, i)
				return s.kube.Patch(s.t.Context(), &corev1.Pod{ObjectMeta: namedIn(s.ns, pod(i))}, client.RawPatch("application/merge-patch+json", patch))
			})
		}
		if err := group.Wait(); err != nil {
			s.t.Fatal(err)
		}
		settled()
	})
	// What it does anyway, such as staying the leader, isn't the events' doing.
	used.cpu -= time.Duration(float64(idle.cpu) * used.time.Seconds() / idle.time.Seconds())
	return float64(used.cpu.Microseconds()) / events
}

// stuck measures how long a pod of one scale set waits while another doesn't
// answer, beside how long it waits otherwise.
func (s *scale) stuck(b *testing.B, mic *micProcess) {
	wait := func(i int) time.Duration {
		pod := fmt.Sprintf("late-%d", i)
		name := fmt.Sprintf("late-id%d", i)
		s.bound(s.ns, name, pod)
		settled()
		start := time.Now()
		s.pod(s.ns, pod, pod, s.nodeName(1)) // of scale set 1
		s.wait(time.Minute, func() string {
			var a aadpodid.AzureAssignedIdentity
			if err := s.kube.Get(s.t.Context(), client.ObjectKey{Namespace: "default", Name: pod + "-" + s.ns + "-" + name}, &a); err != nil {
				return err.Error()
			}
			if a.Status.Status != aadpodid.StateAssigned {
				return a.Status.Status
			}
			return ""
		})
		return time.Since(start)
	}
	free := wait(0)
	release := make(chan struct{})
	s.arm.Disturb(func(r *http.Request) armtest.Disturbance {
		if strings.HasSuffix(strings.ToLower(r.URL.Path), strings.ToLower(s.setID(0))) {
			<-release
		}
		return armtest.Disturbance{}
	})
	s.bound(s.ns, "stuck-id", "stuck")
	s.pod(s.ns, "stuck", "stuck", s.nodeName(0))
	beside := wait(1)
	close(release)
	s.arm.Disturb(nil)
	b.ReportMetric(free.Seconds(), "free_s")
	b.ReportMetric(beside.Seconds(), "beside_stuck_s")
	_ = mic
}

// BenchmarkGrowth compares mic's work for 20,000 pods with that for 1,000, objects
// alone: if it grows linearly, the work for one pod stays.
func BenchmarkGrowth(b *testing.B) {
	for range b.N {
		for _, pods := range []int{1000, 20000} {
			perPod := growth(b, pods)
			b.ReportMetric(float64(perPod.Microseconds()), fmt.Sprintf("us_per_pod_%d", pods))
		}
	}
}

func growth(b *testing.B, pods int) time.Duration {
	s := &scale{lab: newLab(b), sets: 10, nodes: pods / 10, identities: 200, bindings: 1000, pods: pods}
	s.fill()
	s.somePods(0, pods)
	mic := startMic(b, s.arm)
	s.awaitAssigned(mic, pods)
	s.awaitQuiet(mic, pods)
	used := mic.cpu()
	mic.stop()
	s.clear()
	return used / time.Duration(pods)
}

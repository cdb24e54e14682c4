package lab_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// otherAgentVariable names a binary of the predecessor's nmi, or of whatever takes its flags.
const otherAgentVariable = "PEER_NMI"

// otherAgent starts another project's agent in the node's network, as its manifest does. It is ready when a pod has a token by it:
// its probe is always well.
func (w *world) otherAgent(binary string, asking *pod) *process {
	w.t.Helper()
	token, err := os.ReadFile(w.api.tokenFile)
	if err != nil {
		w.t.Fatal(err)
	}
	authority, err := os.ReadFile(w.api.caFile)
	if err != nil {
		w.t.Fatal(err)
	}
	kubeconfig, err := json.Marshal(map[string]any{ // which is YAML too
		"apiVersion": "v1", "kind": "Config", "current-context": "lab",
		"clusters": []any{map[string]any{"name": "lab", "cluster": map[string]any{"server": w.api.url, "certificate-authority-data": authority}}},
		"users":    []any{map[string]any{"name": "lab", "user": map[string]any{"token": string(token[:len(token)-1])}}},
		"contexts": []any{map[string]any{"name": "lab", "context": map[string]any{"cluster": "lab", "user": "lab"}}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(w.folder, "kubeconfig")
	if err := os.WriteFile(file, kubeconfig, 0o600); err != nil {
		w.t.Fatal(err)
	}
	p := w.start(nil, []string{"KUBECONFIG=" + file}, binary,
		"--node=node1", "--http-probe-port=8085", "--enableScaleFeatures=true", "--metadata-header-required=true",
		"--allow-network-plugin-kubenet=true", "--nmi-listen-address="+nodeIP)
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("the log of %s:\n%s", binary, p.output)
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		status, body, err := fetch(asking.namespace, nil, tokenURL)
		if err == nil && status == http.StatusOK && whose(body) == demo.name && w.metadata.reachedByNodeOnly() {
			return p
		}
		w.metadata.forgetVisitors() // before its rules are in, pods reach the service themselves
		select {
		case <-p.ended:
			w.t.Fatalf("%s ended (it may want iptables: apt-get install iptables)", binary)
		default:
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s gave no token: %d %s %v", binary, status, body, err)
		}
	}
}

// BenchmarkOtherAgent puts the same load on this agent and, side by side, on the one that PEER_NMI names: so many pods with an
// identity each on the node, and one that asks. It runs once whatever b.N is, and only if there is another agent.
func BenchmarkOtherAgent(b *testing.B) {
	binary := os.Getenv(otherAgentVariable)
	if binary == "" {
		b.Fatalf("%s names no binary to compare with", otherAgentVariable)
	}
	const pods = 100
	populate := func(w *world) *pod {
		w.metadata.attach(demo)
		asking := w.plug("web", "10.77.1.2")
		asking.label = "demo"
		w.api.putPod(asking)
		w.api.assign(asking, demo, "Assigned")
		w.runtime.start(asking)
		for i := range pods - 1 {
			p := &pod{name: fmt.Sprintf("other-%d", i), uid: fmt.Sprintf("uid-other-%d", i), label: "demo", account: "default",
				address: netip.AddrFrom4([4]byte{10, 77, 2, byte(i + 1)})}
			w.api.putPod(p)
			w.api.assign(p, demo, "Assigned")
		}
		return asking
	}
	ourWorld, theirWorld := newWorld(b), newWorld(b)
	ourPod, theirPod := populate(ourWorld), populate(theirWorld)
	ours := ourWorld.agent("--requests-per-second=0")
	ourWorld.eventually("the pod has a token", func() bool {
		status, _, err := fetch(ourPod.namespace, nil, tokenURL)
		return err == nil && status == http.StatusOK
	})
	theirs := theirWorld.otherAgent(binary, theirPod)

	b.ResetTimer()
	const slice = 500 * time.Millisecond
	const turns = 10
	var ourRate, theirRate float64
	var ourConnections, theirConnections []time.Duration
	for range turns { // in turns, so that a noisy machine treats both alike
		ourRate += load(b, ourPod.namespace, slice) / turns
		theirRate += load(b, theirPod.namespace, slice) / turns
		ourConnections = append(ourConnections, connections(b, ourPod.namespace, 50)...)
		theirConnections = append(theirConnections, connections(b, theirPod.namespace, 50)...)
	}
	b.StopTimer()
	micro := func(value time.Duration) float64 { return float64(value) / float64(time.Microsecond) }
	b.ReportMetric(resident(b, ours.Process.Pid), "our_rss_mib")
	b.ReportMetric(resident(b, theirs.Process.Pid), "their_rss_mib")
	b.ReportMetric(ourRate, "our_rps")
	b.ReportMetric(theirRate, "their_rps")
	b.ReportMetric(cost(ours, ourRate*slice.Seconds()*turns), "our_cpu_us")
	b.ReportMetric(cost(theirs, theirRate*slice.Seconds()*turns), "their_cpu_us")
	b.ReportMetric(micro(percentile(ourConnections, 50)), "our_connection_p50_us")
	b.ReportMetric(micro(percentile(theirConnections, 50)), "their_connection_p50_us")
	b.ReportMetric(micro(percentile(ourConnections, 99)), "our_connection_p99_us")
	b.ReportMetric(micro(percentile(theirConnections, 99)), "their_connection_p99_us")
	b.ReportMetric(0, "ns/op")
}

package lab_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkServing measures what a node's pods feel besides the rate of cached tokens, and what the agent costs, with 250 pods
// and 5,000 assigned identities on the node. It runs once whatever b.N is. Times of new connections are those with an empty
// handler in the agent's place, through the same redirect, and what the agent adds: attestation, decision, token.
func BenchmarkServing(b *testing.B) {
	const pods, assigned = 250, 5000
	w := newWorld(b)
	w.metadata.attach(demo)
	agent := w.agent("--requests-per-second=0")
	asking := w.pod("web", "10.77.1.2", "demo")
	w.api.assign(asking, demo, "Assigned")
	asking.wantToken("", "demo")

	noopWorld := newWorld(b)
	idle := noopWorld.plug("web", "10.77.1.2")
	noopWorld.start(nil, []string{roleVariable + "=" + roleNoop, targetVariable + "=" + idle.host}, os.Args[0])
	noopWorld.eventually("the empty handler answers", func() bool { // not the metadata service, as long as there are no rules
		status, body, err := fetch(idle.namespace, nil, tokenURL)
		return err == nil && status == http.StatusOK && body == ""
	})

	b.ResetTimer()
	var ours, empty []time.Duration
	for range 200 { // in turns, so that a noisy machine treats both alike
		ours = append(ours, connections(b, asking.namespace, 20)...)
		empty = append(empty, connections(b, idle.namespace, 20)...)
	}
	cold := coldTokens(b, w, asking)

	crowd := make([]*pod, 0, pods)
	for i := range pods - 1 {
		p := w.plug(fmt.Sprintf("pod-%d", i), fmt.Sprintf("10.77.1.%d", i+3))
		p.label = "demo"
		w.api.putPod(p)
		w.runtime.start(p)
		crowd = append(crowd, p)
	}
	first := firstTokens(w, crowd[:20])
	small := resident(b, agent.Process.Pid)
	for i := range assigned {
		w.api.assign(&pod{name: fmt.Sprintf("other-%d", i), label: "demo"}, demo, "Assigned")
	}
	w.eventually("all assignments are known", func() bool {
		_, body, err := fetch(w.node, nil, "http://127.0.0.1:9090/metrics")
		return err == nil && strings.Contains(body, fmt.Sprintf("nmi_assigned_identities %d\n", assigned+1+20))
	})
	// another agent with one identity, in turns with this one
	few := newWorld(b)
	few.metadata.attach(demo)
	few.agent("--requests-per-second=0")
	alone := few.pod("web", "10.77.1.2", "demo")
	few.api.assign(alone, demo, "Assigned")
	alone.wantToken("", "demo")
	var one, many float64
	for range 10 {
		one += load(b, alone.namespace, 300*time.Millisecond) / 10
		many += load(b, asking.namespace, 300*time.Millisecond) / 10
	}
	b.StopTimer()

	report := func(value time.Duration, unit string) {
		b.ReportMetric(float64(value)/float64(time.Microsecond), unit)
	}
	report(percentile(ours, 50)-percentile(empty, 50), "connection_added_p50_us")
	report(percentile(ours, 99)-percentile(empty, 99), "connection_added_p99_us")
	report(percentile(empty, 50), "connection_noop_p50_us")
	report(percentile(empty, 99), "connection_noop_p99_us")
	report(percentile(cold, 50), "cold_added_p50_us")
	report(percentile(first, 50), "first_token_p50_us")
	report(percentile(first, 100), "first_token_worst_us")
	b.ReportMetric(one, "hit_rps_1_identity")
	b.ReportMetric(many, "hit_rps_5000_identities")
	b.ReportMetric(small, "rss_mib")
	b.ReportMetric(resident(b, agent.Process.Pid), "rss_5000_identities_mib")
	b.ReportMetric(0, "ns/op")
}

// connections opens connections one after the other and asks once on each.
func connections(b *testing.B, from *namespace, count int) []time.Duration {
	b.Helper()
	var took []time.Duration
	for range count {
		asker, started, err := newAskerTimed(from)
		if err == nil {
			err = asker.ask()
			took = append(took, time.Since(started))
			_ = asker.conn.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return took
}

// coldTokens asks for tokens of resources that the agent has none for, and gives what it adds to the metadata service's own time.
func coldTokens(b *testing.B, w *world, p *pod) []time.Duration {
	b.Helper()
	const count = 50
	through, direct := client(p.namespace, nil), client(w.node, nil)
	defer through.CloseIdleConnections()
	defer direct.CloseIdleConnections()
	var with, without []time.Duration
	for i := range count {
		for _, path := range []struct {
			client *http.Client
			took   *[]time.Duration
		}{{through, &with}, {direct, &without}} {
			started := time.Now()
			status, body, err := ask(path.client, tokenURL+strconv.Itoa(i))
			if err != nil || status != http.StatusOK {
				b.Fatalf("a cold token: %d %s %v", status, body, err)
			}
			*path.took = append(*path.took, time.Since(started))
		}
	}
	base := percentile(without, 50)
	for i := range with {
		with[i] -= base
	}
	return with
}

// firstTokens lets pods wait for their assignment, and gives the times from its writing to their token.
func firstTokens(w *world, waiting []*pod) []time.Duration {
	w.t.Helper()
	var took []time.Duration
	for _, p := range waiting {
		w.known(p)
		done := make(chan time.Time)
		go func() {
			p.wantToken("", "demo")
			done <- time.Now()
		}()
		time.Sleep(50 * time.Millisecond)
		written := time.Now()
		w.api.assign(p, demo, "Assigned")
		took = append(took, (<-done).Sub(written))
	}
	return took
}

func percentile(values []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)*p/100, len(sorted)-1)]
}

// resident gives a process's memory in MiB.
func resident(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range bytes.Lines(status) {
		if rest, ok := strings.CutPrefix(string(line), "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	b.Fatal("no VmRSS")
	return 0
}

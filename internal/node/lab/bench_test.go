package lab_test

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/node/attest"
	"github.com/lanyard-project/lanyard/internal/node/redirect"
	"github.com/vishvananda/netlink"
)

// noop serves an empty handler where the agent would: same redirect, same listener.
func noop(iface string) {
	config := redirect.Config{
		Metadata: netip.MustParseAddrPort(metadataIP + ":80"), Agent: netip.MustParseAddr(agentIP), Proven: 2579, Unproven: 2580,
	}
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	must(redirect.Install(config))
	bindings, err := redirect.Open(config)
	must(err)
	link, err := netlink.LinkByName(iface)
	must(err)
	must(bindings.Admit(link.Attrs().Index, netip.MustParseAddr("10.77.1.2")))
	listener, err := attest.Listen(context.Background(), netip.AddrPortFrom(config.Agent, config.Proven))
	must(err)
	must((&http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), ReadHeaderTimeout: time.Second}).Serve(listener))
}

// BenchmarkTokenHitVsNoop compares requests per second of a cached token, through nft from a pod's namespace on kept-alive
// connections, with those of an empty handler on the same path. It reports nmi_token_hit_vs_noop, the ratio.
func BenchmarkTokenHitVsNoop(b *testing.B) {
	agentWorld := newWorld(b)
	agentWorld.metadata.attach(demo)
	agent := agentWorld.agent("--requests-per-second=0")
	asking := agentWorld.pod("web", "10.77.1.2", "demo")
	agentWorld.api.assign(asking, demo, "Assigned")

	noopWorld := newWorld(b)
	idle := noopWorld.plug("web", "10.77.1.2")
	empty := noopWorld.start(nil, []string{roleVariable + "=" + roleNoop, targetVariable + "=" + idle.host}, os.Args[0])
	noopWorld.eventually("the empty handler answers", func() bool {
		status, _, err := fetch(idle.namespace, nil, tokenURL)
		return err == nil && status == http.StatusOK
	})
	asking.wantToken("", "demo")

	const slice = 500 * time.Millisecond
	var hits, noops float64
	b.ResetTimer()
	for range b.N { // in turns, so that a noisy machine treats both alike
		hits += load(b, asking.namespace, slice)
		noops += load(b, idle.namespace, slice)
	}
	b.StopTimer()
	n := float64(b.N)
	b.ReportMetric(cost(agent, hits*slice.Seconds()), "token_hit_cpu_us")
	b.ReportMetric(cost(empty, noops*slice.Seconds()), "noop_cpu_us")
	b.ReportMetric(hits/n, "token_hit_rps")
	b.ReportMetric(noops/n, "noop_rps")
	b.ReportMetric(hits/noops, "nmi_token_hit_vs_noop")
	b.ReportMetric(0, "ns/op")
}

// cost ends a process and gives the processor time that each request took it, in microseconds.
func cost(p *process, requests float64) float64 {
	p.kill()
	return float64((p.ProcessState.UserTime() + p.ProcessState.SystemTime()).Microseconds()) / requests
}

// load asks as fast as it can on four connections and gives requests per second.
func load(b *testing.B, from *namespace, during time.Duration) float64 {
	const connections = 4
	var requests atomic.Int64
	var group sync.WaitGroup
	started := time.Now()
	for range connections {
		group.Add(1)
		go func() {
			defer group.Done()
			c := client(from, nil)
			defer c.CloseIdleConnections()
			request, err := http.NewRequest(http.MethodGet, tokenURL, nil)
			if err != nil {
				b.Error(err)
				return
			}
			request.Header.Set("Metadata", "true")
			for time.Since(started) < during {
				response, err := c.Do(request)
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				if response.StatusCode != http.StatusOK {
					b.Errorf("status %d", response.StatusCode)
					return
				}
				requests.Add(1)
			}
		}()
	}
	group.Wait()
	return float64(requests.Load()) / time.Since(started).Seconds()
}

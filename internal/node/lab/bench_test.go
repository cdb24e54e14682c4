package lab_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
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
		Metadata: netip.MustParseAddrPort(metadataIP + ":80"), Agent: netip.MustParseAddr(agentIP), Proven: 2579, Unproven: 2580, Local: 2581,
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
	must(bindings.Admit(link.Attrs().Index, netip.MustParseAddr("10.77.1.2"), redirect.Port{}))
	listener, err := attest.Listen(context.Background(), netip.AddrPortFrom(config.Agent, config.Proven), 1)
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
	noopWorld.eventually("the empty handler answers", func() bool { // not the metadata service, as long as there are no rules
		status, body, err := fetch(idle.namespace, nil, tokenURL)
		return err == nil && status == http.StatusOK && body == ""
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

// load asks as fast as it can on four kept-alive connections and gives requests per second. It is as lean as it can be, so
// that what is compared are the servers: it looks at an answer's status and length, and throws the rest away.
func load(b *testing.B, from *namespace, during time.Duration) float64 {
	const connections = 4
	var requests atomic.Int64
	var group sync.WaitGroup
	started := time.Now()
	for range connections {
		group.Add(1)
		go func() {
			defer group.Done()
			asker, err := newAsker(from)
			if err != nil {
				b.Error(err)
				return
			}
			defer asker.conn.Close()
			for time.Since(started) < during {
				if err := asker.ask(); err != nil {
					b.Error(err)
					return
				}
				requests.Add(1)
			}
		}()
	}
	group.Wait()
	return float64(requests.Load()) / time.Since(started).Seconds()
}

// asker is one kept-alive connection, with the request that Go's client would send.
type asker struct {
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
}

func newAsker(from *namespace) (*asker, error) {
	a, _, err := newAskerTimed(from)
	return a, err
}

// newAskerTimed also says when it began to connect, once inside the namespace.
func newAskerTimed(from *namespace) (a *asker, began time.Time, err error) {
	var conn net.Conn
	from.do(func() {
		began = time.Now()
		conn, err = net.DialTimeout("tcp4", metadataIP+":80", 5*time.Second)
	})
	if err != nil {
		return nil, began, err
	}
	path := strings.TrimPrefix(tokenURL, "http://"+metadataIP)
	return &asker{conn: conn, reader: bufio.NewReader(conn), request: []byte("GET " + path + " HTTP/1.1\r\nHost: " + metadataIP +
		"\r\nUser-Agent: Go-http-client/1.1\r\nMetadata: true\r\nAccept-Encoding: gzip\r\n\r\n")}, began, nil
}

func (a *asker) ask() error {
	if _, err := a.conn.Write(a.request); err != nil {
		return err
	}
	length := 0
	for first := true; ; first = false {
		line, err := a.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
			return fmt.Errorf("answer %q", line)
		}
		if number, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(number))); err != nil {
				return err
			}
		}
		if len(line) == 2 {
			_, err := a.reader.Discard(length)
			return err
		}
	}
}

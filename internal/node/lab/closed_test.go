package lab_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// late connects, waits until it is told to go on, and only then asks.
func late(url string) {
	conn, err := net.DialTimeout("tcp4", metadataIP+":80", patience)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	toldTo := make(chan os.Signal, 1)
	signal.Notify(toldTo, syscall.SIGUSR1)
	fmt.Println("connected")
	<-toldTo
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nMetadata: true\r\n\r\n", strings.TrimPrefix(url, "http://"+metadataIP), metadataIP)
	answer := make([]byte, 64)
	n, err := io.ReadAtLeast(conn, answer, 12)
	fmt.Printf("answer %q %v\n", answer[:n], err)
}

// Connections that are older than the rules end at once, those of pods in the node's network too; those of the node's daemons stay.
func TestOlderConnectionsAreCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.plug("eager", "10.77.1.2")
	start := func(in *namespace, names ...string) *process {
		older := w.startIn(in, group(t, names...), []string{roleVariable + "=" + roleLate, targetVariable + "=" + tokenURL}, os.Args[0])
		w.eventually("it is connected", func() bool { return strings.Contains(older.output.String(), "connected") })
		return older
	}
	own := start(p.namespace, "node1", "kubepods", "besteffort", "pod1")
	host := start(w.node, "node1", "kubepods", "besteffort", "pod2")
	daemon := start(w.node, "node1", "system")
	w.agent()
	for _, older := range []*process{own, host, daemon} {
		if err := older.Process.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
	}
	for name, older := range map[string]*process{"own network": own, "node's network": host} {
		<-older.ended
		if got := older.output.String(); !strings.Contains(got, `answer ""`) || !strings.Contains(got, "connection reset") {
			t.Errorf("%s: %s, want no answer, and to be told that the connection is over", name, got)
		}
	}
	if <-daemon.ended; !strings.Contains(daemon.output.String(), "HTTP/1.1 200") {
		t.Errorf("a daemon of the node lost its connection: %s", daemon.output)
	}
}

// Answers reach the pod, and nobody for whom it forwards: a container inside of a container, or whoever the pod lets in.
func TestAnswersEndAtThePod(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	agent := w.agent()
	p := w.pod("docker", "10.77.1.2", "demo")
	w.api.assign(p, demo, "Assigned")
	inner := newNamespace(t)
	cable(p.namespace, "inner0", inner, "eth0")
	p.do(func() {
		p.namespace.address("inner0", "192.168.77.1/24")
		p.sysctl("ipv4/ip_forward", "1")
		nat := exec.Command("nft", "-f", "-")
		nat.Stdin = strings.NewReader("table ip nat { chain post { type nat hook postrouting priority 100; ip saddr 192.168.77.0/24 masquerade; }; }")
		output, err := nat.CombinedOutput()
		p.must(err, "forwarding: "+string(output))
	})
	inner.do(func() {
		inner.address("eth0", "192.168.77.2/24")
		inner.route("", "eth0", "192.168.77.1")
	})
	p.wantToken("", "demo")
	if status, body, err := fetchInVain(inner, nil, tokenURL); err == nil {
		t.Errorf("behind the pod the answer is %d %s", status, body)
	}
	// it is the limit that keeps it away
	agent.kill()
	w.agent("--hop-limit=0")
	w.known(p)
	if status, body, err := fetch(inner, nil, tokenURL); err != nil || status != http.StatusOK {
		t.Errorf("without the limit: %d %s %v", status, body, err)
	}
}

// On a network that leads pods past the node's netfilter, the agent must not say that all is well.
func TestNetworkThatBypassesTheRulesIsNeverReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	agent := w.start(group(t, "node1", "kubepods", "agent"), nil, "setpriv", contained(binary(t), w.arguments("--self-test")...)...)
	past := &pod{namespace: newNamespace(t), world: w, name: "past", address: w.plug("probe", "10.77.1.2").address}
	cable(w.vnet, "past0", past.namespace, "eth0") // not the node's
	w.vnet.do(func() { w.vnet.route("10.77.1.9/32", "past0", "") })
	past.do(func() {
		past.namespace.address("eth0", "10.77.1.9/32")
		past.route("10.77.0.1/32", "eth0", "")
		past.route("", "eth0", "10.77.0.1")
	})
	probe := func(in *namespace) *process {
		return w.startIn(in, nil, nil, "setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--reuid=65534", "--clear-groups", binary(t), "probe")
	}
	asking := probe(past.namespace)
	w.eventually("the probe has an answer, from the node's service", func() bool {
		requests, _ := w.metadata.visits()
		return requests > 0
	})
	w.eventually("all but the self-test is well", func() bool {
		_, body, err := fetch(w.node, nil, "http://127.0.0.1:8085/readyz")
		return err == nil && strings.Contains(body, "not ready: a pod's request has come all the way to the agent")
	})
	asking.kill()

	good := w.plug("good", "10.77.1.3")
	w.api.putPod(good)
	w.runtime.start(good)
	probe(good.namespace)
	w.ready(agent)
}

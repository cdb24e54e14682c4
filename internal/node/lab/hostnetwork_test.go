package lab_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// hostPod makes a pod in the node's network. Its processes are in the group below its own.
func (w *world) hostPod(name, label string) *pod {
	w.t.Helper()
	number := w.next.Add(1)
	uid := fmt.Sprintf("uid-%s-%d", name, number)
	p := &pod{
		namespace: w.node, world: w, name: name, uid: uid, sandbox: fmt.Sprintf("sandbox-%d", number),
		address: netip.MustParseAddr(nodeIP), label: label, account: "default",
		inHost: true,
	}
	p.house()
	w.api.putPod(p)
	w.runtime.start(p)
	p.isHeardOf()
	return p
}

// isHeardOf waits until the agent has heard of a pod with a cgroup.
func (p *pod) isHeardOf() {
	p.t.Helper()
	container := group(p.t, "node1", "kubepods", "besteffort", "pod"+p.uid, "container")
	p.world.eventually(p.name+" is known", func() bool {
		return strings.HasPrefix(p.world.getFromURL(p.namespace, container, "http://"+metadataIP+"/metadata/versions"), "200 ")
	})
}

// house gives a pod its cgroup.
func (p *pod) house() {
	p.cgroup = strings.TrimPrefix(group(p.t, "node1", "kubepods", "besteffort", "pod"+p.uid).Name(), p.world.cgroupMount())
}

// asks gives what a container of the pod is answered.
func (p *pod) asks(query string) string {
	container := group(p.t, "node1", "kubepods", "besteffort", "pod"+p.uid, "container")
	return p.world.getFromURL(p.namespace, container, tokenURL+query)
}

// A pod in the node's network has the node's address, as do all others: its sockets tell whose they are. The agents before had
// no answer, or gave such pods the node's identity.
func TestHostNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.metadata.attach(other)
	w.agent()
	bound := w.hostPod("bound", "demo")
	w.api.assign(bound, demo, "Assigned")
	neighbour := w.hostPod("neighbour", "other")
	w.api.assign(neighbour, other, "Assigned")
	plain := w.hostPod("plain", "")
	var all sync.WaitGroup
	for range 3 {
		for p, want := range map[*pod]string{bound: "demo", neighbour: "other"} {
			all.Go(func() {
				if got := p.asks(""); !strings.HasPrefix(got, "200 ") || whose(strings.Fields(got)[1]) != want {
					t.Errorf("%s, bound to %s, got %s", p.name, want, got)
				}
			})
		}
	}
	all.Wait()
	if got := plain.asks(""); !strings.HasPrefix(got, "400 ") || !strings.Contains(got, "has no label") {
		t.Errorf("a pod without the label got %s", got)
	}
	if got := bound.asks("&client_id=" + other.clientID); !strings.HasPrefix(got, "400 ") {
		t.Errorf("asking for the neighbour's identity gave %s", got)
	}
	w.runtime.stop(bound)
	w.eventually("a pod that went away is nobody", func() bool { return strings.HasPrefix(bound.asks(""), "403 ") })

	// below kubepods, but of no pod that the runtime knows
	if got := w.getFrom(group(t, "node1", "kubepods", "besteffort", "pod1")); !strings.HasPrefix(got, "403 ") {
		t.Errorf("an unknown pod in the node's network got %s", got)
	}
	if strangers := w.metadata.visitors(); len(strangers) > 0 {
		t.Errorf("pods reached the metadata service from %v", strangers)
	}
	// kubelet, containerd and the like
	if got := w.getFrom(group(t, "node1", "system")); !strings.HasPrefix(got, "200 ") || !strings.Contains(got, "node-client") {
		t.Errorf("a daemon of the node got %s", got)
	}
	// another node's pods on the same machine are not this node's
	if got := w.getFrom(group(t, "node2", "kubepods", "pod2")); !strings.HasPrefix(got, "200 ") {
		t.Errorf("a process below another node's group got %s", got)
	}
}

// Nobody but the rules leads to the local port: not a process of the node's network, not a pod.
func TestHostNetworkPortIsReachedByRedirectOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.agent()
	bound := w.hostPod("bound", "demo")
	w.api.assign(bound, demo, "Assigned")
	if got := bound.asks(""); !strings.HasPrefix(got, "200 ") {
		t.Fatalf("got %s", got)
	}
	p := w.pod("web", "10.77.1.2", "demo")
	path := strings.TrimPrefix(tokenURL, "http://"+metadataIP)
	for _, from := range []*namespace{p.namespace, w.node} {
		if status, body, err := fetchInVain(from, nil, "http://"+agentIP+":2581"+path); err == nil {
			t.Errorf("answered directly: %d %s", status, body)
		}
	}
}

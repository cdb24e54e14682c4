package lab_test

import (
	"strings"
	"testing"
	"time"
)

// bypass takes a pod's packets past the node's netfilter, all but those for the node itself, as networks do that forward in eBPF
// (Cilium with host routing): a second cable leads from the pod straight to the VNet.
func (w *world) bypass(p *pod) {
	w.t.Helper()
	name := "past-" + p.host
	cable(w.vnet, name, p.namespace, "past0")
	w.vnet.do(func() { w.vnet.route(p.address.String()+"/32", name, "") })
	p.do(func() {
		p.route(agentIP+"/32", "eth0", gatewayIP)
		p.route("10.77.0.1/32", "past0", "")
		p.route("", "past0", "10.77.0.1")
	})
}

// Where netfilter doesn't see pods, hooks do: --pod-network=other.
func TestHooksWherePodsBypassNetfilter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.hooked("--pod-network=other")
	web := w.seen("web", "10.77.1.2", "demo")
	w.api.assign(web, demo, "Assigned")
	w.bypass(web)
	web.wantAnswer("", "200", "demo")
	if strangers := w.metadata.visitors(); len(strangers) > 0 {
		t.Errorf("pods reached the metadata service from %v", strangers)
	}
	// It is a bypass: who makes packets without connect, as a sandbox with a network stack of its own does, isn't held back, which
	// the threat model says. A process outside of the hooks' cgroup stands for it.
	if got := w.getFromURL(web.namespace, nil, tokenURL); !strings.Contains(got, "the-node") && !strings.Contains(got, "node-client") {
		t.Errorf("past netfilter and hooks the answer is %s", got)
	}
}

// A node whose pods neither netfilter nor hooks see must not say that all is well: the hooks are on a cgroup that isn't the pods',
// and their packets go past the rules.
func TestHooksOnTheWrongCgroupAreNeverReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	elsewhere := group(t, "node1", "elsewhere")
	wrong := "--kubepods-cgroup=" + strings.TrimPrefix(elsewhere.Name(), w.cgroupMount())
	w.mountHooks()
	w.installHooks(wrong, "--pod-network=other")
	agent := w.start(group(t, "node1", "kubepods", "agent"), nil, "setpriv", contained(binary(t), w.arguments("--self-test", wrong, "--pod-network=other")...)...)
	web := w.housed("probe", "10.77.1.2", "")
	w.bypass(web)
	container := group(t, "node1", "kubepods", "besteffort", "pod"+web.uid, "container")
	w.startIn(web.namespace, container, nil, "setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--reuid=65534", "--clear-groups", binary(t), "probe")
	w.eventually("the probe has an answer, from the node's service", func() bool { return !w.metadata.reachedByNodeOnly() })
	w.eventually("all but the self-test is well", func() bool {
		select {
		case <-agent.ended:
			t.Fatalf("nmi ended:\n%s", agent.output)
		default:
		}
		_, body, err := fetch(w.node, nil, "http://127.0.0.1:8085/readyz")
		return err == nil && strings.Contains(body, "not ready: a pod's request has come all the way to the agent")
	})
	time.Sleep(1500 * time.Millisecond) // the probe's next question changes nothing
	if _, body, err := fetch(w.node, nil, "http://127.0.0.1:8085/readyz"); err != nil || !strings.Contains(body, "not ready") {
		t.Errorf("the agent is ready: %s %v", body, err)
	}
}

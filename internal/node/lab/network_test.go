package lab_test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const (
	metadataIP = "169.254.169.254"
	agentIP    = "169.254.25.79"
	nodeIP     = "10.77.0.4"
	gatewayIP  = "10.77.1.1"
)

// namespace is a network namespace without a name: it is gone when the test is.
type namespace struct {
	t      testing.TB
	handle netns.NsHandle
}

func newNamespace(t testing.TB) *namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("the network lab makes network namespaces and nft rules: run it as root")
	}
	n := &namespace{t: t}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		var err error
		n.handle, err = netns.New()
		ready <- err
	}()
	if err := <-ready; err != nil {
		t.Fatalf("making a network namespace: %v", err)
	}
	t.Cleanup(func() { _ = n.handle.Close() })
	n.do(func() { n.up("lo") })
	return n
}

// do runs something on a thread inside the namespace. Sockets that it opens, and processes that it starts, stay there.
func (n *namespace) do(f func()) {
	n.t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := netns.Set(n.handle); err != nil {
			done <- err
			return
		}
		f()
		done <- nil
	}()
	if err := <-done; err != nil {
		n.t.Fatalf("entering a network namespace: %v", err)
	}
}

func (n *namespace) must(err error, what string) {
	if err != nil {
		n.t.Errorf("%s: %v", what, err)
	}
}

func (n *namespace) up(name string) {
	link, err := netlink.LinkByName(name)
	if err != nil {
		n.must(err, "finding "+name)
		return
	}
	n.must(netlink.LinkSetUp(link), "setting "+name+" up")
}

func (n *namespace) address(name, address string) {
	link, err := netlink.LinkByName(name)
	if err != nil {
		n.must(err, "finding "+name)
		return
	}
	parsed, err := netlink.ParseAddr(address)
	if err != nil {
		n.must(err, "reading "+address)
		return
	}
	n.must(netlink.AddrReplace(link, parsed), "adding "+address)
}

// route sends a destination (empty for the default) to an interface, by a gateway on it if one is named.
func (n *namespace) route(destination, name, gateway string) {
	link, err := netlink.LinkByName(name)
	if err != nil {
		n.must(err, "finding "+name)
		return
	}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Scope: unix.RT_SCOPE_LINK}
	if destination != "" {
		_, route.Dst, err = net.ParseCIDR(destination)
		n.must(err, "reading "+destination)
	}
	if gateway != "" {
		route.Gw, route.Scope = net.ParseIP(gateway), unix.RT_SCOPE_UNIVERSE
	}
	n.must(netlink.RouteReplace(route), "adding a route to "+destination)
}

func (n *namespace) sysctl(name, value string) {
	n.must(os.WriteFile("/proc/sys/net/"+name, []byte(value), 0), "setting "+name)
}

// cable connects two namespaces.
func cable(from *namespace, fromName string, to *namespace, toName string) {
	from.do(func() {
		pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: fromName}, PeerName: toName, PeerNamespace: netlink.NsFd(to.handle)}
		from.must(netlink.LinkAdd(pair), "making a cable")
		from.up(fromName)
	})
	to.do(func() { to.up(toName) })
}

// world is a VNet with one node.
type world struct {
	t          testing.TB
	vnet, node *namespace
	metadata   *metadata
	runtime    *fakeRuntime
	api        *fakeAPI
	folder     string
	bridge     string // the pods' bridge; empty on a routed network
	hooks      string // where hooks are pinned; empty without
	next       atomic.Int32
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, vnet: newNamespace(t), node: newNamespace(t), folder: t.TempDir()}
	cable(w.vnet, "node0", w.node, "eth0")
	w.vnet.do(func() {
		w.vnet.address("lo", metadataIP+"/32")
		w.vnet.address("node0", "10.77.0.1/32")
		w.vnet.route(nodeIP+"/32", "node0", "")
		w.vnet.route("10.77.1.0/24", "node0", nodeIP)
	})
	w.node.do(func() {
		w.node.address("eth0", nodeIP+"/32")
		w.node.route("10.77.0.1/32", "eth0", "")
		w.node.route("", "eth0", "10.77.0.1")
		w.node.sysctl("ipv4/ip_forward", "1")
	})
	w.metadata = newMetadata(t, w.vnet)
	w.runtime = newRuntime(t, w.folder)
	w.api = newAPI(t, w.node, w.folder)
	if t.Failed() {
		t.FailNow()
	}
	return w
}

// pod is a pod's network, and what the runtime and the API server know of it.
type pod struct {
	*namespace
	world           *world
	name, uid       string
	sandbox         string
	address         netip.Addr
	host, hardware  string // the node's end of the cable
	own             string // the pod's Ethernet address
	label, account  string
	cgroup          string // below the mount
	inHost          bool   // in the node's network
	connectionLocal *net.TCPAddr
	assigned        string // the name of what it is assigned by
	kept            *http.Client
}

// plug makes a pod's network as the ptp plugin does, without telling anybody.
func (w *world) plug(name, address string) *pod {
	w.t.Helper()
	number := w.next.Add(1)
	p := &pod{
		namespace: newNamespace(w.t), world: w, name: name, uid: fmt.Sprintf("uid-%s-%d", name, number),
		sandbox: fmt.Sprintf("sandbox-%d", number), address: netip.MustParseAddr(address),
		host: fmt.Sprintf("veth%d", number), account: "default",
	}
	cable(w.node, p.host, p.namespace, "eth0")
	if w.bridge != "" {
		w.join(p)
		return p
	}
	w.node.do(func() {
		w.node.address(p.host, gatewayIP+"/32")
		w.node.route(address+"/32", p.host, "")
		link, err := netlink.LinkByName(p.host)
		w.node.must(err, "finding "+p.host)
		if err == nil {
			p.hardware = link.Attrs().HardwareAddr.String()
		}
	})
	p.do(func() {
		p.namespace.address("eth0", address+"/32")
		p.route(gatewayIP+"/32", "eth0", "")
		p.route("", "eth0", gatewayIP)
	})
	return p
}

// pod makes a pod that the runtime and the API server know, with a label if one is given.
func (w *world) pod(name, address, label string) *pod {
	w.t.Helper()
	p := w.plug(name, address)
	p.label = label
	w.api.putPod(p)
	w.runtime.start(p)
	w.known(p)
	return p
}

// known waits until the agent has heard of the pod; a real one's containers take longer to start.
func (w *world) known(p *pod) {
	w.t.Helper()
	w.eventually(p.name+" is known", func() bool {
		status, _, err := fetch(p.namespace, nil, "http://"+metadataIP+"/metadata/versions")
		return err == nil && status == http.StatusOK
	})
}

// unplug takes the pod's cable away.
func (p *pod) unplug() {
	p.world.node.do(func() {
		link, err := netlink.LinkByName(p.host)
		if err == nil {
			err = netlink.LinkDel(link)
		}
		p.must(err, "unplugging "+p.name)
	})
}

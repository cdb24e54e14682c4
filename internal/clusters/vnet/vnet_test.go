package vnet_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/lanyard-project/lanyard/internal/clusters/vnet"
)

// network is a VNet with two nodes, whose pods are addresses on their loopback
// interfaces.
type network struct {
	fabric vnet.Fabric
	a, b   vnet.Node
}

func newNetwork(t *testing.T) network {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("network namespaces need root: run the tests with sudo")
	}
	dir := t.TempDir()
	ns := func(name string) vnet.Namespace { return vnet.Namespace{Path: filepath.Join(dir, name)} }
	n := network{
		fabric: vnet.Fabric{Namespace: ns("vnet")},
		a: vnet.Node{
			Key: "c/a", Namespace: ns("a"), Address: netip.MustParseAddr("10.224.0.4"), Gateway: netip.MustParseAddr("10.224.0.1"),
			PodAddresses: netip.MustParsePrefix("10.224.0.32/27"),
		},
		b: vnet.Node{
			Key: "c/b", Namespace: ns("b"), Address: netip.MustParseAddr("10.224.0.5"), Gateway: netip.MustParseAddr("10.224.0.1"),
			PodAddresses: netip.MustParsePrefix("10.224.0.64/27"),
		},
	}
	t.Cleanup(func() {
		if err := errors.Join(n.fabric.Detach(n.a), n.fabric.Detach(n.b), n.fabric.Delete()); err != nil {
			t.Error(err)
		}
	})
	// Twice: it must be no different.
	for range 2 {
		err := n.fabric.Ensure()
		for _, node := range []vnet.Node{n.a, n.b} {
			err = errors.Join(err, n.fabric.Attach(node), node.Masquerade([]netip.Prefix{netip.MustParsePrefix("10.224.0.0/12")}))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	addAddress(t, n.a.Namespace, "10.224.0.40/32")
	addAddress(t, n.b.Namespace, "10.224.0.70/32")
	return n
}

func addAddress(t *testing.T, n vnet.Namespace, cidr string) {
	t.Helper()
	ns, err := netns.GetFromPath(n.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	h, err := netlink.NewHandleAt(ns)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	lo, err := h.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	a, err := netlink.ParseAddr(cidr)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.AddrReplace(lo, a); err != nil {
		t.Fatal(err)
	}
}

// serve answers on an address in a namespace with the caller's address.
func serve(t *testing.T, n vnet.Namespace, address string) {
	t.Helper()
	l, err := n.Listen(t.Context(), "tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
			fmt.Fprint(c, host)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
}

// answers is the patience with who has to answer: a young link may swallow the first packet, the next comes after a second.
const answers = time.Minute

// ask connects from an address in a namespace and returns the answer.
func ask(ctx context.Context, n vnet.Namespace, from, to string, patience time.Duration) (string, error) {
	var answer string
	err := n.Do(func() error {
		d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		d.SetMultipathTCP(false)
		c, err := d.DialContext(ctx, "tcp4", to)
		if err != nil {
			return err
		}
		defer c.Close()
		b := make([]byte, 64)
		k, err := c.Read(b)
		answer = string(b[:k])
		return err
	})
	return answer, err
}

func TestWhoReachesWhom(t *testing.T) {
	n := newNetwork(t)
	serve(t, n.fabric.Namespace, "169.254.169.254:80")
	serve(t, n.fabric.Namespace, "168.63.129.16:443")
	serve(t, n.b.Namespace, "10.224.0.70:8080")
	// What an attacker on node a would use.
	addAddress(t, n.a.Namespace, "10.224.0.5/32")
	addAddress(t, n.a.Namespace, "10.224.0.71/32")
	addAddress(t, n.a.Namespace, "192.0.2.7/32")
	tests := []struct {
		name     string
		in       vnet.Namespace
		from, to string
		want     string // "" is refused
	}{
		{"node to metadata", n.a.Namespace, "10.224.0.4", "169.254.169.254:80", "10.224.0.4"},
		{"pod to metadata appears as its node", n.a.Namespace, "10.224.0.40", "169.254.169.254:80", "10.224.0.4"},
		{"pod to platform appears as its node", n.a.Namespace, "10.224.0.40", "168.63.129.16:443", "10.224.0.4"},
		{"pod to pod of another node keeps its address", n.a.Namespace, "10.224.0.40", "10.224.0.70:8080", "10.224.0.40"},
		{"fabric to pod", n.fabric.Namespace, "", "10.224.0.70:8080", "10.224.0.1"},
		{"node with another node's address", n.a.Namespace, "10.224.0.5", "169.254.169.254:80", ""},
		{"node with an address of another node's pods", n.a.Namespace, "10.224.0.71", "169.254.169.254:80", ""},
		{"node with an address of nowhere", n.a.Namespace, "192.0.2.7", "169.254.169.254:80", ""},
		{"out of the network", n.a.Namespace, "10.224.0.4", "192.0.2.2:22", ""},
		{"the machine's own loopback interface", n.a.Namespace, "10.224.0.4", "127.0.0.1:22", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			patience := answers
			if tt.want == "" {
				patience = 700 * time.Millisecond
			}
			got, err := ask(t.Context(), tt.in, tt.from, tt.to, patience)
			if got != tt.want || (tt.want == "") != (err != nil) {
				t.Errorf("seen as %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

func TestAttachAfterNodeNamespaceWasLost(t *testing.T) {
	n := newNetwork(t)
	serve(t, n.fabric.Namespace, "169.254.169.254:80")
	if err := n.a.Namespace.Delete(); err != nil {
		t.Fatal(err)
	}
	if err := n.fabric.Attach(n.a); err != nil {
		t.Fatal(err)
	}
	if got, err := ask(t.Context(), n.a.Namespace, "10.224.0.4", "169.254.169.254:80", answers); got != "10.224.0.4" {
		t.Errorf("seen as %q, %v", got, err)
	}
}

func TestNamespaceIsNoLeftoverFile(t *testing.T) {
	n := vnet.Namespace{Path: filepath.Join(t.TempDir(), "ns")}
	if err := os.WriteFile(n.Path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if ok, err := n.Exists(); ok || err != nil {
		t.Fatalf("a plain file counts as namespace: %v, %v", ok, err)
	}
	if err := n.Create(); err != nil {
		t.Fatal(err)
	}
	if ok, err := n.Exists(); !ok || err != nil {
		t.Errorf("the namespace is not there: %v, %v", ok, err)
	}
	if err := n.Delete(); err != nil {
		t.Fatal(err)
	}
}

// A namespace starts with what the machine has set. With route_localnet, which
// other software on the machine may need, pods reach the daemons on a node's
// 127.0.0.1; a source route leads past the node's rules.
func TestCVE_2020_8558_NodesInheritNoOpenDoorOfTheMachine(t *testing.T) {
	n := newNetwork(t)
	for _, ns := range []vnet.Namespace{n.fabric.Namespace, n.a.Namespace, n.b.Namespace} {
		if err := ns.Do(func() error {
			for _, name := range []string{"route_localnet", "accept_source_route", "accept_local"} {
				files, err := filepath.Glob("/proc/sys/net/ipv4/conf/*/" + name)
				if err != nil || len(files) == 0 {
					return fmt.Errorf("finding %s: %w", name, err)
				}
				for _, file := range files {
					if filepath.Base(filepath.Dir(file)) == "lo" {
						continue // made before the defaults were set; "all" counts with it
					}
					if value, err := os.ReadFile(file); err != nil || string(value) != "0\n" {
						t.Errorf("%s in %s is %q, %v", file, ns.Path, value, err)
					}
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

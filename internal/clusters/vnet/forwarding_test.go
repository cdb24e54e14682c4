package vnet_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/clusters/vnet"
)

// answer serves an address with a word of its own, and returns the end of it.
func answer(t *testing.T, n vnet.Namespace, address, word string) {
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
			go func(c net.Conn) {
				defer c.Close()
				b := make([]byte, 1)
				fmt.Fprint(c, word)
				for {
					if _, err := c.Read(b); err != nil {
						return
					}
					fmt.Fprint(c, word)
				}
			}(c)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
}

// backends are both nodes with a load balancer's address, as kube-proxy has it.
func balanced(t *testing.T, frontend string) network {
	t.Helper()
	n := newNetwork(t)
	for word, node := range map[string]vnet.Node{"a": n.a, "b": n.b} {
		addAddress(t, node.Namespace, frontend+"/32")
		answer(t, node.Namespace, frontend+":80", word)
		answer(t, node.Namespace, node.Address.String()+":30080", word)
	}
	return n
}

func TestForwarding(t *testing.T) {
	const frontend = "198.18.0.5"
	n := balanced(t, frontend)
	address := netip.MustParseAddr(frontend)
	both := []netip.Addr{n.a.Address, n.b.Address}
	gone := netip.MustParseAddr("10.224.0.9")
	tests := []struct {
		name  string
		rules []vnet.Forwarding
		port  int
		want  string // who answers, in any order; "" is nobody
	}{
		{"no rule", nil, 80, ""},
		{"floating address", []vnet.Forwarding{{Address: address, Protocol: "tcp", Port: 80, Backends: both}}, 80, "ab"},
		{"one is ill", []vnet.Forwarding{{Address: address, Protocol: "tcp", Port: 80, Backends: both[1:]}}, 80, "b"},
		{"one is no node", []vnet.Forwarding{{Address: address, Protocol: "tcp", Port: 80, Backends: []netip.Addr{gone, n.a.Address}}}, 80, "a"},
		{"one client, one backend", []vnet.Forwarding{{Address: address, Protocol: "tcp", Port: 80, BySource: true, Backends: both}}, 80, "?"},
		{"all are ill", []vnet.Forwarding{{Address: address, Protocol: "tcp", Port: 80}}, 80, ""},
		{"a port without a rule", []vnet.Forwarding{{Address: address, Protocol: "tcp", Port: 443, Backends: both}}, 80, ""},
		{"another protocol", []vnet.Forwarding{{Address: address, Protocol: "udp", Port: 80, Backends: both}}, 80, ""},
		{"every port", []vnet.Forwarding{{Address: address, Backends: both}}, 80, "ab"},
		{"translated to the backends' port", []vnet.Forwarding{{Address: address, Protocol: "tcp", Port: 8080, BackendPort: 30080, Backends: both}}, 8080, "ab"},
		{"both kinds on one address", []vnet.Forwarding{
			{Address: address, Protocol: "tcp", Port: 8080, BackendPort: 30080, Backends: both[:1]},
			{Address: address, Protocol: "tcp", Port: 80, Backends: both[1:]},
		}, 8080, "a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 { // no different the second time
				if err := n.fabric.Forward(tt.rules); err != nil {
					t.Fatal(err)
				}
			}
			patience := answers
			if tt.want == "" {
				patience = 700 * time.Millisecond
			}
			seen := map[string]bool{}
			for range 24 {
				got, err := ask(t.Context(), n.fabric.Namespace, "", fmt.Sprintf("%s:%d", frontend, tt.port), patience)
				if err != nil {
					got = ""
				}
				seen[got] = true
				if got == "" {
					break
				}
			}
			if tt.want == "?" {
				if len(seen) != 1 || seen[""] {
					t.Errorf("one client was answered by %v", seen)
				}
				return
			}
			want := map[string]bool{}
			for _, r := range tt.want {
				want[string(r)] = true
			}
			if tt.want == "" {
				want[""] = true
			}
			if fmt.Sprint(seen) != fmt.Sprint(want) {
				t.Errorf("answered by %v, want %v", seen, want)
			}
		})
	}
}

// Who is in the network reaches a frontend as well, with his own address.
func TestForwardingFromANode(t *testing.T) {
	n := newNetwork(t)
	addAddress(t, n.b.Namespace, "10.224.0.20/32")
	serve(t, n.b.Namespace, "10.224.0.20:80")
	if err := n.fabric.Forward([]vnet.Forwarding{{Address: netip.MustParseAddr("10.224.0.20"), Protocol: "tcp", Port: 80, Backends: []netip.Addr{n.b.Address}}}); err != nil {
		t.Fatal(err)
	}
	got, err := ask(t.Context(), n.a.Namespace, "10.224.0.40", "10.224.0.20:80", answers)
	if err != nil || got != "10.224.0.40" {
		t.Errorf("seen as %q, %v", got, err)
	}
}

// A connection stays where it is when backends come and go.
func TestForwardingKeepsConnections(t *testing.T) {
	const frontend = "198.18.0.6"
	n := balanced(t, frontend)
	rule := vnet.Forwarding{Address: netip.MustParseAddr(frontend), Protocol: "tcp", Port: 80, Backends: []netip.Addr{n.b.Address}}
	if err := n.fabric.Forward([]vnet.Forwarding{rule}); err != nil {
		t.Fatal(err)
	}
	c, err := n.fabric.Dial(t.Context(), "tcp4", frontend+":80")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := make([]byte, 1)
	if _, err := c.Read(b); err != nil || string(b) != "b" {
		t.Fatalf("read %q, %v", b, err)
	}
	for _, backends := range [][]netip.Addr{{n.a.Address, n.b.Address}, {n.a.Address, n.b.Address}, {n.b.Address, n.a.Address}} {
		rule.Backends = backends
		if err := n.fabric.Forward([]vnet.Forwarding{rule}); err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(answers)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(b); err != nil || string(b) != "b" {
			t.Fatalf("read %q, %v after the backends changed", b, err)
		}
	}
}

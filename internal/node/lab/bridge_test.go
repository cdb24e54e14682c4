package lab_test

import (
	wire "encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// newBridgeWorld is a node whose pods are on a bridge, as with kubenet or the bridge plugin.
func newBridgeWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.bridge = "cni0"
	w.node.do(func() {
		w.node.must(netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: w.bridge}}), "making a bridge")
		w.node.address(w.bridge, gatewayIP+"/24")
		w.node.up(w.bridge)
	})
	return w
}

// join plugs a pod's cable into the bridge.
func (w *world) join(p *pod) {
	w.node.do(func() {
		port, err := netlink.LinkByName(p.host)
		w.node.must(err, "finding "+p.host)
		bridge, err := netlink.LinkByName(w.bridge)
		w.node.must(err, "finding "+w.bridge)
		w.node.must(netlink.LinkSetMaster(port, bridge), "plugging "+p.host+" in")
		p.hardware = port.Attrs().HardwareAddr.String()
	})
	p.do(func() {
		p.namespace.address("eth0", p.address.String()+"/24")
		p.route("", "eth0", gatewayIP)
		link, err := netlink.LinkByName("eth0")
		p.must(err, "finding eth0")
		p.own = link.Attrs().HardwareAddr.String()
	})
}

// neighbour is where somebody believes an address to be.
func (n *namespace) neighbour(device, address string) (hardware string) {
	n.t.Helper()
	n.do(func() {
		link, err := netlink.LinkByName(device)
		n.must(err, "finding "+device)
		all, err := netlink.NeighList(link.Attrs().Index, netlink.FAMILY_V4)
		n.must(err, "reading the neighbours")
		for _, neighbour := range all {
			if neighbour.IP.String() == address {
				hardware = neighbour.HardwareAddr.String()
			}
		}
	})
	return hardware
}

func hardware(t testing.TB, text string) net.HardwareAddr {
	t.Helper()
	address, err := net.ParseMAC(text)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// send puts a frame on the pod's cable, which takes CAP_NET_RAW in the pod and nothing else.
func (p *pod) send(frame []byte) {
	p.t.Helper()
	p.do(func() {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		p.must(err, "making a packet socket")
		defer unix.Close(fd)
		link, err := netlink.LinkByName("eth0")
		p.must(err, "finding eth0")
		p.must(unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: link.Attrs().Index, Halen: 6}), "sending a frame")
	})
}

// claim says by ARP, to one or all, that an address is at the sender's.
func (p *pod) claim(address, to, toAddress string) {
	sender := hardware(p.t, p.own)
	frame := append([]byte{}, hardware(p.t, to)...)
	frame = append(frame, sender...)
	frame = append(frame, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2) // ARP, Ethernet, IPv4, an answer
	frame = append(frame, sender...)
	frame = append(frame, net.ParseIP(address).To4()...)
	frame = append(frame, hardware(p.t, to)...)
	frame = append(frame, net.ParseIP(toAddress).To4()...)
	p.send(frame)
}

const everybody = "ff:ff:ff:ff:ff:ff"

// The attack of CVE-2021-1677, for which the predecessor refused to run on kubenet: a pod with NET_RAW tells the node by ARP that
// its neighbour's address is its own, and gets the neighbour's tokens. First without rules, to see that it works.
func TestARPSpoofing_CVE_2021_1677(t *testing.T) {
	t.Parallel()
	w := newBridgeWorld(t)
	w.metadata.attach(demo)
	w.metadata.attach(other)
	victim, attacker := w.plug("victim", "10.77.1.2"), w.plug("attacker", "10.77.1.3")
	var gateway string
	w.eventually("the node and the victim know each other", func() bool {
		victim.do(func() { _, _ = net.DialTimeout("tcp4", gatewayIP+":1", 200*time.Millisecond) })
		gateway = victim.neighbour("eth0", gatewayIP)
		return gateway != "" && w.node.neighbour(w.bridge, "10.77.1.2") == victim.own
	})
	poison := func() {
		attacker.claim("10.77.1.2", everybody, gatewayIP)
		attacker.claim(gatewayIP, victim.own, "10.77.1.2")
	}
	w.eventually("without rules the attack works", func() bool {
		poison()
		return w.node.neighbour(w.bridge, "10.77.1.2") == attacker.own && victim.neighbour("eth0", gatewayIP) == attacker.own
	})

	w.agent()
	victim.label, attacker.label = "demo", "other"
	for p, i := range map[*pod]identity{victim: demo, attacker: other} {
		w.api.putPod(p)
		w.runtime.start(p)
		w.api.assign(p, i, "Assigned")
	}
	if got := w.node.neighbour(w.bridge, "10.77.1.2"); got != victim.own {
		w.eventually("the node unlearns what it was told before", func() bool { return w.node.neighbour(w.bridge, "10.77.1.2") == victim.own })
	}
	// what the victim believes of the gateway was poisoned before there were rules, and heals when it asks again
	victim.do(func() {
		link, err := netlink.LinkByName("eth0")
		victim.must(err, "finding eth0")
		victim.must(netlink.NeighDel(&netlink.Neigh{LinkIndex: link.Attrs().Index, IP: net.ParseIP(gatewayIP)}), "forgetting the gateway")
	})
	w.known(victim)
	w.known(attacker)

	attacker.do(func() { attacker.namespace.address("eth0", "10.77.1.2/32") })
	attacker.connectionLocal = &net.TCPAddr{IP: net.ParseIP("10.77.1.2")}
	for range 3 {
		poison()
		victim.wantToken("", "demo")
		if status, body, err := fetchInVain(attacker.namespace, attacker.connectionLocal, tokenURL); err == nil {
			t.Errorf("the forged connection was answered: %d %s", status, body)
		}
		if got := w.node.neighbour(w.bridge, "10.77.1.2"); got != victim.own {
			t.Errorf("the node takes %s for the victim", got)
		}
		if got := victim.neighbour("eth0", gatewayIP); got != gateway {
			t.Errorf("the victim takes %s for the gateway", got)
		}
	}
	attacker.connectionLocal = nil
	attacker.do(func() {
		link, err := netlink.LinkByName("eth0")
		attacker.must(err, "finding eth0")
		address, err := netlink.ParseAddr("10.77.1.2/32")
		attacker.must(err, "reading an address")
		attacker.must(netlink.AddrDel(link, address), "giving the address back")
	})
	attacker.wantToken("", "other")
}

// Frames with the victim's Ethernet address would teach the bridge to send the victim's answers to the attacker.
func TestEthernetAddressSpoofing(t *testing.T) {
	t.Parallel()
	w := newBridgeWorld(t)
	w.metadata.attach(demo)
	w.agent()
	victim := w.pod("victim", "10.77.1.2", "demo")
	w.api.assign(victim, demo, "Assigned")
	attacker := w.pod("attacker", "10.77.1.3", "")
	attacker.do(func() {
		link, err := netlink.LinkByName("eth0")
		attacker.must(err, "finding eth0")
		attacker.must(netlink.LinkSetHardwareAddr(link, hardware(t, victim.own)), "taking the victim's Ethernet address")
		attacker.namespace.address("eth0", "10.77.1.2/32")
	})
	for range 3 {
		for _, local := range []string{"10.77.1.2", "10.77.1.3"} {
			if status, body, err := fetchInVain(attacker.namespace, &net.TCPAddr{IP: net.ParseIP(local)}, tokenURL); err == nil {
				t.Errorf("from %s the attacker got %d %s", local, status, body)
			}
		}
		victim.wantToken("", "demo")
	}
}

// A packet in two VLAN tags of number 0 is unwrapped by the kernel behind the bridge's rules, which would see no packet in it.
func TestPacketsInWrappings(t *testing.T) {
	t.Parallel()
	w := newBridgeWorld(t)
	w.metadata.attach(demo)
	w.agent()
	victim := w.pod("victim", "10.77.1.2", "demo")
	w.api.assign(victim, demo, "Assigned")
	victim.wantToken("", "demo")
	attacker := w.pod("attacker", "10.77.1.3", "")
	gateway := attacker.neighbour("eth0", gatewayIP)
	plain := syn(t, "10.77.1.2", 33333)
	before := w.redirected()
	for name, wrapping := range map[string][]byte{
		"none": nil, "one tag": {0x81, 0, 0, 0}, "two tags": {0x81, 0, 0, 0, 0x81, 0, 0, 0}, "two kinds": {0x88, 0xa8, 0, 0, 0x81, 0, 0, 0},
		"three tags": {0x81, 0, 0, 0, 0x81, 0, 0, 0, 0x81, 0, 0, 0},
	} {
		frame := append([]byte{}, hardware(t, gateway)...)
		frame = append(frame, hardware(t, attacker.own)...)
		frame = append(append(append(frame, wrapping...), 0x08, 0), plain...)
		attacker.send(frame)
		time.Sleep(20 * time.Millisecond)
		if got := w.redirected(); got != before {
			t.Errorf("%s: the forged packet was redirected like the victim's", name)
			before = got
		}
	}
	// the same from where it belongs, to see that the packet is a good one
	frame := append([]byte{}, hardware(t, gateway)...)
	victim.send(append(append(append(frame, hardware(t, victim.own)...), 0x08, 0), plain...))
	w.eventually("the victim's own packet is redirected", func() bool { return w.redirected() == before+1 })
}

// syn is an IPv4 packet that opens a connection to the metadata service.
func syn(t testing.TB, from string, port uint16) []byte {
	t.Helper()
	source, to := netip.MustParseAddr(from).As4(), netip.MustParseAddr(metadataIP).As4()
	tcp := make([]byte, 20)
	wire.BigEndian.PutUint16(tcp, port)
	wire.BigEndian.PutUint16(tcp[2:], 80)
	wire.BigEndian.PutUint32(tcp[4:], 1)
	tcp[12], tcp[13] = 5<<4, 2
	wire.BigEndian.PutUint16(tcp[14:], 1024)
	pseudo := append(append(append([]byte{}, source[:]...), to[:]...), 0, 6, 0, 20)
	wire.BigEndian.PutUint16(tcp[16:], checksum(append(pseudo, tcp...)))
	ip := []byte{0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0}
	ip = append(append(ip, source[:]...), to[:]...)
	wire.BigEndian.PutUint16(ip[10:], checksum(ip))
	return append(ip, tcp...)
}

func checksum(data []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(data); i += 2 {
		sum += uint32(wire.BigEndian.Uint16(data[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// redirected counts the connections that went to the proven port.
func (w *world) redirected() (packets int) { return w.redirectedTo("2579") }

// redirectedTo counts those that came from pods' interfaces and went to a port.
func (w *world) redirectedTo(port string) (packets int) {
	w.t.Helper()
	var output []byte
	w.node.do(func() {
		var err error
		output, err = exec.Command("nft", "list", "chain", "inet", "lanyard", "prerouting").CombinedOutput()
		w.node.must(err, "listing the rules: "+string(output))
	})
	for line := range strings.SplitSeq(string(output), "\n") {
		if _, after, ok := strings.Cut(line, "counter packets "); ok && strings.Contains(line, ":"+port) {
			_, err := fmt.Sscan(after, &packets)
			w.node.must(err, "reading "+line)
		}
	}
	return packets
}

// A pod that gets an address while there is no agent must not suffer from what the rules believed of the one before; with
// an agent it is proven like any other.
func TestAddressReuseOnABridge_kiam_499(t *testing.T) {
	t.Parallel()
	w := newBridgeWorld(t)
	w.metadata.attach(demo)
	w.metadata.attach(other)
	w.agent()
	first := w.pod("first", "10.77.1.2", "demo")
	w.api.assign(first, demo, "Assigned")
	kept := client(first.namespace, nil)
	if status, body, err := ask(kept, tokenURL); status != 200 {
		t.Fatalf("first: %d %s %v", status, body, err)
	}
	w.runtime.stop(first)
	second := w.pod("second", "10.77.1.2", "other")
	w.api.assign(second, other, "Assigned")
	second.wantToken("", "other")
	kept.Timeout = time.Second
	if status, body, err := ask(kept, tokenURL); err == nil {
		t.Errorf("the old pod's connection was answered: %d %s", status, body)
	}
	first.unplug()
	for range 5 {
		second.wantToken("", "other")
	}
}

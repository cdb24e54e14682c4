package lab_test

import (
	"net"
	"testing"

	"github.com/vishvananda/netlink"
)

// On an overlay (here VXLAN over a bridge, as Flannel has it), whoever reaches the node's tunnel port can have any packet come out of
// the tunnel. One from a pod's address comes from the tunnel's interface and not from the pod's port, so it is nobody's.
func TestPacketsFromTheTunnelAreNobodys(t *testing.T) {
	t.Parallel()
	w := newBridgeWorld(t)
	var tunnel string
	w.node.do(func() {
		link, err := netlink.LinkByName("eth0")
		w.node.must(err, "finding eth0")
		w.node.must(netlink.LinkAdd(&netlink.Vxlan{
			LinkAttrs: netlink.LinkAttrs{Name: "flannel.1"}, VxlanId: 1, VtepDevIndex: link.Attrs().Index, Port: 8472, Learning: false,
		}), "making a tunnel")
		w.node.address("flannel.1", "10.77.1.0/32")
		w.node.up("flannel.1")
		w.node.sysctl("ipv4/conf/flannel.1/rp_filter", "0") // it would drop the forgery by itself
		w.node.sysctl("ipv4/conf/all/rp_filter", "0")
		made, err := netlink.LinkByName("flannel.1")
		w.node.must(err, "finding the tunnel")
		tunnel = made.Attrs().HardwareAddr.String()
	})
	w.metadata.attach(demo)
	w.agent()
	victim := w.pod("victim", "10.77.1.2", "demo")
	w.api.assign(victim, demo, "Assigned")
	victim.wantToken("", "demo")

	frame := append([]byte{8, 0, 0, 0, 0, 0, 1, 0}, hardware(t, tunnel)...) // VXLAN's header, network 1
	frame = append(append(frame, hardware(t, victim.own)...), 0x08, 0)
	frame = append(frame, syn(t, "10.77.1.2", 33333)...)
	proven, unproven := w.redirectedTo("2579"), w.redirectedTo("2580")
	w.vnet.do(func() {
		conn, err := net.Dial("udp4", nodeIP+":8472")
		w.vnet.must(err, "reaching the tunnel")
		_, err = conn.Write(frame)
		w.vnet.must(err, "sending into the tunnel")
		_ = conn.Close()
	})
	w.eventually("the packet has come out of the tunnel", func() bool { return w.redirectedTo("2580") == unproven+1 })
	if got := w.redirectedTo("2579"); got != proven {
		t.Errorf("%d packets from the tunnel were taken for the victim's", got-proven)
	}
	victim.wantToken("", "demo")
}

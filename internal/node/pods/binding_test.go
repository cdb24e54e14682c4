package pods

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/node/redirect"
)

// links are a node's interfaces by name, and one way to everywhere.
type links struct {
	byName map[string]Link
	toward int
	alone  bool
}

func (l links) Link(name string) (Link, error) {
	link, ok := l.byName[name]
	if !ok {
		return Link{}, errors.New("no such interface")
	}
	return link, nil
}

func (l links) LinkAt(index int) (Link, error) {
	for _, link := range l.byName {
		if link.Index == index {
			return link, nil
		}
	}
	return Link{}, errors.New("no such interface")
}

func (l links) Toward(netip.Addr) (int, bool, error) { return l.toward, l.alone, nil }

// ptp is what containerd 2.1 records of a pod on the ptp plugin.
const ptp = `{"pid":1,"cniResult":{"Interfaces":{
	"eth0":{"IPConfigs":[{"IP":"10.0.1.5","Gateway":"10.0.1.1"}],"Mac":"02:00:00:00:00:05","Sandbox":"/run/netns/x","PciID":"","SocketPath":""},
	"lo":{"IPConfigs":[{"IP":"127.0.0.1","Gateway":""},{"IP":"::1","Gateway":""}],"Mac":"00:00:00:00:00:00","Sandbox":"/run/netns/x"},
	"veth1":{"IPConfigs":null,"Mac":"AA:00:00:00:00:01","Sandbox":""}},"DNS":[{}],"Routes":[{"dst":"0.0.0.0/0"}]}}`

// onBridge is the same on the bridge plugin, unnamed on one that names no interface of the node.
var (
	onBridge = strings.Replace(ptp, `"veth1"`, `"cni0":{"Mac":"AA:00:00:00:00:09","Sandbox":""},"veth1"`, 1)
	unnamed  = strings.Replace(ptp, `"Mac":"AA:00:00:00:00:01"`, `"Mac":""`, 1)
)

func TestBindings(t *testing.T) {
	veth := func(link Link) map[string]Link { return map[string]Link{"veth1": link} }
	routed := links{veth(Link{Index: 7, Kind: "veth"}), 7, true}
	bridged := func(port Link, bridge string, toward int) links {
		return links{map[string]Link{"veth1": port, "cni0": {Index: 3, Kind: bridge}}, toward, false}
	}
	bridge := bridged(Link{Index: 7, Kind: "veth", Master: 3}, "bridge", 3)
	want := []Binding{{Interface: 7, Address: netip.MustParseAddr("10.0.1.5")}}
	for _, test := range []struct {
		name, info, address string
		network             Network
		links               links
		want                []Binding
		wrong               string
	}{
		{"ptp", ptp, "10.0.1.5", Routed, routed, want, ""},
		{"plugin names no interface", unnamed, "10.0.1.5", Routed, routed, want, ""},
		{"bridge", onBridge, "10.0.1.5", Bridge, bridge, []Binding{{Interface: 3, Address: want[0].Address}}, ""},

		{"no record", `{"pid":1}`, "10.0.1.5", Routed, routed, nil, "no record"},
		{"not JSON", `x`, "10.0.1.5", Routed, routed, nil, "reading the runtime's record"},
		{"address isn't the plugin's", ptp, "10.0.1.6", Routed, routed, nil, "not in the network plugin's result"},
		{"no address", ptp, "", Routed, routed, nil, "no address"},
		{"IPv6 alone", ptp, "fd00::1", Routed, routed, nil, "not in the network plugin's result"},
		{"interface is gone", ptp, "10.0.1.5", Routed, links{}, nil, "no such interface"},
		{"another interface of that name", ptp, "10.0.1.5", Routed, links{veth(Link{Index: 9, Kind: "veth"}), 7, true}, nil, "not the node's way"},
		{"not a cable", ptp, "10.0.1.5", Routed, links{veth(Link{Index: 7, Kind: "ipvlan"}), 7, true}, nil, "not a cable"},
		{"no route of its own", unnamed, "10.0.1.5", Routed, links{veth(Link{Index: 7, Kind: "veth"}), 7, false}, nil, "no route of its own"},

		{"a bridge that isn't told", onBridge, "10.0.1.5", Routed, bridge, nil, "--pod-network=bridge"},
		{"a port that isn't told", ptp, "10.0.1.5", Routed, links{veth(Link{Index: 7, Kind: "veth", Master: 3}), 7, true}, nil, "--pod-network=bridge"},
		{"told to be a bridge", ptp, "10.0.1.5", Bridge, routed, nil, "--pod-network=routed"},
		{"port of a bond", onBridge, "10.0.1.5", Bridge, bridged(Link{Index: 7, Kind: "veth", Master: 3}, "bond", 3), nil, "not the node's way"},
		{"another bridge's way", onBridge, "10.0.1.5", Bridge, bridged(Link{Index: 7, Kind: "veth", Master: 3}, "bridge", 4), nil, "not the node's way"},
		{"no Ethernet address", strings.Replace(onBridge, "02:00:00:00:00:05", "", 1), "10.0.1.5", Bridge, bridge, nil, "Ethernet address"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cable, err := readCable(test.info, test.address)
			var got []Binding
			var port redirect.Port
			if err == nil {
				got, port, err = cable.bindings(test.links, test.network)
			}
			if (err != nil) != (test.wrong != "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
				t.Fatalf("error %v, want %q", err, test.wrong)
			}
			if diff := cmp.Diff(test.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("bindings (-want +got):\n%s", diff)
			}
			if wanted := (redirect.Port{Index: 7, Hardware: redirect.Hardware{2, 0, 0, 0, 0, 5}}); err == nil && test.network == Bridge && port != wanted {
				t.Errorf("port %+v, want %+v", port, wanted)
			}
		})
	}
}

func FuzzReadCable(f *testing.F) {
	f.Add(ptp, "10.0.1.5")
	f.Add(onBridge, "10.0.1.5")
	f.Add(`{"cniResult":{"Interfaces":{"a":null}}}`, "10.0.1.5")
	f.Fuzz(func(t *testing.T, info, address string) {
		c, err := readCable(info, address)
		if err == nil && (len(c.addresses) == 0 || !c.addresses[0].Is4()) {
			t.Errorf("a cable without an end: %+v", c)
		}
	})
}

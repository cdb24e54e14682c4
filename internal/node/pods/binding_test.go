package pods

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// links has one interface, and one way to everywhere.
type links struct {
	link   Link
	toward int
}

func (l links) Link(string) (Link, error) {
	if l.link.Index == 0 {
		return Link{}, errors.New("no such interface")
	}
	return l.link, nil
}

func (l links) Toward(netip.Addr) (int, error) { return l.toward, nil }

// ptp is what containerd 2.1 records of a pod on the ptp plugin.
const ptp = `{"pid":1,"cniResult":{"Interfaces":{
	"eth0":{"IPConfigs":[{"IP":"10.0.1.5","Gateway":"10.0.1.1"}],"Mac":"02:00:00:00:00:05","Sandbox":"/run/netns/x","PciID":"","SocketPath":""},
	"lo":{"IPConfigs":[{"IP":"127.0.0.1","Gateway":""},{"IP":"::1","Gateway":""}],"Mac":"00:00:00:00:00:00","Sandbox":"/run/netns/x"},
	"veth1":{"IPConfigs":null,"Mac":"AA:00:00:00:00:01","Sandbox":""}},"DNS":[{}],"Routes":[{"dst":"0.0.0.0/0"}]}}`

func TestBindings(t *testing.T) {
	good := links{Link{Index: 7, Kind: "veth"}, 7}
	for _, test := range []struct {
		name, info, address string
		links               links
		want                []Binding
		wrong               string
	}{
		{"ptp", ptp, "10.0.1.5", good, []Binding{{Interface: 7, Address: netip.MustParseAddr("10.0.1.5")}}, ""},
		{"no record", `{"pid":1}`, "10.0.1.5", good, nil, "no record"},
		{"not JSON", `x`, "10.0.1.5", good, nil, "reading the runtime's record"},
		{"address isn't the plugin's", ptp, "10.0.1.6", good, nil, "not in the network plugin's result"},
		{"no address", ptp, "", good, nil, "no address"},
		{"interface is gone", ptp, "10.0.1.5", links{}, nil, "no such interface"},
		{"another interface of that name", ptp, "10.0.1.5", links{Link{Index: 9, Kind: "veth"}, 7}, nil,
			"not the node's way"},
		{"port of a bridge", ptp, "10.0.1.5", links{Link{Index: 7, Kind: "veth", Enslaved: true}, 7}, nil,
			"port of a bridge"},
		{"not a cable", ptp, "10.0.1.5", links{Link{Index: 7, Kind: "ipvlan"}, 7}, nil, "not a cable"},
		{"bridge plugin", strings.Replace(ptp, `"veth1"`, `"cni0":{"Mac":"AA:00:00:00:00:09","Sandbox":""},"veth1"`, 1), "10.0.1.5", good, nil,
			"several interfaces"},
		{"plugin names no host interface", strings.Replace(ptp, `"Mac":"AA:00:00:00:00:01"`, `"Mac":""`, 1), "10.0.1.5", good, nil,
			"didn't name the node's interface"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cable, err := readCable(test.info, test.address)
			var got []Binding
			if err == nil {
				got, err = cable.bindings(test.links)
			}
			if (err != nil) != (test.wrong != "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
				t.Fatalf("error %v, want %q", err, test.wrong)
			}
			if diff := cmp.Diff(test.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("bindings (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzReadCable(f *testing.F) {
	f.Add(ptp, "10.0.1.5")
	f.Add(`{"cniResult":{"Interfaces":{"a":null}}}`, "10.0.1.5")
	f.Fuzz(func(t *testing.T, info, address string) {
		c, err := readCable(info, address)
		if err == nil && (c.host == "" || len(c.addresses) == 0) {
			t.Errorf("a cable without an end: %+v", c)
		}
	})
}

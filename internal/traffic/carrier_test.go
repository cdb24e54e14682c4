package traffic

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/loopback"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

const (
	group  = "/subscriptions/s/resourceGroups/rg/providers/"
	lb     = group + "Microsoft.Network/loadBalancers/kubernetes"
	ip     = group + "Microsoft.Network/publicIPAddresses/ip"
	vmss   = group + "Microsoft.Compute/virtualMachineScaleSets/vmss"
	vnetID = group + "Microsoft.Network/virtualNetworks/vnet"
)

// patience is how long a test waits for what has to come.
const patience = 2 * time.Minute

// world has documents, machines, and an engine that says what it was told.
type world struct {
	mu        sync.Mutex
	store     *store.Store
	documents map[string]*resource.Resource
	told      map[string][]clusters.Forwarding
	alive     map[string]bool // addresses that accept
	dialed    map[string]bool // addresses that somebody tried
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{store: storetest.New(t), documents: map[string]*resource.Resource{}, told: map[string][]clusters.Forwarding{}, alive: map[string]bool{}, dialed: map[string]bool{}}
	w.put(t, vmss, `{"virtualMachineProfile":{"networkProfile":{"networkInterfaceConfigurations":[{"properties":{"ipConfigurations":[
		{"properties":{"loadBalancerBackendAddressPools":[{"id":"`+lb+`/backendAddressPools/KUBERNETES"}]}}]}}]}}}`)
	w.put(t, ip, `{"ipAddress":"198.18.7.7"}`)
	return w
}

func (w *world) put(t *testing.T, id, properties string) {
	t.Helper()
	r := &resource.Resource{ID: armid.MustParse(id), Properties: json.RawMessage(properties)}
	w.mu.Lock()
	w.documents[r.ID.Key()] = r
	w.mu.Unlock()
	if _, err := w.store.Txn(t.Context(), nil, []store.Op{store.Put(resource.StoreKey(r.ID), []byte(properties))}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) Get(_ context.Context, id armid.ID) (*resource.Resource, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.documents[id.Key()]; r != nil {
		return r, nil
	}
	return nil, rest.ResourceNotFound(id.String(), id.ResourceGroup())
}

func (w *world) List(_ context.Context, _ armid.ID, fullType string) ([]*resource.Resource, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []*resource.Resource
	for _, r := range w.documents {
		if r.ID.Is(fullType) {
			out = append(out, r)
		}
	}
	return out, nil
}

func (w *world) MachinesOf(armid.ID) []compute.Seat {
	var out []compute.Seat
	for _, a := range []string{"10.0.0.4", "10.0.0.5"} {
		out = append(out, compute.Seat{VNet: armid.MustParse(vnetID), Address: netip.MustParseAddr(a)})
	}
	return out
}

func (w *world) MachineAt(vnet armid.ID, address netip.Addr) (compute.Machine, bool) {
	for _, seat := range w.MachinesOf(armid.ID{}) {
		if seat.VNet.Equal(vnet) && seat.Address == address {
			return compute.Machine{}, true
		}
	}
	return compute.Machine{}, false
}

func (w *world) Forward(_ context.Context, vnet string, rules []clusters.Forwarding) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told[vnet] = rules
	return nil
}

func (w *world) Dial(_ context.Context, _, _, address string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	host, _, _ := net.SplitHostPort(address)
	w.dialed[host] = true
	if !w.alive[host] {
		return nil, fmt.Errorf("nobody at %s", address)
	}
	a, b := net.Pipe()
	go b.Close()
	return a, nil
}

func (w *world) Relay(ctx context.Context, _, address string, listener net.Listener) error {
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	for {
		c, err := listener.Accept()
		if err != nil {
			return nil
		}
		fmt.Fprint(c, address)
		c.Close()
	}
}

func (w *world) live(address string, yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alive[address] = yes
}

func (w *world) carrier(t *testing.T) *Carrier {
	t.Helper()
	c := New(Options{
		Store: w.store, Resources: w, Machines: w, Engine: w, Log: slog.New(slog.DiscardHandler), Clock: clock.RealClock{},
		Ports:      Ports{{443, 443}, {1024, 65535}},
		NetworkKey: func(id armid.ID) string { return id.Name() },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = c.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return c
}

func (w *world) await(t *testing.T, want ...clusters.Forwarding) {
	t.Helper()
	var diff string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		w.mu.Lock()
		got, told := w.told["vnet"]
		w.mu.Unlock()
		if diff = cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff == "" && told {
			return
		}
	}
	t.Fatalf("rules of the network (-want +got):\n%s", diff)
}

func addresses(texts ...string) []netip.Addr {
	var out []netip.Addr
	for _, text := range texts {
		out = append(out, netip.MustParseAddr(text))
	}
	return out
}

func document(frontend, rule, more string) string {
	return `{"frontendIPConfigurations":[{"name":"f","properties":{` + frontend + `}}],"backendAddressPools":[{"name":"kubernetes"}],
		"loadBalancingRules":[{"name":"r","properties":{"frontendIPConfiguration":{"id":"` + lb + `/frontendIPConfigurations/f"},
		"backendAddressPool":{"id":"` + lb + `/backendAddressPools/kubernetes"},` + rule + `}}]` + more + `}`
}

func TestDocumentsBecomeRules(t *testing.T) {
	const public = `"publicIPAddress":{"id":"` + ip + `"}`
	both := addresses("10.0.0.4", "10.0.0.5")
	address := netip.MustParseAddr("198.18.7.7")
	tests := []struct {
		name, frontend, rule string
		want                 []clusters.Forwarding
	}{
		{"floating", public, `"protocol":"Tcp","frontendPort":80,"backendPort":80,"enableFloatingIP":true`,
			[]clusters.Forwarding{{Address: address, Protocol: "tcp", Port: 80, Backends: both}}},
		{"translated", public, `"protocol":"Tcp","frontendPort":80,"backendPort":30080,"enableFloatingIP":false`,
			[]clusters.Forwarding{{Address: address, Protocol: "tcp", Port: 80, BackendPort: 30080, Backends: both}}},
		{"by source", public, `"protocol":"Udp","frontendPort":53,"backendPort":53,"enableFloatingIP":true,"loadDistribution":"SourceIP"`,
			[]clusters.Forwarding{{Address: address, Protocol: "udp", Port: 53, BySource: true, Backends: both}}},
		{"all ports", public, `"protocol":"All","frontendPort":0,"backendPort":0`,
			[]clusters.Forwarding{{Address: address, Backends: both}}},
		{"internal", `"privateIPAddress":"10.0.0.9","subnet":{"id":"` + vnetID + `/subnets/s"}`, `"protocol":"Tcp","frontendPort":80,"backendPort":80,"enableFloatingIP":true`,
			[]clusters.Forwarding{{Address: netip.MustParseAddr("10.0.0.9"), Protocol: "tcp", Port: 80, Backends: both}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.carrier(t)
			w.put(t, lb, document(tt.frontend, tt.rule, ""))
			w.await(t, tt.want...)
			w.put(t, lb, `{"backendAddressPools":[{"name":"kubernetes"}]}`)
			w.await(t)
		})
	}
}

func TestOnlyHealthyBackendsGetConnections(t *testing.T) {
	w := newWorld(t)
	w.live("10.0.0.4", true)
	w.carrier(t)
	rule := func(backends ...string) clusters.Forwarding {
		return clusters.Forwarding{Address: netip.MustParseAddr("198.18.7.7"), Protocol: "tcp", Port: 80, Backends: addresses(backends...)}
	}
	w.put(t, lb, document(`"publicIPAddress":{"id":"`+ip+`"}`,
		`"protocol":"Tcp","frontendPort":80,"backendPort":80,"enableFloatingIP":true,"probe":{"id":"`+lb+`/probes/p"}`,
		`,"probes":[{"name":"p","properties":{"protocol":"Tcp","port":30080,"intervalInSeconds":1}}]`))
	w.await(t, rule("10.0.0.4"))
	w.live("10.0.0.5", true)
	w.await(t, rule("10.0.0.4", "10.0.0.5"))
	w.live("10.0.0.4", false)
	w.await(t, rule("10.0.0.5"))
}

func TestPublicAddressesAreReachedOnThisMachine(t *testing.T) {
	port := freePort(t)
	w := newWorld(t)
	w.carrier(t)
	w.put(t, lb, document(`"publicIPAddress":{"id":"`+ip+`"}`, fmt.Sprintf(`"protocol":"Tcp","frontendPort":%d,"backendPort":80,"enableFloatingIP":true`, port), ""))
	at := fmt.Sprintf("%s:%d", loopback.Of(netip.MustParseAddr("198.18.7.7")), port)
	read := func() string {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp4", at)
		if err != nil {
			return ""
		}
		defer c.Close()
		b := make([]byte, 64)
		n, _ := c.Read(b)
		return string(b[:n])
	}
	for end := time.Now().Add(patience); read() != fmt.Sprintf("198.18.7.7:%d", port); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s isn't relayed: %q", at, read())
		}
	}
	w.put(t, lb, `{}`)
	for end := time.Now().Add(patience); read() != ""; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s is still relayed", at)
		}
	}
}

// freePort is one that nobody has at the address.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp4", loopback.Of(netip.MustParseAddr("198.18.7.7")).String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestPoolsLeadToMachinesAlone: a pool that names addresses is written by whoever may
// write load balancers. Nobody else's services are probed or published by it.
func TestPoolsLeadToMachinesAlone(t *testing.T) {
	w := newWorld(t)
	w.live("10.0.0.4", true)
	w.carrier(t)
	named := ""
	for i, address := range []string{"10.0.0.4", "168.63.129.16", "169.254.169.254", "127.0.0.1", "10.0.0.200", "8.8.8.8"} {
		if i > 0 {
			named += ","
		}
		named += fmt.Sprintf(`{"name":"a%d","properties":{"ipAddress":%q,"virtualNetwork":{"id":%q}}}`, i, address, vnetID)
	}
	w.put(t, vmss, `{}`)
	w.put(t, lb, `{"frontendIPConfigurations":[{"name":"f","properties":{"publicIPAddress":{"id":"`+ip+`"}}}],
		"backendAddressPools":[{"name":"byAddress","properties":{"loadBalancerBackendAddresses":[`+named+`]}}],
		"probes":[{"name":"p","properties":{"protocol":"Tcp","port":30080,"intervalInSeconds":1}}],
		"loadBalancingRules":[{"name":"r","properties":{"frontendIPConfiguration":{"id":"`+lb+`/frontendIPConfigurations/f"},
		"backendAddressPool":{"id":"`+lb+`/backendAddressPools/byAddress"},"probe":{"id":"`+lb+`/probes/p"},"protocol":"Tcp","frontendPort":80,"backendPort":80,"enableFloatingIP":true}}]}`)
	w.await(t, clusters.Forwarding{Address: netip.MustParseAddr("198.18.7.7"), Protocol: "tcp", Port: 80, Backends: addresses("10.0.0.4")})
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff(map[string]bool{"10.0.0.4": true}, w.dialed); diff != "" {
		t.Errorf("who was probed (-want +got):\n%s", diff)
	}
}

// TestOtherPortsAreNotTakenFromThisMachine: a Service's author must not be able to hold a
// port that a program of the machine's wants.
func TestOtherPortsAreNotTakenFromThisMachine(t *testing.T) {
	w := newWorld(t)
	w.carrier(t)
	w.put(t, lb, document(`"publicIPAddress":{"id":"`+ip+`"}`, `"protocol":"Tcp","frontendPort":1023,"backendPort":80,"enableFloatingIP":true`, ""))
	w.await(t, clusters.Forwarding{Address: netip.MustParseAddr("198.18.7.7"), Protocol: "tcp", Port: 1023, Backends: addresses("10.0.0.4", "10.0.0.5")})
	// The document's other rule comes with the same pass, after doors were opened.
	w.put(t, lb, document(`"publicIPAddress":{"id":"`+ip+`"}`, `"protocol":"Tcp","frontendPort":1022,"backendPort":80,"enableFloatingIP":true`, ""))
	w.await(t, clusters.Forwarding{Address: netip.MustParseAddr("198.18.7.7"), Protocol: "tcp", Port: 1022, Backends: addresses("10.0.0.4", "10.0.0.5")})
	if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp4", loopback.Of(netip.MustParseAddr("198.18.7.7")).String()+":1023"); err == nil {
		conn.Close()
		t.Error("port 1023 is open on this machine")
	}
}

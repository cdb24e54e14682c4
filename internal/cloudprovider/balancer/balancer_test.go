package balancer

import (
	"slices"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v6"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

const base = "a1111222233334444555566667777888"

var lbID = armid.MustParse("/subscriptions/s/resourceGroups/mc/providers/Microsoft.Network/loadBalancers/kubernetes")

func service(change func(*corev1.Service)) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "1111222-2333-3444-4555-566667777888", Annotations: map[string]string{}},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80, NodePort: 30080, Protocol: corev1.ProtocolTCP}}},
	}
	if change != nil {
		change(s)
	}
	return s
}

func wished(t *testing.T, change func(*corev1.Service)) wish {
	t.Helper()
	w, err := read(service(change))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestRules(t *testing.T) {
	type line struct{ name, protocol, probe string }
	tests := []struct {
		name   string
		change func(*corev1.Service)
		want   []line
		ports  [2]int32 // backend, probe
	}{
		{"one port", nil, []line{{base + "-TCP-80", "Tcp", "Tcp"}}, [2]int32{80, 30080}},
		{"without floating address", func(s *corev1.Service) { s.Annotations[noFloatingAddress] = "true" }, []line{{base + "-TCP-80", "Tcp", "Tcp"}}, [2]int32{30080, 30080}},
		{"traffic policy Local", func(s *corev1.Service) {
			s.Spec.ExternalTrafficPolicy, s.Spec.HealthCheckNodePort = corev1.ServiceExternalTrafficPolicyLocal, 31000
		}, []line{{base + "-TCP-80", "Tcp", "Http"}}, [2]int32{80, 31000}},
		{"nobody probes UDP", func(s *corev1.Service) { s.Spec.Ports[0].Protocol = corev1.ProtocolUDP }, []line{{base + "-UDP-80", "Udp", ""}}, [2]int32{80, 0}},
		{"HTTP", func(s *corev1.Service) { s.Spec.Ports[0].AppProtocol = to.Ptr("http") }, []line{{base + "-TCP-80", "Tcp", "Http"}}, [2]int32{80, 30080}},
		{"internal, in a subnet", func(s *corev1.Service) { s.Annotations[internalLB], s.Annotations[internalSubnet] = "true", "inside" },
			[]line{{base + "-inside-TCP-80", "Tcp", "Tcp"}}, [2]int32{80, 30080}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := wished(t, tt.change)
			rules, probes := w.rules(lbID, w.frontend(), "kubernetes")
			var got []line
			for _, r := range rules {
				one := line{name: *r.Name, protocol: string(*r.Properties.Protocol)}
				for _, p := range probes {
					if *p.Name == *r.Name {
						one.probe = string(*p.Properties.Protocol)
						if *p.Properties.Port != tt.ports[1] {
							t.Errorf("probe port %d, want %d", *p.Properties.Port, tt.ports[1])
						}
					}
				}
				if *r.Properties.BackendPort != tt.ports[0] {
					t.Errorf("backend port %d, want %d", *r.Properties.BackendPort, tt.ports[0])
				}
				got = append(got, one)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(line{})); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
			has := &armnetwork.LoadBalancerPropertiesFormat{LoadBalancingRules: slices.Clone(rules), Probes: slices.Clone(probes)}
			if !w.sameRules(has, rules, probes) {
				t.Error("what was written isn't what is wanted")
			}
			*has.LoadBalancingRules[0].Properties.FrontendPort = 81
			again, _ := w.rules(lbID, w.frontend(), "kubernetes")
			if w.sameRules(has, again, probes) {
				t.Error("a changed rule isn't noticed")
			}
		})
	}
}

func TestWishesThatCannotBeMeant(t *testing.T) {
	for name, change := range map[string]func(*corev1.Service){
		"SCTP":            func(s *corev1.Service) { s.Spec.Ports[0].Protocol = corev1.ProtocolSCTP },
		"no address":      func(s *corev1.Service) { s.Spec.LoadBalancerIP = "somewhere" },
		"timeout in text": func(s *corev1.Service) { s.Annotations[idleTimeout] = "long" },
		"short timeout":   func(s *corev1.Service) { s.Annotations[idleTimeout] = "1" },
		"bad range":       func(s *corev1.Service) { s.Spec.LoadBalancerSourceRanges = []string{"10.0.0.0/99"} },
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := read(service(change)); err == nil {
				t.Error("it is taken")
			}
		})
	}
}

// What others have on the load balancer stays, also what only looks alike.
func TestTakeAwayLeavesOthers(t *testing.T) {
	w := wished(t, nil)
	frontend := func(name string) *armnetwork.FrontendIPConfiguration {
		return &armnetwork.FrontendIPConfiguration{Name: to.Ptr(name), ID: to.Ptr(lbID.Child("frontendIPConfigurations", name).String())}
	}
	rule := func(name, on string) *armnetwork.LoadBalancingRule {
		return &armnetwork.LoadBalancingRule{Name: to.Ptr(name), Properties: &armnetwork.LoadBalancingRulePropertiesFormat{
			FrontendIPConfiguration: &armnetwork.SubResource{ID: to.Ptr(lbID.Child("frontendIPConfigurations", on).String())},
		}}
	}
	p := &armnetwork.LoadBalancerPropertiesFormat{
		FrontendIPConfigurations: []*armnetwork.FrontendIPConfiguration{frontend("outbound"), frontend(base), frontend(base + "9")},
		LoadBalancingRules:       []*armnetwork.LoadBalancingRule{rule(base+"-TCP-80", base), rule("other-TCP-80", base+"9"), rule(base+"9-TCP-80", base+"9")},
	}
	if !w.takeAway(p, "") {
		t.Error("it says that nothing was there")
	}
	var left []string
	for _, f := range p.FrontendIPConfigurations {
		left = append(left, *f.Name)
	}
	for _, r := range p.LoadBalancingRules {
		left = append(left, *r.Name)
	}
	if diff := cmp.Diff([]string{"outbound", base + "9", "other-TCP-80", base + "9-TCP-80"}, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	// A frontend that another Service's rule leads from stays.
	p = &armnetwork.LoadBalancerPropertiesFormat{
		FrontendIPConfigurations: []*armnetwork.FrontendIPConfiguration{frontend(base)},
		LoadBalancingRules:       []*armnetwork.LoadBalancingRule{rule(base+"-TCP-80", base), rule("other-TCP-81", base)},
	}
	w.takeAway(p, "")
	if len(p.FrontendIPConfigurations) != 1 || len(p.LoadBalancingRules) != 1 {
		t.Errorf("the shared frontend is gone: %d frontends, %d rules", len(p.FrontendIPConfigurations), len(p.LoadBalancingRules))
	}
}

func TestSecurityRules(t *testing.T) {
	tests := []struct {
		name   string
		change func(*corev1.Service)
		want   []string
	}{
		{"public", nil, []string{base + "-TCP-80-Internet"}},
		{"for some", func(s *corev1.Service) { s.Spec.LoadBalancerSourceRanges = []string{"203.0.113.0/24"} }, []string{base + "-TCP-80-203.0.113.0_24"}},
		{"internal", func(s *corev1.Service) { s.Annotations[internalLB] = "true" }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, r := range wished(t, tt.change).securityRules("198.18.0.5") {
				got = append(got, *r.Name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}

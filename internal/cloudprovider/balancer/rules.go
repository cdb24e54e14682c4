package balancer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v6"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/cloud-provider/service/helpers"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// ruleName is the name of a port's rule and of its probe.
func (w wish) ruleName(port corev1.ServicePort) string {
	return fmt.Sprintf("%s-%s-%d", w.frontend(), port.Protocol, port.Port)
}

// rules are the Service's rules and probes on a load balancer.
func (w wish) rules(balancer armid.ID, frontend, pool string) ([]*armnetwork.LoadBalancingRule, []*armnetwork.Probe) {
	var rules []*armnetwork.LoadBalancingRule
	var probes []*armnetwork.Probe
	for _, port := range w.service.Spec.Ports {
		name := w.ruleName(port)
		rule := &armnetwork.LoadBalancingRule{Name: to.Ptr(name), Properties: &armnetwork.LoadBalancingRulePropertiesFormat{
			Protocol:                to.Ptr(armnetwork.TransportProtocolTCP),
			FrontendIPConfiguration: &armnetwork.SubResource{ID: to.Ptr(balancer.Child("frontendIPConfigurations", frontend).String())},
			BackendAddressPool:      &armnetwork.SubResource{ID: to.Ptr(balancer.Child("backendAddressPools", pool).String())},
			FrontendPort:            to.Ptr(port.Port), BackendPort: to.Ptr(port.Port), EnableFloatingIP: to.Ptr(w.floating),
			LoadDistribution:     to.Ptr(armnetwork.LoadDistributionDefault),
			IdleTimeoutInMinutes: to.Ptr(w.idleMinutes), DisableOutboundSnat: to.Ptr(!w.internal), EnableTCPReset: to.Ptr(true),
		}}
		p := rule.Properties
		if !w.floating {
			p.BackendPort = to.Ptr(port.NodePort)
		}
		if w.service.Spec.SessionAffinity == corev1.ServiceAffinityClientIP {
			p.LoadDistribution = to.Ptr(armnetwork.LoadDistributionSourceIP)
		}
		if port.Protocol == corev1.ProtocolUDP {
			p.Protocol, p.EnableTCPReset = to.Ptr(armnetwork.TransportProtocolUDP), to.Ptr(false)
		}
		if probe := w.probe(name, port); probe != nil {
			p.Probe = &armnetwork.SubResource{ID: to.Ptr(balancer.Child("probes", name).String())}
			probes = append(probes, probe)
		}
		rules = append(rules, rule)
	}
	return rules, probes
}

// probe is how a port's backends are probed: with the traffic policy Local by
// kube-proxy's word for it, else by the node port. Nobody can probe UDP.
func (w wish) probe(name string, port corev1.ServicePort) *armnetwork.Probe {
	p := &armnetwork.ProbePropertiesFormat{
		Protocol: to.Ptr(armnetwork.ProbeProtocolTCP), Port: to.Ptr(port.NodePort),
		IntervalInSeconds: to.Ptr(w.probeInterval), NumberOfProbes: to.Ptr(w.probeCount), ProbeThreshold: to.Ptr(w.probeCount),
	}
	path, health := helpers.GetServiceHealthCheckPathPort(w.service)
	switch {
	case health != 0:
		p.Protocol, p.Port, p.RequestPath = to.Ptr(armnetwork.ProbeProtocolHTTP), to.Ptr(health), to.Ptr(path)
	case port.Protocol == corev1.ProtocolUDP || port.NodePort == 0:
		return nil
	case port.AppProtocol != nil && (strings.EqualFold(*port.AppProtocol, "http") || strings.EqualFold(*port.AppProtocol, "https")):
		p.Protocol, p.RequestPath = to.Ptr(armnetwork.ProbeProtocolHTTP), to.Ptr("/")
		if strings.EqualFold(*port.AppProtocol, "https") {
			p.Protocol = to.Ptr(armnetwork.ProbeProtocolHTTPS)
		}
		if w.probePath != "" {
			p.RequestPath = to.Ptr(w.probePath)
		}
	}
	return &armnetwork.Probe{Name: to.Ptr(name), Properties: p}
}

// takeAway removes the Service's rules and probes, then the frontends of its own
// that nobody else uses. It reports whether anything was there.
func (w wish) takeAway(p *armnetwork.LoadBalancerPropertiesFormat, keep string) bool {
	before := len(p.LoadBalancingRules) + len(p.Probes) + len(p.FrontendIPConfigurations)
	p.LoadBalancingRules = slices.DeleteFunc(p.LoadBalancingRules, func(r *armnetwork.LoadBalancingRule) bool { return w.owns(r.Name) })
	p.Probes = slices.DeleteFunc(p.Probes, func(r *armnetwork.Probe) bool { return w.owns(r.Name) })
	p.FrontendIPConfigurations = slices.DeleteFunc(p.FrontendIPConfigurations, func(f *armnetwork.FrontendIPConfiguration) bool {
		return w.owns(f.Name) && !strings.EqualFold(*f.Name, keep) && !used(p, f)
	})
	return before != len(p.LoadBalancingRules)+len(p.Probes)+len(p.FrontendIPConfigurations)
}

// used reports whether a rule leads from the frontend.
func used(p *armnetwork.LoadBalancerPropertiesFormat, f *armnetwork.FrontendIPConfiguration) bool {
	same := func(r *armnetwork.SubResource) bool {
		return r != nil && r.ID != nil && f.ID != nil && strings.EqualFold(*r.ID, *f.ID)
	}
	return slices.ContainsFunc(p.LoadBalancingRules, func(r *armnetwork.LoadBalancingRule) bool {
		return r.Properties != nil && same(r.Properties.FrontendIPConfiguration)
	}) || slices.ContainsFunc(p.OutboundRules, func(r *armnetwork.OutboundRule) bool {
		return r.Properties != nil && slices.ContainsFunc(r.Properties.FrontendIPConfigurations, same)
	})
}

// sameRules reports whether the load balancer has these rules and probes, as far as
// we set them.
func (w wish) sameRules(p *armnetwork.LoadBalancerPropertiesFormat, rules []*armnetwork.LoadBalancingRule, probes []*armnetwork.Probe) bool {
	var hasRules []*armnetwork.LoadBalancingRule
	for _, r := range p.LoadBalancingRules {
		if w.owns(r.Name) {
			hasRules = append(hasRules, r)
		}
	}
	var hasProbes []*armnetwork.Probe
	for _, r := range p.Probes {
		if w.owns(r.Name) {
			hasProbes = append(hasProbes, r)
		}
	}
	return same(hasRules, rules, describeRule) && same(hasProbes, probes, describeProbe)
}

func same[T any](has, wants []T, describe func(T) string) bool {
	lines := func(all []T) []string {
		var out []string
		for _, one := range all {
			out = append(out, strings.ToLower(describe(one)))
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(lines(has), lines(wants))
}

func describeRule(r *armnetwork.LoadBalancingRule) string {
	p := r.Properties
	return fmt.Sprint(text(r.Name), text(p.Protocol), text(p.FrontendPort), text(p.BackendPort), text(p.EnableFloatingIP), text(p.LoadDistribution), text(p.IdleTimeoutInMinutes),
		text(p.DisableOutboundSnat), text(p.EnableTCPReset), target(p.FrontendIPConfiguration), target(p.BackendAddressPool), target(p.Probe))
}

func describeProbe(r *armnetwork.Probe) string {
	p := r.Properties
	return fmt.Sprint(text(r.Name), text(p.Protocol), text(p.Port), text(p.IntervalInSeconds), text(p.NumberOfProbes), text(p.RequestPath))
}

func text[T any](v *T) string {
	if v == nil {
		return " -"
	}
	return fmt.Sprint(" ", *v)
}

func target(r *armnetwork.SubResource) string {
	if r == nil {
		return text[string](nil)
	}
	return text(r.ID)
}

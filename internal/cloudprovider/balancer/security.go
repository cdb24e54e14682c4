package balancer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v6"
)

// firstPriority is that of a cluster's first rule.
const (
	firstPriority = 500
	lastPriority  = 4096
)

// allow lets the Service's clients through the security group of the nodes.
func (b *Balancer) allow(ctx context.Context, w wish, address string) error {
	return b.changeRules(ctx, w, w.securityRules(address))
}

// forbid takes the Service's rules away.
func (b *Balancer) forbid(ctx context.Context, w wish) error {
	return b.changeRules(ctx, w, nil)
}

// securityRules are one a port and source. Inside a network everybody is let
// through anyway, unless the Service says who.
func (w wish) securityRules(address string) []*armnetwork.SecurityRule {
	if w.internal && slices.Equal(w.sources, []string{"Internet"}) {
		return nil
	}
	var rules []*armnetwork.SecurityRule
	for _, port := range w.service.Spec.Ports {
		protocol := armnetwork.SecurityRuleProtocolTCP
		if port.Protocol == "UDP" {
			protocol = armnetwork.SecurityRuleProtocolUDP
		}
		for _, source := range w.sources {
			rules = append(rules, &armnetwork.SecurityRule{
				Name: to.Ptr(w.ruleName(port) + "-" + strings.ReplaceAll(source, "/", "_")),
				Properties: &armnetwork.SecurityRulePropertiesFormat{
					Protocol: to.Ptr(protocol), Access: to.Ptr(armnetwork.SecurityRuleAccessAllow), Direction: to.Ptr(armnetwork.SecurityRuleDirectionInbound),
					SourceAddressPrefix: to.Ptr(source), SourcePortRange: to.Ptr("*"),
					DestinationAddressPrefix: to.Ptr(address), DestinationPortRange: to.Ptr(fmt.Sprint(port.Port)),
				},
			})
		}
	}
	return rules
}

// changeRules gives the security group these rules of the Service and no others.
func (b *Balancer) changeRules(ctx context.Context, w wish, rules []*armnetwork.SecurityRule) error {
	name := b.settings.SecurityGroupName
	if name == "" {
		return nil
	}
	got, err := b.groups.Get(ctx, b.settings.ResourceGroup, name, nil)
	if isNotFound(err) && len(rules) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading security group %s: %w", name, err)
	}
	group := got.SecurityGroup
	if group.Properties == nil {
		group.Properties = &armnetwork.SecurityGroupPropertiesFormat{}
	}
	var mine, others []*armnetwork.SecurityRule
	for _, r := range group.Properties.SecurityRules {
		if w.owns(r.Name) {
			mine = append(mine, r)
		} else {
			others = append(others, r)
		}
	}
	if same(mine, rules, describeSecurityRule) {
		return nil
	}
	for _, r := range rules {
		priority := freePriority(others)
		if priority > lastPriority {
			return fmt.Errorf("security group %s has no priority left for rule %s", name, *r.Name)
		}
		r.Properties.Priority = to.Ptr(priority)
		others = append(others, r)
	}
	group.Properties.SecurityRules = others
	poller, err := b.groups.BeginCreateOrUpdate(ifMatch(ctx, group.Etag), b.settings.ResourceGroup, name, group, nil)
	if err == nil {
		_, err = poller.PollUntilDone(ctx, poll())
	}
	if err != nil {
		return fmt.Errorf("writing security group %s: %w", name, err)
	}
	return nil
}

func describeSecurityRule(r *armnetwork.SecurityRule) string {
	p := r.Properties
	return fmt.Sprint(text(r.Name), text(p.Protocol), text(p.Access), text(p.Direction), text(p.SourceAddressPrefix), text(p.DestinationAddressPrefix), text(p.DestinationPortRange))
}

func freePriority(rules []*armnetwork.SecurityRule) int32 {
	taken := map[int32]bool{}
	for _, r := range rules {
		if r.Properties != nil && r.Properties.Priority != nil && r.Properties.Direction != nil && *r.Properties.Direction == armnetwork.SecurityRuleDirectionInbound {
			taken[*r.Properties.Priority] = true
		}
	}
	n := int32(firstPriority)
	for taken[n] {
		n++
	}
	return n
}

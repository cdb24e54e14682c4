package containerservice

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
)

// What AKS has in the node resource group for the network, beside the network itself: documents, as all load balancers
// and security groups of this cloud are. They go with the group.

const (
	loadBalancerName = "kubernetes"
	outboundPool     = "aksOutboundBackendPool"
	inboundPool      = "kubernetes"

	outboundLoadBalancer = "loadBalancer"
)

func (w *work) inNodeGroup(kind, name string) armid.ID {
	return w.nodeGroup().Extension("Microsoft.Network", kind, name)
}

// securityGroup is that of the nodes' interfaces.
func (w *work) securityGroup() armid.ID {
	return w.inNodeGroup("networkSecurityGroups", "aks-agentpool-"+w.state.Digits+"-nsg")
}

func (w *work) routeTable() armid.ID {
	return w.inNodeGroup("routeTables", "aks-agentpool-"+w.state.Digits+"-routetable")
}

// outboundIP is the public address of what nodes send to the Internet. Its name is a GUID, as on AKS.
func (w *work) outboundIP() armid.ID {
	return w.inNodeGroup("publicIPAddresses", derivedGUID(w.state.Key, "outbound"))
}

func (w *work) loadBalancer() armid.ID { return w.inNodeGroup("loadBalancers", loadBalancerName) }

func (w *work) balanced() bool { return w.is.NetworkProfile.OutboundType == outboundLoadBalancer }

// ensureNodeGroupContents makes them: they come before the scale sets, which name them.
func (p *Provider) ensureNodeGroupContents(ctx context.Context, w *work) error {
	type object = map[string]any
	standard := json.RawMessage(`{"name":"Standard","tier":"Regional"}`)
	wanted := []struct {
		id         armid.ID
		sku        json.RawMessage
		properties object
	}{{w.securityGroup(), nil, object{}}}
	add := func(id armid.ID, sku json.RawMessage, properties object) {
		wanted = append(wanted, struct {
			id         armid.ID
			sku        json.RawMessage
			properties object
		}{id, sku, properties})
	}
	if w.is.NetworkProfile.NetworkPlugin == pluginKubenet && !w.brought() {
		add(w.routeTable(), nil, object{})
	}
	if w.balanced() {
		ip := w.outboundIP()
		frontend := w.loadBalancer().Child("frontendIPConfigurations", ip.Name())
		add(ip, standard, object{"publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4", "idleTimeoutInMinutes": 30})
		add(w.loadBalancer(), standard, object{
			"frontendIPConfigurations": []object{{"name": ip.Name(), "properties": object{"publicIPAddress": object{"id": ip.String()}}}},
			"backendAddressPools":      []object{{"name": outboundPool}, {"name": inboundPool}},
			"outboundRules": []object{{"name": "aksOutboundRule", "properties": object{
				"protocol": "All", "enableTcpReset": true, "idleTimeoutInMinutes": 30,
				"backendAddressPool":       object{"id": w.loadBalancer().Child("backendAddressPools", outboundPool).String()},
				"frontendIPConfigurations": []object{{"id": frontend.String()}},
			}}},
		})
	}
	for _, one := range wanted {
		properties, err := json.Marshal(one.properties)
		if err != nil {
			return fmt.Errorf("writing %s: %w", one.id, err)
		}
		if _, err := p.Addresses.Ensure(ctx, w.service(), &resource.Resource{
			ID: one.id, Location: w.cluster.Location, Tags: w.cluster.Tags, SKU: one.sku, Properties: properties,
		}); err != nil {
			return err
		}
	}
	return nil
}

// nodeInterface is what a scale set says of its instances' interfaces.
func (w *work) nodeInterface(pool pool) map[string]any {
	type object = map[string]any
	address := object{"primary": true, "subnet": object{"id": w.subnet(pool).String()}, "privateIPAddressVersion": "IPv4"}
	if w.balanced() {
		address["loadBalancerBackendAddressPools"] = []object{
			{"id": w.loadBalancer().Child("backendAddressPools", outboundPool).String()},
			{"id": w.loadBalancer().Child("backendAddressPools", inboundPool).String()},
		}
	}
	return object{
		"primary": true, "enableIPForwarding": true,
		"networkSecurityGroup": object{"id": w.securityGroup().String()},
		"ipConfigurations":     []object{{"name": "ipconfig1", "properties": address}},
	}
}

// showLoadBalancer says where the cluster's traffic comes from.
func (w *work) showLoadBalancer(d document) {
	if !w.balanced() {
		return
	}
	profile := d.section("networkProfile").section("loadBalancerProfile")
	if len(profile) == 0 {
		profile["managedOutboundIPs"] = document{"count": 1}
	}
	profile.fill("backendPoolType", "nodeIPConfiguration")
	profile["effectiveOutboundIPs"] = []any{document{"id": w.outboundIP().String()}}
}

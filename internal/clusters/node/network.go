package node

// cniFile is the only network configuration of a node. What is in it decides; its name stays the same.
const cniFile = "/etc/cni/net.d/10-azure.conflist"

// bridge is what kubenet calls its bridge.
const bridge = "cbr0"

// cniConfig gives pods addresses of the node's share: with azure and its
// overlay by routed interfaces, one a pod, with kubenet on a bridge. The share's
// first address is the node's as their gateway; with the last one, that makes
// three addresses that no pod has.
func (n *Node) cniConfig() object {
	name, plugin := "azure", object{"type": "ptp", "ipMasq": false}
	if n.settings.Bridge {
		// As kubenet has it: the bridge is promiscuous, so that a pod reaches itself by its service; who is masqueraded
		// is decided elsewhere; nobody checks what a pod sends.
		name, plugin = "kubenet", object{"type": "bridge", "bridge": bridge, "isGateway": true, "promiscMode": true, "ipMasq": false}
	}
	plugin["ipam"] = object{
		"type": "host-local",
		// Below /run: no pod outlives a restart of the node.
		"dataDir": "/run/cni/ipam",
		"ranges":  [][]object{{{"subnet": n.settings.PodAddresses.Masked().String()}}},
		"routes":  []object{{"dst": "0.0.0.0/0"}},
	}
	return object{
		"cniVersion": "1.0.0",
		"name":       name,
		"plugins": []object{
			plugin,
			{"type": "portmap", "backend": "nftables", "capabilities": object{"portMappings": true}},
		},
	}
}

// localPods tells kube-proxy which traffic is its own node's pods'.
func (n *Node) localPods() object {
	if n.settings.Bridge {
		return object{"detectLocalMode": "BridgeInterface", "detectLocal": object{"bridgeInterface": bridge}}
	}
	return object{"detectLocalMode": "InterfaceNamePrefix", "detectLocal": object{"interfaceNamePrefix": "veth"}}
}

package groups

// createArguments are those of aks create.
func createArguments() []argument {
	return append([]argument{
		inGroup(), clusterName(), location(), tags(),
		arg("--kubernetes-version -k", "Version of Kubernetes.").Completes("version"),
		arg("--dns-name-prefix -p", "Begin of the API server's name."),
		arg("--fqdn-subdomain", "Begin of a private cluster's name."),
		arg("--node-resource-group", "Resource group of the nodes."),
		arg("--ssh-key-value", "Public key, or the file with it.").Or("~/.ssh/id_rsa.pub"),
		flag("--generate-ssh-keys", "Make the key pair when there is none."),
		flag("--no-ssh-key -x", "No key for the nodes."),
		arg("--admin-username -u", "User on the nodes.").Or("azureuser"),
		flag("--disable-rbac", "No Kubernetes RBAC."),
		flag("--disable-local-accounts", "No cluster administrator account."),
		arg("--network-plugin", "Network plugin.").Choices("kubenet", "azure", "none"),
		arg("--network-policy", "Network policy."),
		arg("--pod-cidr", "Addresses of pods, for kubenet."),
		arg("--service-cidr", "Addresses of Services."),
		arg("--dns-service-ip", "Address of the DNS Service."),
		arg("--docker-bridge-address", "Address of the container bridge."),
		arg("--load-balancer-sku", "SKU of the load balancer.").Choices("basic", "standard"),
		arg("--outbound-type", "How nodes reach the internet.").Choices("loadBalancer", "userDefinedRouting", "managedNATGateway", "userAssignedNATGateway"),
		arg("--service-principal", "Application ID of the cluster's service principal."),
		arg("--client-secret", "Its secret.").Hidden(),
		flag("--skip-subnet-role-assignment", "Don't grant Network Contributor on the subnet."),
		flag("--uptime-sla", "With uptime SLA."),
		arg("--nodepool-name", "Name of the first node pool.").Or("nodepool1"),
		arg("--vnet-subnet-id", "Subnet of the nodes."),
		arg("--pod-subnet-id", "Subnet of the pods."),
		arg("--node-count -c", "Number of nodes.").Or("3"),
		arg("--node-vm-size -s", "Size of the nodes."),
		arg("--node-osdisk-size", "Size of the nodes' disks in GB.").Or("0"),
		arg("--node-osdisk-type", "Kind of the nodes' disks.").Choices("Managed", "Ephemeral"),
		arg("--os-sku", "Operating system of the nodes.").Choices("Ubuntu", "CBLMariner", "Mariner", "Windows2019", "Windows2022"),
		arg("--max-pods -m", "Pods a node.").Or("0"),
		arg("--vm-set-type", "VirtualMachineScaleSets or AvailabilitySet."),
		list("--zones -z", "Availability zones.").Choices("1", "2", "3"),
		list("--nodepool-tags", "Tags of the first node pool.").Of(grammarAny),
		list("--nodepool-labels", "Labels of its nodes.").Of(grammarAny),
		flag("--enable-cluster-autoscaler", "Let the number of nodes follow the load."),
		arg("--min-count", "Least number of nodes."), arg("--max-count", "Greatest number of nodes."),
		flag("--enable-node-public-ip", "Public addresses for nodes."),
		arg("--enable-addons -a", "Add-ons, separated by commas."),
		arg("--workspace-resource-id", "Log Analytics workspace of the monitoring add-on."),
		arg("--aci-subnet-name", "Subnet of the virtual-node add-on."),
		flag("--enable-secret-rotation", "For the Key Vault add-on."), arg("--rotation-poll-interval", "For the Key Vault add-on."),
		flag("--enable-private-cluster", "An API server without a public address."),
		arg("--private-dns-zone", "Private DNS zone of a private cluster."),
		flag("--disable-public-fqdn", "No public name for a private cluster."),
	}, bothArguments()...)
}

// updateArguments are those of aks update.
func updateArguments() []argument {
	return append([]argument{
		inGroup(), clusterName(), tags(),
		flag("--disable-local-accounts", "No cluster administrator account."), flag("--enable-local-accounts", "A cluster administrator account."),
		arg("--detach-acr", "Name or ID of a registry that the nodes may pull from no longer."),
		flag("--disable-azure-rbac", "No Azure RBAC in the cluster."),
		flag("--disable-pod-identity", "Take pod identity away."),
		flag("--disable-workload-identity", "Take workload identity away."),
		flag("--enable-cluster-autoscaler -e", "Let the number of nodes follow the load."),
		flag("--disable-cluster-autoscaler -d", "Keep the number of nodes."),
		flag("--update-cluster-autoscaler -u", "Change the limits."),
		arg("--min-count", "Least number of nodes."), arg("--max-count", "Greatest number of nodes."),
		list("--nodepool-labels", "Labels of all nodes.").Of(grammarAny),
		flag("--uptime-sla", "With uptime SLA."), flag("--no-uptime-sla", "Without uptime SLA."),
		flag("--enable-secret-rotation", "For the Key Vault add-on."), flag("--disable-secret-rotation", "For the Key Vault add-on."),
		arg("--rotation-poll-interval", "For the Key Vault add-on."),
	}, bothArguments()...)
}

// bothArguments are those that aks create and aks update share.
func bothArguments() []argument {
	return []argument{
		flag("--enable-managed-identity", "A managed identity for the control plane."),
		arg("--assign-identity", "ID of a user-assigned identity for the control plane.").Completes("identity-id"),
		arg("--assign-kubelet-identity", "ID of a user-assigned identity for the kubelets.").Completes("identity-id"),
		arg("--attach-acr", "Name or ID of a registry that the nodes may pull from.").Completes("acr"),
		flag("--enable-pod-identity", "Pod identity."),
		flag("--enable-pod-identity-with-kubenet", "Pod identity although kubenet can't keep pods from forging addresses."),
		flag("--enable-oidc-issuer", "An issuer for service account tokens."),
		flag("--enable-workload-identity", "Workload identity."),
		flag("--enable-aad", "Sign-in with Entra."), arg("--aad-tenant-id", "Its tenant."),
		arg("--aad-admin-group-object-ids", "Groups of administrators, separated by commas."),
		flag("--enable-azure-rbac", "Azure RBAC in the cluster."),
		arg("--auto-upgrade-channel", "Channel of automatic upgrades.").Choices("rapid", "stable", "patch", "node-image", "none"),
		arg("--api-server-authorized-ip-ranges", "Addresses that may reach the API server, separated by commas."),
		arg("--aks-custom-headers", "Further headers, name=value separated by commas."),
		flag("--yes -y", "Don't ask for confirmation."),
	}
}

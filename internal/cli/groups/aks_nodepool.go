package groups

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

func poolKind() kind {
	return kind{version: clusterVersion, service: "containerservice", model: "AgentPool",
		path: func(client *azure.Client, c *command.Call) string {
			return client.Group(c.Get("resource-group"), "providers", clusterProvider, azure.Word(c.Get("cluster-name")), "agentPools", azure.Word(c.Get("nodepool-name")))
		}}
}

func nodepoolGroup() command.Table {
	k := poolKind()
	cluster := arg("--cluster-name", "Name of the cluster.").Required().Completes("cluster")
	name := arg("--nodepool-name --name -n", "Name of the node pool.").Required().Completes("nodepool")
	one := []argument{inGroup(), cluster, name}
	with := func(more ...argument) []argument { return append(append([]argument{}, one...), more...) }
	table := columns("Name", "name", "OsType", "osType", "KubernetesVersion", "orchestratorVersion", "VmSize", "vmSize", "OsDiskSizeGB", "osDiskSizeGB",
		"Count", "count", "MaxPods", "maxPods", "ProvisioningState", "provisioningState", "Mode", "mode")
	return command.Table{
		Groups: []command.Group{{Path: "aks nodepool", Summary: "Node pools of a cluster."}},
		Commands: []*command.Command{
			{Path: "aks nodepool show", Summary: "Show a node pool.", Arguments: one, Table: table, Run: k.show},
			{
				Path: "aks nodepool list", Summary: "List the node pools of a cluster.", Arguments: []argument{inGroup(), cluster}, Table: table,
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					all, err := client.List(ctx, client.Group(c.Get("resource-group"), "providers", clusterProvider, azure.Word(c.Get("cluster-name")), "agentPools"), k.version)
					if err != nil {
						return nil, err
					}
					return k.shaped(all), nil
				},
			},
			{
				Path: "aks nodepool add", Summary: "Add a node pool.", NoWait: true, Run: addPool,
				Arguments: with(arg("--kubernetes-version -k", "Version of Kubernetes."), arg("--node-vm-size -s", "Size of the nodes."),
					arg("--os-type", "Linux or Windows."), arg("--os-sku", "Operating system.").Choices("Ubuntu", "CBLMariner", "Mariner", "Windows2019", "Windows2022"),
					arg("--vnet-subnet-id", "Subnet of the nodes."), arg("--pod-subnet-id", "Subnet of the pods."),
					flag("--enable-node-public-ip", "Public addresses."), flag("--enable-cluster-autoscaler -e", "Let the number of nodes follow the load."),
					arg("--min-count", "Least number of nodes."), arg("--max-count", "Greatest number of nodes."),
					arg("--node-count -c", "Number of nodes.").Or("3"), arg("--priority", "Regular or Spot.").Choices("Regular", "Spot").Or("Regular"),
					arg("--eviction-policy", "What becomes of evicted nodes.").Choices("Delete", "Deallocate").Or("Delete"),
					list("--labels", "Labels of the nodes.").Of(grammarAny), tags(), arg("--node-taints", "Taints, separated by commas."),
					arg("--node-osdisk-type", "Kind of disk.").Choices("Managed", "Ephemeral"), arg("--node-osdisk-size", "Size of disk in GB.").Or("0"),
					arg("--max-surge", "Further nodes during an upgrade."), arg("--mode", "System or User.").Choices("System", "User").Or("User"),
					arg("--scale-down-mode", "What becomes of nodes that are taken away.").Choices("Delete", "Deallocate").Or("Delete"),
					arg("--max-pods -m", "Pods a node.").Or("0"), list("--zones -z", "Availability zones.").Choices("1", "2", "3"), arg("--aks-custom-headers", "Further headers.")),
				Examples: []command.Example{{Title: "Add a pool.", Line: "lanyard aks nodepool add -g MyResourceGroup --cluster-name MyCluster -n pool2 --node-count 1"}},
			},
			{Path: "aks nodepool delete", Summary: "Delete a node pool.", Arguments: one, NoWait: true, Run: k.remove},
			{
				Path: "aks nodepool scale", Summary: "Change the number of nodes.", NoWait: true, Arguments: with(arg("--node-count -c", "Number of nodes.").Or("3")),
				Run: changePool(func(c *command.Call, p *value.Object) error {
					if p.Bool("enableAutoScaling") {
						return command.Usage("Cannot scale cluster autoscaler enabled node pool.")
					}
					return setNumbers(c, p, "node-count", "count")
				}),
			},
			{
				Path: "aks nodepool update", Summary: "Change a node pool.", NoWait: true, Run: changePool(editPool),
				Arguments: with(flag("--enable-cluster-autoscaler -e", "Let the number of nodes follow the load."), flag("--disable-cluster-autoscaler -d", "Keep the number of nodes."),
					flag("--update-cluster-autoscaler -u", "Change the limits."), arg("--min-count", "Least number of nodes."), arg("--max-count", "Greatest number of nodes."),
					list("--labels", "Labels of the nodes.").Of(grammarAny), tags(), arg("--node-taints", "Taints, separated by commas."), arg("--max-surge", "Further nodes during an upgrade."),
					arg("--mode", "System or User.").Choices("System", "User"), arg("--scale-down-mode", "What becomes of nodes that are taken away.").Choices("Delete", "Deallocate"), arg("--aks-custom-headers", "Further headers.")),
			},
			{Path: "aks nodepool start", Summary: "Start a node pool.", Arguments: one, NoWait: true, Run: changePool(power("Running"))},
			{Path: "aks nodepool stop", Summary: "Stop a node pool.", Arguments: one, NoWait: true, Run: changePool(power("Stopped"))},
			{Path: "aks nodepool wait", Summary: "Wait until a condition of a node pool holds.", Arguments: with(waitArguments()...), Run: k.wait},
			{
				Path: "aks nodepool get-upgrades", Summary: "List the versions that a node pool can be upgraded to.", Arguments: one,
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					o, err := client.Get(ctx, k.path(client, c)+"/upgradeProfiles/default", clusterVersion)
					if err != nil {
						return nil, err
					}
					return kind{service: k.service, model: "AgentPoolUpgradeProfile"}.shaped(o), nil
				},
			},
			{
				Path: "aks nodepool upgrade", Summary: "Upgrade a node pool.", NoWait: true, Run: upgradePool,
				Arguments: with(arg("--kubernetes-version -k", "Version to upgrade to."), flag("--node-image-only", "Only a new node image."),
					arg("--max-surge", "Further nodes during the upgrade."), flag("--yes -y", "Don't ask for confirmation.")),
			},
		},
	}
}

func addPool(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	k := poolKind()
	pools, err := client.List(ctx, client.Group(c.Get("resource-group"), "providers", clusterProvider, azure.Word(c.Get("cluster-name")), "agentPools"), k.version)
	if err != nil {
		return nil, err
	}
	for _, v := range pools {
		if o, ok := v.(*value.Object); ok && o.String("name") == c.Get("nodepool-name") {
			return nil, command.Usage("Node pool %s already exists, please try a different name, use 'aks nodepool list' to get current list of node pool", c.Get("nodepool-name"))
		}
	}
	system, size := c.Get("os-type"), c.Get("node-vm-size")
	if system == "" {
		system = "Linux"
	}
	if size == "" {
		size = map[bool]string{true: "Standard_D2s_v3", false: "Standard_DS2_v2"}[system == "Windows"]
	}
	p := value.NewObject("vmSize", size)
	if err := setNumbers(c, p, "node-count", "count", "node-osdisk-size", "osDiskSizeGB"); err != nil {
		return nil, err
	}
	p.Set("osType", system).Set("enableAutoScaling", c.On("enable-cluster-autoscaler")).Set("scaleDownMode", c.Get("scale-down-mode")).
		Set("type", "VirtualMachineScaleSets").Set("mode", c.Get("mode")).Set("orchestratorVersion", c.Get("kubernetes-version")).
		Set("upgradeSettings", value.NewObject()).Set("enableNodePublicIP", c.On("enable-node-public-ip")).Set("scaleSetPriority", c.Get("priority")).
		Set("enableEncryptionAtHost", false).Set("enableUltraSSD", false).Set("enableFIPS", false)
	p.Set("nodeTaints", taints(c.Get("node-taints")))
	if c.Get("priority") == "Spot" {
		p.Set("scaleSetEvictionPolicy", c.Get("eviction-policy")).Set("spotMaxPrice", json.Number("-1.0"))
	}
	if c.Given("labels") {
		p.Set("nodeLabels", pairs(c.List("labels")))
	}
	if surge := c.Get("max-surge"); surge != "" {
		p.Set("upgradeSettings", value.NewObject("maxSurge", surge))
	}
	withTags(c, p)
	if err := setPool(c, p); err != nil {
		return nil, err
	}
	return k.put(ctx, c, client, value.NewObject("properties", p))
}

// changePool returns a command that reads a pool, edits it and sends it back.
func changePool(edit func(*command.Call, *value.Object) error) func(context.Context, *command.Call) (any, error) {
	return func(ctx context.Context, c *command.Call) (any, error) {
		client, err := c.Client()
		if err != nil {
			return nil, err
		}
		k := poolKind()
		o, err := client.Get(ctx, k.path(client, c), k.version)
		if err != nil {
			return nil, err
		}
		p := o.Ensure("properties")
		if err := edit(c, p); err != nil {
			return nil, err
		}
		for _, key := range []string{"provisioningState", "currentOrchestratorVersion", "nodeImageVersion"} {
			p.Delete(key)
		}
		return k.put(ctx, c, client, value.NewObject("properties", p))
	}
}

func editPool(c *command.Call, p *value.Object) error {
	changed := false
	for _, key := range []string{"enable-cluster-autoscaler", "disable-cluster-autoscaler", "update-cluster-autoscaler", "labels", "tags", "node-taints", "max-surge", "mode", "scale-down-mode"} {
		changed = changed || c.Given(key)
	}
	if !changed {
		return command.Usage("Please specify one or more of \"--enable-cluster-autoscaler\" or \"--disable-cluster-autoscaler\" or \"--update-cluster-autoscaler\" or \"--scale-down-mode\" or \"--tags\" or \"--mode\" or \"--max-surge\" or \"--labels\" or \"--node-taints\".")
	}
	if c.On("enable-cluster-autoscaler") || c.On("disable-cluster-autoscaler") || c.On("update-cluster-autoscaler") {
		if err := autoscale(c, p); err != nil {
			return err
		}
	}
	if c.Given("labels") {
		p.Set("nodeLabels", pairs(c.List("labels")))
	}
	if c.Given("node-taints") {
		p.Set("nodeTaints", taints(c.Get("node-taints")))
	}
	if surge := c.Get("max-surge"); surge != "" {
		p.Ensure("upgradeSettings").Set("maxSurge", surge)
	}
	for option, field := range map[string]string{"mode": "mode", "scale-down-mode": "scaleDownMode"} {
		if v := c.Get(option); v != "" {
			p.Set(field, v)
		}
	}
	withTags(c, p)
	return nil
}

func power(code string) func(*command.Call, *value.Object) error {
	return func(_ *command.Call, p *value.Object) error {
		p.Set("powerState", value.NewObject("code", code))
		return nil
	}
}

func upgradePool(ctx context.Context, c *command.Call) (any, error) {
	version := c.Get("kubernetes-version")
	if version != "" && c.On("node-image-only") {
		return nil, command.Usage("Conflicting flags. Upgrading the Kubernetes version will also upgrade node image version. If you only want to upgrade the node version please use the \"--node-image-only\" option only.")
	}
	if c.On("node-image-only") {
		client, err := c.Client()
		if err != nil {
			return nil, err
		}
		k := poolKind()
		v, err := finish(ctx, c, client, http.MethodPost, k.path(client, c)+"/upgradeNodeImageVersion", k.version, nil)
		if err != nil || v == nil {
			return nil, err
		}
		return k.shaped(v), nil
	}
	return changePool(func(c *command.Call, p *value.Object) error {
		if version == "" || version == p.String("orchestratorVersion") {
			if err := c.Confirm("The new kubernetes version is the same as the current kubernetes version. This will upgrade the node pool, and may take a while. Do you wish to continue?"); err != nil {
				return err
			}
		}
		p.Set("orchestratorVersion", version)
		if surge := c.Get("max-surge"); surge != "" {
			p.Ensure("upgradeSettings").Set("maxSurge", surge)
		}
		return nil
	})(ctx, c)
}

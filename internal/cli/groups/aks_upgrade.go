package groups

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// upgradeCluster asks what az asks, and sends the cluster with its new version.
func upgradeCluster(ctx context.Context, c *command.Call) (any, error) {
	if err := c.Confirm("Kubernetes may be unavailable during cluster upgrades.\n Are you sure you want to perform this operation?"); err != nil {
		return nil, nil //nolint:nilerr // az ends quietly
	}
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	cluster, err := getCluster(ctx, client, c)
	if err != nil {
		return nil, err
	}
	version, properties := c.Get("kubernetes-version"), cluster.Ensure("properties")
	if version != "" && c.On("node-image-only") {
		return nil, command.Usage("Conflicting flags. Upgrading the Kubernetes version will also upgrade node image version. If you only want to upgrade the node version please use the \"--node-image-only\" option only.")
	}
	if c.On("node-image-only") {
		return upgradeImages(ctx, c, client, properties)
	}
	if current := properties.String("kubernetesVersion"); version == "" || version == current {
		switch properties.String("provisioningState") {
		case "Succeeded":
			c.Warn("The cluster is already on version %s and is not in a failed state. No operations will occur when upgrading to the same version if the cluster is not in a failed state.", current)
		case "Failed":
			c.Warn("Cluster currently in failed state. Proceeding with upgrade to existing version %s to attempt resolution of failed cluster state.", current)
		}
	}
	question := "Since control-plane-only argument is not specified, this will upgrade the control plane AND all nodepools to version " + version + ". Continue?"
	if c.On("control-plane-only") {
		question = "Since control-plane-only argument is specified, this will upgrade only the control plane to " + version + ". Node pool will not change. Continue?"
	}
	if err := c.Confirm(question); err != nil {
		return nil, nil //nolint:nilerr // az ends quietly
	}
	properties.Set("kubernetesVersion", version)
	if !c.On("control-plane-only") {
		for _, v := range properties.List("agentPoolProfiles") {
			if pool, ok := v.(*value.Object); ok {
				pool.Set("orchestratorVersion", version)
			}
		}
	}
	properties.Delete("servicePrincipalProfile")
	return putCluster(ctx, c, client, cluster)
}

func upgradeImages(ctx context.Context, c *command.Call, client *azure.Client, properties *value.Object) (any, error) {
	if err := c.Confirm("This node image upgrade operation will run across every node pool in the clusterand might take a while, do you wish to continue?"); err != nil {
		return nil, nil //nolint:nilerr // az ends quietly
	}
	k := clusterKind()
	for _, v := range properties.List("agentPoolProfiles") {
		pool, _ := v.(*value.Object)
		if _, err := client.Begin(ctx, http.MethodPost, k.path(client, c)+"/agentPools/"+pool.String("name")+"/upgradeNodeImageVersion", k.version, nil); err != nil {
			return nil, err
		}
	}
	shown, err := k.show(ctx, c)
	if err != nil {
		return nil, err
	}
	return dropNulls(shown), nil
}

// upgradesTable is one row: where the cluster is, and where it can go.
func upgradesTable(v any) any {
	o, _ := v.(*value.Object)
	plane := o.Object("controlPlaneProfile")
	var versions []string
	for _, u := range plane.List("upgrades") {
		if u, ok := u.(*value.Object); ok {
			version := u.String("kubernetesVersion")
			if u.Bool("isPreview") {
				version += "(preview)"
			}
			versions = append(versions, version)
		}
	}
	if len(versions) == 0 {
		versions = []string{"None available"}
	}
	return value.NewObject("Name", o.String("name"), "ResourceGroup", o.String("resourceGroup"), "MasterVersion", plane.String("kubernetesVersion"), "Upgrades", strings.Join(versions, ", "))
}

func getVersions(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	o, err := client.Get(ctx, client.Scope("providers/Microsoft.ContainerService/locations", place(c.Get("location")), "orchestrators")+"?resource-type=managedClusters", "2019-04-01")
	if err != nil {
		return nil, err
	}
	return value.NewObject("id", o.String("id"), "name", o.String("name"), "orchestrators", o.Object("properties").List("orchestrators"), "type", o.String("type")), nil
}

// versionsTable has a row for each version, the newest first as az has them.
func versionsTable(v any) any {
	o, _ := v.(*value.Object)
	var rows []any
	for _, listed := range slices.Backward(o.List("orchestrators")) {
		version, ok := listed.(*value.Object)
		if !ok {
			continue
		}
		var upgrades []string
		for _, u := range version.List("upgrades") {
			if u, ok := u.(*value.Object); ok {
				upgrades = append(upgrades, u.String("orchestratorVersion"))
			}
		}
		if len(upgrades) == 0 {
			upgrades = []string{"None available"}
		}
		rows = append(rows, value.NewObject("KubernetesVersion", version.String("orchestratorVersion"), "Upgrades", strings.Join(upgrades, ", ")))
	}
	return rows
}

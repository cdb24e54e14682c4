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

// updateCluster reads the cluster, changes what the command line says, and sends the
// whole back, as az does.
func updateCluster(ctx context.Context, c *command.Call) (any, error) {
	if err := checkIDs(c, "assign-identity", "assign-kubelet-identity"); err != nil {
		return nil, err
	}
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	if err := reconcileQuestion(c); err != nil {
		return nil, err
	}
	cluster, err := getCluster(ctx, client, c)
	if err != nil {
		return nil, err
	}
	if err := updateIdentity(ctx, c, client, cluster); err != nil {
		return nil, err
	}
	if registry := c.Get("attach-acr"); registry != "" {
		if err := attachACR(ctx, c, client, cluster, registry, false); err != nil {
			return nil, err
		}
	}
	if registry := c.Get("detach-acr"); registry != "" {
		if err := attachACR(ctx, c, client, cluster, registry, true); err != nil {
			return nil, err
		}
	}
	properties := cluster.Ensure("properties")
	if err := checkPodIdentity(c, properties.String("networkProfile", "networkPlugin")); err != nil {
		return nil, err
	}
	if c.On("enable-pod-identity") && identityOf(cluster) == "" && !c.On("enable-managed-identity") {
		return nil, command.Usage("--enable-pod-identity can only be specified when --enable-managed-identity is specified")
	}
	setPodIdentity(c, properties)
	setProfiles(c, properties)
	if err := updateProfiles(c, properties); err != nil {
		return nil, err
	}
	if c.On("uptime-sla") || c.On("no-uptime-sla") {
		cluster.Set("sku", value.NewObject("name", "Basic", "tier", map[bool]string{true: "Paid", false: "Free"}[c.On("uptime-sla")]))
	}
	withTags(c, cluster)
	return putCluster(ctx, c, client, cluster)
}

// reconcileQuestion asks what az asks when nothing is to be changed.
func reconcileQuestion(c *command.Call) error {
	for _, a := range updateArguments() {
		if key := a.Key(); c.Given(key) && !slices.Contains([]string{"resource-group", "name", "yes"}, key) {
			return nil
		}
	}
	return c.Confirm("Would you like to reconcile to its current settings?")
}

// updateIdentity changes the identities of a cluster, after the questions that az asks.
func updateIdentity(ctx context.Context, c *command.Call, client *azure.Client, cluster *value.Object) error {
	kind := cluster.String("identity", "type")
	if c.Given("assign-identity") && !c.On("enable-managed-identity") {
		return command.Usage("--assign-identity can only be specified when --enable-managed-identity is specified")
	}
	if c.Given("assign-kubelet-identity") && !c.Given("assign-identity") && !strings.EqualFold(kind, "UserAssigned") {
		return command.Usage("--assign-identity is not provided and the cluster identity type is not user assigned, cannot update kubelet identity")
	}
	if c.On("enable-managed-identity") {
		goal := "SystemAssigned"
		if c.Given("assign-identity") {
			goal = "UserAssigned"
		}
		if err := identityQuestion(c, cluster, kind, goal); err != nil {
			return err
		}
	}
	if id := c.Get("assign-kubelet-identity"); id != "" {
		if err := c.Confirm("You're going to update kubelet identity to " + id + ", which will upgrade every node pool in the cluster and might take a while, do you wish to continue?"); err != nil {
			return err
		}
	}
	ids, err := clusterIdentities(ctx, client, c)
	if err != nil {
		return err
	}
	if ids.kubelet != nil && ids.cluster == nil {
		if _, err := allowAssign(ctx, c, client, identityOf(cluster), ids.kubelet.id); err != nil {
			return err
		}
	}
	if c.On("enable-managed-identity") {
		cluster.Set("identity", ids.controlPlane())
		cluster.Ensure("properties").Set("servicePrincipalProfile", value.NewObject("clientId", "msi"))
	}
	if ids.kubelet != nil {
		cluster.Ensure("properties").Ensure("identityProfile").Set("kubeletidentity", value.NewObject("resourceId", ids.kubelet.id))
	}
	return nil
}

func identityQuestion(c *command.Call, cluster *value.Object, kind, goal string) error {
	if client := cluster.String("properties", "servicePrincipalProfile", "clientId"); client != "" && client != "msi" {
		return c.Confirm("Your cluster is using service principal, and you are going to update the cluster to use " + strings.ToLower(goal) +
			" managed identity.\nAfter updating, your cluster's control plane and addon pods will switch to use managed identity, but kubelet will KEEP USING SERVICE PRINCIPAL until you upgrade your agentpool.\nAre you sure you want to perform this operation?")
	}
	if strings.EqualFold(kind, goal) {
		return nil
	}
	return c.Confirm("Your cluster is already using " + strings.ToLower(kind) + " managed identity, and you are going to update the cluster to use " + strings.ToLower(goal) + " managed identity. \nAre you sure you want to perform this operation?")
}

// updateProfiles changes what only an update changes.
func updateProfiles(c *command.Call, properties *value.Object) error {
	if c.On("disable-local-accounts") || c.On("enable-local-accounts") {
		properties.Set("disableLocalAccounts", c.On("disable-local-accounts"))
	}
	if c.On("disable-azure-rbac") {
		properties.Ensure("aadProfile").Set("enableAzureRBAC", false)
	}
	if c.On("disable-workload-identity") {
		properties.Ensure("securityProfile").Set("workloadIdentity", value.NewObject("enabled", false))
	}
	if c.On("enable-secret-rotation") || c.On("disable-secret-rotation") || c.Given("rotation-poll-interval") {
		config := properties.Object("addonProfiles", "azureKeyvaultSecretsProvider", "config")
		if config == nil {
			return command.Usage("Addon azure-keyvault-secrets-provider is not enabled. Please use command 'az aks enable-addons' to enable it.")
		}
		if !c.Given("rotation-poll-interval") || c.On("enable-secret-rotation") || c.On("disable-secret-rotation") {
			config.Set("enableSecretRotation", map[bool]string{true: "true", false: "false"}[c.On("enable-secret-rotation")])
		}
		if every := c.Get("rotation-poll-interval"); every != "" {
			config.Set("rotationPollInterval", every)
		}
	}
	pools := properties.List("agentPoolProfiles")
	if c.Given("nodepool-labels") {
		for _, pool := range pools {
			pool.(*value.Object).Set("nodeLabels", pairs(c.List("nodepool-labels")))
		}
	}
	if c.On("enable-cluster-autoscaler") || c.On("disable-cluster-autoscaler") || c.On("update-cluster-autoscaler") {
		if len(pools) != 1 {
			return command.Usage("There is more than one node pool in the cluster. Please use \"az aks nodepool\" command to update per node pool auto scaler settings")
		}
		return autoscale(c, pools[0].(*value.Object))
	}
	return nil
}

// autoscale turns the cluster autoscaler of a pool on, off, or changes its limits.
func autoscale(c *command.Call, pool *value.Object) error {
	if c.On("disable-cluster-autoscaler") {
		if !pool.Bool("enableAutoScaling") {
			c.Warn("Autoscaler is already disabled for this node pool.")
		}
		pool.Set("enableAutoScaling", false).Delete("minCount")
		pool.Delete("maxCount")
		return nil
	}
	if c.Get("min-count") == "" || c.Get("max-count") == "" {
		return command.Usage("Please specify both min-count and max-count when --enable-cluster-autoscaler or --update-cluster-autoscaler is set")
	}
	if c.On("enable-cluster-autoscaler") && pool.Bool("enableAutoScaling") {
		c.Warn("Cluster autoscaler is already enabled for this node pool.\nPlease run \"az aks --update-cluster-autoscaler\" if you want to update min-count or max-count.")
	}
	if c.On("update-cluster-autoscaler") && !pool.Bool("enableAutoScaling") {
		return command.Usage("Cluster autoscaler is not enabled for this node pool.\nRun \"az aks nodepool update --enable-cluster-autoscaler\" to enable cluster with min-count and max-count.")
	}
	pool.Set("enableAutoScaling", true)
	return setNumbers(c, pool, "min-count", "minCount", "max-count", "maxCount")
}

func scaleCluster(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	cluster, err := getCluster(ctx, client, c)
	if err != nil {
		return nil, err
	}
	pools := cluster.List("properties", "agentPoolProfiles")
	name := c.Get("nodepool-name")
	if len(pools) > 1 && name == "" {
		return nil, command.Usage("There are more than one node pool in the cluster. Please specify nodepool name or use az aks nodepool command to scale node pool")
	}
	for _, v := range pools {
		pool, _ := v.(*value.Object)
		if pool.String("name") != name && (name != "" || len(pools) > 1) {
			continue
		}
		if pool.Bool("enableAutoScaling") {
			return nil, command.Usage("Cannot scale cluster autoscaler enabled node pool.")
		}
		if err := setNumbers(c, pool, "node-count", "count"); err != nil {
			return nil, err
		}
		return putCluster(ctx, c, client, cluster)
	}
	return nil, command.Usage("The nodepool \"%s\" was not found.", name)
}

func updateCredentials(ctx context.Context, c *command.Call) (any, error) {
	if !c.On("reset-service-principal") {
		return nil, command.Usage("usage error: --reset-service-principal | --reset-aad-profile")
	}
	if c.Get("service-principal") == "" || c.Get("client-secret") == "" {
		return nil, command.Usage("usage error: --reset-service-principal --service-principal ID --client-secret SECRET")
	}
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	k := clusterKind()
	_, err = finish(ctx, c, client, http.MethodPost, k.path(client, c)+"/resetServicePrincipalProfile", k.version,
		value.NewObject("clientId", c.Get("service-principal"), "secret", c.Get("client-secret")))
	return nil, err
}

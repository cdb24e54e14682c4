package groups

import (
	"context"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const (
	clusterProvider = "Microsoft.ContainerService/managedClusters"
	clusterVersion  = "2022-11-01"
)

func clusterKind() kind {
	return kind{version: clusterVersion, service: "containerservice", model: "ManagedCluster", path: within(clusterProvider)}
}

func clusterName() argument { return named("cluster").Completes("cluster") }

func aksGroup() command.Table {
	k := clusterKind()
	table := columns("Name", "name", "Location", "location", "ResourceGroup", "resourceGroup", "KubernetesVersion", "kubernetesVersion",
		"CurrentKubernetesVersion", "currentKubernetesVersion", "ProvisioningState", "provisioningState", "Fqdn", "fqdn")
	one := []argument{inGroup(), clusterName()}
	return command.Join(command.Table{
		Groups: []command.Group{
			{Path: "aks", Summary: "Kubernetes clusters."},
			{Path: "aks oidc-issuer", Summary: "The issuer of a cluster's service account tokens."},
		},
		Commands: []*command.Command{
			{
				Path: "aks create", Summary: "Create a cluster.", Arguments: createArguments(), NoWait: true, Run: createCluster,
				Examples: []command.Example{
					{Title: "Create a cluster with a system-assigned identity.", Line: "lanyard aks create -g MyResourceGroup -n MyCluster --enable-managed-identity"},
					{Title: "Create a cluster with identities of your own.", Line: "lanyard aks create -g MyResourceGroup -n MyCluster --assign-identity CONTROL_PLANE_ID --assign-kubelet-identity KUBELET_ID"},
					{Title: "Create a cluster with pod identity.", Line: "lanyard aks create -g MyResourceGroup -n MyCluster --enable-pod-identity --network-plugin azure"},
				},
			},
			{
				Path: "aks update", Summary: "Change a cluster.", Arguments: updateArguments(), NoWait: true, Run: updateCluster,
				Examples: []command.Example{
					{Title: "Let the nodes pull from a registry.", Line: "lanyard aks update -g MyResourceGroup -n MyCluster --attach-acr MyRegistry"},
					{Title: "Change to identities of your own.", Line: "lanyard aks update -g MyResourceGroup -n MyCluster --enable-managed-identity --assign-identity CONTROL_PLANE_ID --assign-kubelet-identity KUBELET_ID"},
				},
			},
			{
				Path: "aks show", Summary: "Show a cluster.", Arguments: one, Table: table,
				Examples: []command.Example{{Title: "Show the identity of a cluster.", Line: `lanyard aks show -g MyResourceGroup -n MyCluster --query identity`}},
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					shown, err := k.show(ctx, c)
					if err != nil {
						return nil, err
					}
					return dropNulls(shown), nil
				},
			},
			{
				Path: "aks list", Summary: "List clusters.", Arguments: []argument{optionalGroup()}, Table: table,
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					all, err := k.listed(clusterProvider)(ctx, c)
					if err != nil {
						return nil, err
					}
					for _, v := range all.([]any) {
						dropNulls(v)
					}
					return all, nil
				},
			},
			{Path: "aks delete", Summary: "Delete a cluster with its node resource group.", Arguments: one, Confirm: command.Sure, NoWait: true, Run: k.remove},
			{Path: "aks wait", Summary: "Wait until a condition of a cluster holds.", Arguments: append([]argument{inGroup(), clusterName()}, waitArguments()...), Run: k.wait},
			{Path: "aks start", Summary: "Start a stopped cluster.", Arguments: one, NoWait: true, Run: k.act("start")},
			{Path: "aks stop", Summary: "Stop a cluster; its state is kept.", Arguments: one, NoWait: true, Run: k.act("stop")},
			{
				Path: "aks rotate-certs", Summary: "Replace all certificates of a cluster.", Arguments: one, NoWait: true, Run: k.act("rotateClusterCertificates"),
				Confirm: "Kubernetes will be unavailable during certificate rotation process.\nAre you sure you want to perform this operation?",
			},
			{
				Path: "aks oidc-issuer rotate-signing-keys", Summary: "Replace the key that signs service account tokens.", Arguments: one, NoWait: true,
				Confirm: "Be careful that rotate oidc issuer signing keys twice within short period will invalidate service accounts immediately. Please refer to doc for details.\nAre you sure you want to rotate oidc issuer signing keys?",
				Run:     k.act("rotateServiceAccountSigningKeys"),
			},
			{
				Path: "aks scale", Summary: "Change the number of nodes.", NoWait: true, Run: scaleCluster,
				Arguments: []argument{inGroup(), clusterName(), arg("--node-count -c", "Number of nodes.").Required(), arg("--nodepool-name", "Node pool, when there are several.")},
			},
			{
				Path: "aks update-credentials", Summary: "Give a cluster new service principal credentials.", NoWait: true, Run: updateCredentials,
				Arguments: []argument{
					inGroup(), clusterName(), flag("--reset-service-principal", "Replace the service principal."),
					arg("--service-principal", "Application ID."), arg("--client-secret", "Its secret.").Hidden(),
				},
			},
			{
				Path: "aks get-credentials", Summary: "Get a kubeconfig for a cluster, merged into yours.", Run: getCredentials,
				Arguments: []argument{
					inGroup(), clusterName(), flag("--admin -a", "Credentials of the cluster's administrator."),
					arg("--file -f", "kubeconfig to change; - prints instead.").Or("~/.kube/config"),
					flag("--overwrite-existing", "Replace entries of the same name."), arg("--context", "Name of the context."),
					flag("--public-fqdn", "The public address of a private cluster."), arg("--format", "azure or exec."),
				},
				Examples: []command.Example{{Title: "Use a cluster with kubectl.", Line: "lanyard aks get-credentials -g MyResourceGroup -n MyCluster"}},
			},
			{Path: "aks get-upgrades", Summary: "List the versions that a cluster can be upgraded to.", Arguments: one, Table: upgradesTable, Run: clusterPart("upgradeProfiles/default", "ManagedClusterUpgradeProfile")},
			{Path: "aks get-versions", Summary: "List the Kubernetes versions of a location.", Arguments: []argument{location().Required()}, Table: versionsTable, Run: getVersions},
			{
				Path: "aks upgrade", Summary: "Upgrade a cluster.", NoWait: true, Run: upgradeCluster,
				Arguments: []argument{
					inGroup(), clusterName(), arg("--kubernetes-version -k", "Version to upgrade to."), flag("--control-plane-only", "Leave the nodes as they are."),
					flag("--node-image-only", "Only new node images."), flag("--yes -y", "Don't ask for confirmation."),
				},
			},
			{
				Path: "aks check-acr", Summary: "Check that the nodes can pull from a registry.", Run: checkACR,
				Arguments: []argument{inGroup(), clusterName(), arg("--acr", "Login server of the registry.").Required(), arg("--node-name", "Node to check from.")},
			},
		},
	}, attachCommands(), nodepoolGroup(), addonCommands(), podIdentityGroup(), maintenanceGroup())
}

// act returns a command that posts an action to a resource and waits for it.
func (k kind) act(action string) func(context.Context, *command.Call) (any, error) {
	return func(ctx context.Context, c *command.Call) (any, error) {
		client, err := c.Client()
		if err != nil {
			return nil, err
		}
		_, err = finish(ctx, c, client, http.MethodPost, k.path(client, c)+"/"+action, k.version, nil)
		return nil, err
	}
}

// clusterPart returns a command that shows something below a cluster.
func clusterPart(part, model string) func(context.Context, *command.Call) (any, error) {
	return func(ctx context.Context, c *command.Call) (any, error) {
		client, err := c.Client()
		if err != nil {
			return nil, err
		}
		k := clusterKind()
		o, err := client.Get(ctx, k.path(client, c)+"/"+part, clusterVersion)
		if err != nil {
			return nil, err
		}
		return kind{service: k.service, model: model}.shaped(o), nil
	}
}

// dropNulls leaves out the nulls that az leaves out when it shows or lists clusters.
func dropNulls(v any) any {
	o, ok := v.(*value.Object)
	if !ok {
		return v
	}
	drop := func(o *value.Object, keys ...string) {
		for _, key := range keys {
			if o != nil && o.At(key) == nil {
				o.Delete(key)
			}
		}
	}
	drop(o, "tags")
	for _, pool := range o.List("agentPoolProfiles") {
		if pool, ok := pool.(*value.Object); ok {
			drop(pool, "osDiskSizeGb", "vnetSubnetId")
		}
	}
	drop(o.Object("servicePrincipalProfile"), "secret")
	return o
}

// getCluster reads the cluster of a call.
func getCluster(ctx context.Context, client *azure.Client, c *command.Call) (*value.Object, error) {
	name := c.Get("name")
	if cluster := c.Get("cluster-name"); cluster != "" {
		name = cluster
	}
	return client.Get(ctx, client.Group(c.Get("resource-group"), "providers", clusterProvider, name), clusterVersion)
}

// putCluster sends a cluster as it was read and changed. What only the service writes
// is left out, as az's models do.
func putCluster(ctx context.Context, c *command.Call, client *azure.Client, cluster *value.Object) (any, error) {
	for _, key := range []string{"systemData", "type", "name", "eTag"} {
		cluster.Delete(key)
	}
	properties := cluster.Ensure("properties")
	for _, key := range []string{"provisioningState", "powerState", "currentKubernetesVersion", "fqdn", "privateFQDN", "azurePortalFQDN", "maxAgentPools", "resourceUID"} {
		properties.Delete(key)
	}
	for _, pool := range properties.List("agentPoolProfiles") {
		if pool, ok := pool.(*value.Object); ok {
			for _, key := range []string{"provisioningState", "currentOrchestratorVersion", "nodeImageVersion", "eTag"} {
				pool.Delete(key)
			}
		}
	}
	id := cluster.String("id")
	cluster.Delete("id")
	v, err := finish(ctx, c, client, http.MethodPut, id, clusterVersion, cluster)
	if err != nil || v == nil {
		return nil, err
	}
	return clusterKind().shaped(v), nil
}

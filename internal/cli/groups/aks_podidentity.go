package groups

import (
	"context"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// roleSettles is how long az waits after it gave the cluster's identity a role, when
// the cloud is Azure. A private cloud says itself when the role counts.
const roleSettles = 30 * time.Second

// checkPodIdentity refuses what the aks-preview extension refuses.
func checkPodIdentity(c *command.Call, plugin string) error {
	if !c.On("enable-pod-identity") {
		if c.On("enable-pod-identity-with-kubenet") {
			return command.Usage("--enable-pod-identity-with-kubenet can only be specified when --enable-pod-identity is specified")
		}
		return nil
	}
	if c.On("disable-pod-identity") {
		return command.Usage("Cannot specify --enable-pod-identity and --disable-pod-identity at the same time")
	}
	if c.Given("service-principal") {
		return command.Usage("--enable-pod-identity can only be specified when --enable-managed-identity is specified")
	}
	if (plugin == "" || strings.EqualFold(plugin, "kubenet")) && !c.On("enable-pod-identity-with-kubenet") {
		return command.Usage("--enable-pod-identity-with-kubenet is required for enabling pod identity addon when using Kubenet network plugin")
	}
	return nil
}

// setPodIdentity turns pod identity of a cluster on or off.
func setPodIdentity(c *command.Call, properties *value.Object) {
	if c.On("disable-pod-identity") {
		properties.Set("podIdentityProfile", value.NewObject("enabled", false))
		return
	}
	if !c.On("enable-pod-identity") {
		return
	}
	profile := properties.Ensure("podIdentityProfile").Set("enabled", true)
	if c.On("enable-pod-identity-with-kubenet") {
		profile.Set("allowNetworkPluginKubenet", true)
	}
	for _, key := range []string{"userAssignedIdentities", "userAssignedIdentityExceptions"} {
		if profile.List(key) == nil {
			profile.Set(key, []any{})
		}
	}
}

func podIdentityGroup() command.Table {
	cluster := []argument{inGroup(), arg("--cluster-name", "Name of the cluster.").Required().Completes("cluster")}
	name := arg("--name -n", "Name of the pod identity; by default also its selector.")
	namespace := arg("--namespace", "Namespace of the pods.").Required()
	labels := list("--pod-labels", "Labels of the pods, key=value separated by spaces.").Required()
	with := func(more ...argument) []argument { return append(append([]argument{}, cluster...), more...) }
	return command.Table{
		Groups: []command.Group{
			{Path: "aks pod-identity", Summary: "Identities of pods."},
			{Path: "aks pod-identity exception", Summary: "Pods whose metadata requests aren't intercepted."},
		},
		Commands: []*command.Command{
			{
				Path: "aks pod-identity add", Summary: "Let pods of a namespace use an identity.", NoWait: true, Run: addPodIdentity,
				Arguments: with(namespace, name, arg("--identity-resource-id", "ID of the identity.").Required().Completes("identity-id"),
					arg("--binding-selector", "Value of the pods' label aadpodidbinding; the name when it is left out."), arg("--aks-custom-headers", "Further headers.")),
				Examples: []command.Example{{Title: "Let pods use an identity.", Line: "lanyard aks pod-identity add -g MyResourceGroup --cluster-name MyCluster --namespace my-app --name my-pod-identity --identity-resource-id ID"}},
			},
			{Path: "aks pod-identity delete", Summary: "Take an identity from the pods of a namespace.", NoWait: true, Run: deletePodIdentity, Arguments: with(namespace, name.Required(), arg("--aks-custom-headers", "Further headers."))},
			{
				Path: "aks pod-identity list", Summary: "List the pod identities of a cluster.", Arguments: cluster,
				Run: showCluster,
			},
			{Path: "aks pod-identity exception add", Summary: "Leave pods with these labels alone.", NoWait: true, Run: changeException("add"), Arguments: with(namespace, name, labels, arg("--aks-custom-headers", "Further headers."))},
			{Path: "aks pod-identity exception update", Summary: "Change the labels of an exception.", NoWait: true, Run: changeException("update"), Arguments: with(namespace, name.Required(), labels, arg("--aks-custom-headers", "Further headers."))},
			{Path: "aks pod-identity exception delete", Summary: "Remove an exception.", NoWait: true, Run: changeException("delete"), Arguments: with(namespace, name.Required(), arg("--aks-custom-headers", "Further headers."))},
			{
				Path: "aks pod-identity exception list", Summary: "List the exceptions of a cluster.", Arguments: cluster,
				Run: showCluster,
			},
		},
	}
}

// showCluster is what the lists print: the whole cluster.
func showCluster(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	o, err := getCluster(ctx, client, c)
	if err != nil {
		return nil, err
	}
	return dropNulls(clusterKind().shaped(o)), nil
}

// withPodIdentity reads a cluster that has to have pod identity, and its profile.
func withPodIdentity(ctx context.Context, c *command.Call) (client *azure.Client, cluster, profile *value.Object, err error) {
	if client, err = c.Client(); err != nil {
		return nil, nil, nil, err
	}
	if cluster, err = getCluster(ctx, client, c); err != nil {
		return nil, nil, nil, err
	}
	profile = cluster.Object("properties", "podIdentityProfile")
	if !profile.Bool("enabled") {
		return nil, nil, nil, command.Usage("The pod identity addon is not enabled for this managed cluster yet.\nTo enable, run \"az aks update --enable-pod-identity")
	}
	return client, cluster, profile, nil
}

func addPodIdentity(ctx context.Context, c *command.Call) (any, error) {
	client, cluster, profile, err := withPodIdentity(ctx, c)
	if err != nil {
		return nil, err
	}
	identity, err := client.Get(ctx, c.Get("identity-resource-id"), identityGetVersion)
	if err != nil {
		return nil, err
	}
	user := userIdentity{id: identity.String("id"), clientID: identity.String("properties", "clientId"), objectID: identity.String("properties", "principalId")}
	name := c.Get("name")
	if name == "" {
		name = identity.String("name")
	}
	entries := profile.List("userAssignedIdentities")
	if at := findEntry(entries, c.Get("namespace"), name); at >= 0 {
		return nil, command.Usage("pod identity %s/%s already exists", c.Get("namespace"), name)
	}
	principal := identityOf(cluster)
	if principal == "" {
		return nil, command.Usage("Cannot get cluster identity principal: the cluster has no managed identity")
	}
	granted, err := allowAssign(ctx, c, client, principal, user.id)
	if err != nil {
		return nil, err
	}
	if granted && client.Cloud.Known() {
		c.Warn("Wait 30 seconds for identity role assignment propagation.")
		if err := c.Sleep(ctx, roleSettles); err != nil {
			return nil, err
		}
	}
	entry := value.NewObject("name", name, "namespace", c.Get("namespace"), "identity", user.full())
	if selector := c.Get("binding-selector"); selector != "" {
		entry.Set("bindingSelector", selector)
	}
	profile.Set("userAssignedIdentities", append(entries, entry))
	return putPodIdentities(ctx, c, client, cluster)
}

func deletePodIdentity(ctx context.Context, c *command.Call) (any, error) {
	client, cluster, profile, err := withPodIdentity(ctx, c)
	if err != nil {
		return nil, err
	}
	left := []any{}
	for _, v := range profile.List("userAssignedIdentities") {
		if findEntry([]any{v}, c.Get("namespace"), c.Get("name")) < 0 {
			left = append(left, v)
		}
	}
	profile.Set("userAssignedIdentities", left)
	return putPodIdentities(ctx, c, client, cluster)
}

// changeException returns a command that adds, changes or removes an exception.
func changeException(verb string) func(context.Context, *command.Call) (any, error) {
	return func(ctx context.Context, c *command.Call) (any, error) {
		client, cluster, profile, err := withPodIdentity(ctx, c)
		if err != nil {
			return nil, err
		}
		name := c.Get("name")
		if name == "" {
			name = c.Get("namespace") + "-exception"
		}
		entries := profile.List("userAssignedIdentityExceptions")
		at := findEntry(entries, c.Get("namespace"), name)
		switch {
		case verb == "add" && at >= 0:
			return nil, command.Usage("pod identity exception %s/%s already exists", c.Get("namespace"), name)
		case verb == "update" && at < 0:
			return nil, command.Usage("pod identity exception %s/%s not found", c.Get("namespace"), name)
		}
		if at >= 0 {
			entries = append(entries[:at:at], entries[at+1:]...)
		}
		if verb != "delete" {
			entries = append(entries, value.NewObject("name", name, "namespace", c.Get("namespace"), "podLabels", pairs(c.List("pod-labels"))))
		}
		if entries == nil {
			entries = []any{}
		}
		profile.Set("userAssignedIdentityExceptions", entries)
		return putPodIdentities(ctx, c, client, cluster)
	}
}

func findEntry(entries []any, namespace, name string) int {
	for i, v := range entries {
		if o, ok := v.(*value.Object); ok && o.String("namespace") == namespace && o.String("name") == name {
			return i
		}
	}
	return -1
}

// putPodIdentities sends the cluster without what the service says of each identity.
func putPodIdentities(ctx context.Context, c *command.Call, client *azure.Client, cluster *value.Object) (any, error) {
	profile := cluster.Object("properties", "podIdentityProfile")
	for _, v := range profile.List("userAssignedIdentities") {
		if o, ok := v.(*value.Object); ok {
			o.Delete("provisioningState")
			o.Delete("provisioningInfo")
		}
	}
	for _, v := range profile.List("userAssignedIdentityExceptions") {
		if o, ok := v.(*value.Object); ok && o.At("podLabels") == nil {
			o.Set("podLabels", value.NewObject())
		}
	}
	return putCluster(ctx, c, client, cluster)
}

package groups

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// Names are the names of resources of a kind, for a shell to complete with. What can't
// be asked gives none.
func Names(ctx context.Context, c *command.Call, kind string) []string {
	switch kind {
	case "cloud":
		clouds, err := c.Folder().Clouds()
		if err != nil {
			return nil
		}
		var names []string
		for _, cloud := range clouds {
			names = append(names, cloud.Name)
		}
		return names
	case "subscription":
		all, err := c.Folder().AllSubscriptions()
		if err != nil {
			return nil
		}
		var names []string
		for _, s := range all {
			names = append(names, s.Name, s.ID)
		}
		return names
	}
	client, err := c.Client()
	if err != nil {
		return nil
	}
	path, version, key := collection(client, c, kind)
	if path == "" {
		return nil
	}
	all, err := client.List(ctx, path, version)
	if err != nil {
		return nil
	}
	var names []string
	for _, v := range all {
		o, _ := v.(*value.Object)
		name := o.String(key...)
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// collection is where the names of a kind are listed, and which field is the name.
func collection(client *azure.Client, c *command.Call, kind string) (path, version string, key []string) {
	under := func(provider string) string {
		if group := c.Get("resource-group"); group != "" {
			return client.Group(group, "providers", provider)
		}
		return client.Scope("providers", provider)
	}
	switch kind {
	case "group":
		return client.Scope("resourcegroups"), resourcesVersion, []string{"name"}
	case "location":
		return client.Scope("locations"), subscriptionsVersion, []string{"name"}
	case "identity":
		return under(identityProvider), identityVersion, []string{"name"}
	case "identity-id":
		return client.Scope("providers", identityProvider), identityVersion, []string{"id"}
	case "cluster":
		return under(clusterProvider), clusterVersion, []string{"name"}
	case "nodepool":
		if c.Get("cluster-name") != "" && c.Get("resource-group") != "" {
			return under(clusterProvider) + "/" + c.Get("cluster-name") + "/agentPools", clusterVersion, []string{"name"}
		}
	case "acr":
		return client.Scope("providers/Microsoft.ContainerRegistry/registries"), "2022-02-01-preview", []string{"name"}
	case "role":
		return client.Scope(definitions), definitionsVersion, []string{"properties", "roleName"}
	case "namespace":
		return client.Scope("providers"), resourcesVersion, []string{"namespace"}
	}
	return "", "", nil
}

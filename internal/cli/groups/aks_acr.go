package groups

import (
	"context"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// attachACR lets the kubelets of a cluster pull from a registry, or no longer.
func attachACR(ctx context.Context, c *command.Call, client *azure.Client, v any, registry string, detach bool) error {
	cluster, _ := v.(*value.Object)
	principal := cluster.String("properties", "identityProfile", "kubeletidentity", "objectId")
	if principal == "" {
		client := cluster.String("properties", "servicePrincipalProfile", "clientId")
		if client == "" || client == "msi" {
			c.Warn("Your cluster is successfully created, but we failed to attach acr to it, you can manually grant permission to the identity named <ClUSTER_NAME>-agentpool in MC_ resource group to give it permission to pull from ACR.")
			return nil
		}
	}
	if principal == "" {
		p, err := resolve(ctx, c, client, cluster.String("properties", "servicePrincipalProfile", "clientId"))
		if err != nil {
			return err
		}
		principal = p.ID
	}
	id, err := registryID(ctx, client, registry)
	if err != nil {
		return err
	}
	if !detach {
		if err := grantRole(ctx, c, client, "acrpull", principal, id); err != nil {
			return command.Usage("Could not create a role assignment for ACR. Are you an Owner on this subscription?")
		}
		return nil
	}
	role, err := roleID(ctx, client, id, "acrpull")
	if err != nil {
		return err
	}
	found, err := searchAssignments(ctx, client, search{scope: id, principal: principal, role: role})
	if err != nil {
		return err
	}
	for _, v := range found {
		if _, err := client.Do(ctx, http.MethodDelete, v.(*value.Object).String("id"), assignmentsVersion, nil); err != nil {
			return command.Usage("Could not delete role assignments for ACR. Are you an Owner on this subscription?")
		}
	}
	return nil
}

// registryID finds a registry by its ID, or by its name in the subscription.
func registryID(ctx context.Context, client *azure.Client, registry string) (string, error) {
	if strings.HasPrefix(registry, "/") {
		o, err := client.Get(ctx, registry, "2022-02-01-preview")
		return o.String("id"), err
	}
	return byName(ctx, client, "Microsoft.ContainerRegistry/registries", registry)
}

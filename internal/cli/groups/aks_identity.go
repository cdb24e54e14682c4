package groups

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const (
	managedIdentityOperator = "f1a07417-d97a-45cb-824c-7a7467783830"
	identityGetVersion      = "2018-11-30"
)

// userIdentity is a user-assigned identity that was looked up.
type userIdentity struct{ id, clientID, objectID string }

func (i *userIdentity) full() *value.Object {
	return value.NewObject("resourceId", i.id, "clientId", i.clientID, "objectId", i.objectID)
}

// identities are the user-assigned identities that a command line names.
type identities struct{ cluster, kubelet *userIdentity }

// controlPlane is the identity block of a cluster.
func (i identities) controlPlane() *value.Object {
	if i.cluster == nil {
		return value.NewObject("type", "SystemAssigned")
	}
	return value.NewObject("type", "UserAssigned", "userAssignedIdentities", value.NewObject(i.cluster.id, value.NewObject()))
}

// clusterIdentities looks up --assign-identity and --assign-kubelet-identity, and lets
// the one use the other.
func clusterIdentities(ctx context.Context, client *azure.Client, c *command.Call) (identities, error) {
	var ids identities
	var err error
	if id := c.Get("assign-identity"); id != "" {
		if ids.cluster, err = getIdentity(ctx, client, id); err != nil {
			return ids, err
		}
	}
	if id := c.Get("assign-kubelet-identity"); id != "" {
		if ids.kubelet, err = getIdentity(ctx, client, id); err != nil {
			return ids, err
		}
		if ids.cluster != nil {
			if _, err := allowAssign(ctx, c, client, ids.cluster.objectID, ids.kubelet.id); err != nil {
				return ids, err
			}
		}
	}
	return ids, nil
}

// getIdentity reads an identity. As az does, it keeps the ID as it was typed.
func getIdentity(ctx context.Context, client *azure.Client, id string) (*userIdentity, error) {
	parts := strings.Split(strings.ToLower(id), "/")
	if len(parts) != 9 || parts[1] != "subscriptions" || parts[7] != "userassignedidentities" {
		return nil, command.Usage("Cannot parse identity name from provided resource id '%s'.", id)
	}
	o, err := client.Get(ctx, id, identityGetVersion)
	if err != nil {
		if strings.Contains(err.Error(), "was not found") {
			return nil, command.Usage("Identity '%s' not found.", parts[8])
		}
		return nil, err
	}
	return &userIdentity{id: id, clientID: o.String("properties", "clientId"), objectID: o.String("properties", "principalId")}, nil
}

// allowAssign lets the cluster's identity assign another one, by Managed Identity
// Operator on it, unless it may already. granted says that the role was just given.
func allowAssign(ctx context.Context, c *command.Call, client *azure.Client, principal, scope string) (granted bool, err error) {
	principal, scope = strings.ToLower(principal), strings.ToLower(scope)
	found, err := client.List(ctx, scope+"/"+assignments, assignmentsVersion, "$filter", "atScope() and assignedTo('"+principal+"')")
	if err != nil {
		return false, err
	}
	for _, v := range found {
		o, _ := v.(*value.Object)
		if strings.HasSuffix(strings.ToLower(o.String("properties", "roleDefinitionId")), managedIdentityOperator) &&
			strings.EqualFold(o.String("properties", "principalId"), principal) &&
			strings.HasPrefix(scope, strings.ToLower(o.String("properties", "scope"))) {
			return false, nil
		}
	}
	if err := grantRole(ctx, c, client, "Managed Identity Operator", principal, scope); err != nil {
		return false, command.Usage("Could not grant Managed Identity Operator permission to cluster identity at scope %s", scope)
	}
	return true, nil
}

// grantRole gives a principal a role, with patience for a directory that doesn't know
// the principal yet.
func grantRole(ctx context.Context, c *command.Call, client *azure.Client, role, principal, scope string) error {
	done := c.Progress("Waiting for AAD role to propagate")
	defer done()
	for attempt := 0; ; attempt++ {
		err := grantOnce(ctx, client, role, principal, scope)
		if err == nil || azure.Code(err) == "RoleAssignmentExists" {
			return nil
		}
		// A refusal will not become a grant by asking again; az tries all the same, for
		// two minutes.
		if attempt == 9 || azure.Code(err) == "AuthorizationFailed" {
			return err
		}
		if err := c.Sleep(ctx, time.Duration(2+2*attempt)*time.Second); err != nil {
			return err
		}
	}
}

func grantOnce(ctx context.Context, client *azure.Client, role, principal, scope string) error {
	id, err := roleID(ctx, client, scope, role)
	if err != nil {
		return err
	}
	_, err = client.Do(ctx, http.MethodPut, scope+"/"+assignments+"/"+uuid.NewString(), assignmentsVersion,
		value.NewObject("properties", value.NewObject("roleDefinitionId", id, "principalId", principal)))
	return err
}

// grantSubnet gives the cluster's identity Network Contributor on its subnet, unless
// somebody has it there. A system-assigned identity doesn't exist before the cluster
// does: then the subnet comes back, for later.
func grantSubnet(ctx context.Context, c *command.Call, client *azure.Client, ids identities) (later string, err error) {
	subnet := c.Get("vnet-subnet-id")
	if subnet == "" || c.On("skip-subnet-role-assignment") {
		return "", nil
	}
	found, err := client.List(ctx, subnet+"/"+assignments, assignmentsVersion, "$filter", "atScope()")
	if err != nil {
		return "", err
	}
	for _, v := range found {
		o, _ := v.(*value.Object)
		if o.String("properties", "scope") == subnet && strings.HasSuffix(o.String("properties", "roleDefinitionId"), networkContributor) {
			return "", nil
		}
	}
	principal := ""
	switch {
	case ids.cluster != nil:
		principal = ids.cluster.objectID
	case c.Get("service-principal") != "":
		p, err := resolve(ctx, c, client, c.Get("service-principal"))
		if err != nil {
			return "", err
		}
		principal = p.ID
	default:
		return subnet, nil
	}
	if err := grantRole(ctx, c, client, "Network Contributor", principal, subnet); err != nil {
		c.Warn("Could not create a role assignment for subnet. Are you an Owner on this subscription?")
	}
	return "", nil
}

func grantSubnetToSystem(ctx context.Context, c *command.Call, client *azure.Client, cluster *value.Object, subnet string) {
	principal := cluster.String("identity", "principalId")
	if principal == "" || grantRole(ctx, c, client, "Network Contributor", principal, subnet) != nil {
		c.Warn("Could not create a role assignment for subnet. Are you an Owner on this subscription?")
	}
}

// identityOf is the object ID of a cluster's own identity, "" for a service principal.
func identityOf(cluster *value.Object) string {
	if id := cluster.String("identity", "principalId"); id != "" {
		return id
	}
	users := cluster.Object("identity", "userAssignedIdentities")
	for _, key := range users.Keys() {
		return users.String(key, "principalId")
	}
	return ""
}

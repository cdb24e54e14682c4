package groups

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/login"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const subscriptionsVersion = "2019-11-01"

func accountGroup() command.Table {
	subscription := arg("--subscription -s --name -n", "Name or ID of the subscription.").Completes("subscription")
	return command.Table{
		Groups: []command.Group{{Path: "account", Summary: "The subscriptions you are signed in to."}},
		Commands: []*command.Command{
			{
				Path: "account show", Summary: "Show the current subscription.", Arguments: []argument{subscription},
				Examples: []command.Example{{Title: "Show the ID of the current subscription.", Line: "lanyard account show --query id -o tsv"}},
				Run: func(_ context.Context, c *command.Call) (any, error) {
					s, err := c.Subscription()
					if err != nil {
						return nil, err
					}
					return accountDocument(s, "environmentName"), nil
				},
			},
			{
				Path: "account list", Summary: "List the subscriptions of who is signed in.",
				Arguments: []argument{flag("--all", "Also those of other clouds, and disabled ones."), flag("--refresh", "Ask the service again.")},
				Table:     columns("Name", "name", "CloudName", "cloudName", "SubscriptionId", "id", "TenantId", "tenantId", "State", "state", "IsDefault", "isDefault"),
				Run:       listAccounts,
			},
			{
				Path: "account set", Summary: "Make a subscription the current one.", Arguments: []argument{subscription.Required()},
				Examples: []command.Example{{Title: "Choose a subscription.", Line: "lanyard account set --subscription MySubscription"}},
				Run: func(_ context.Context, c *command.Call) (any, error) {
					cloud, err := c.Cloud()
					if err != nil {
						return nil, err
					}
					if _, err := c.Folder().Subscription(cloud.Name, c.Get("subscription")); err != nil {
						return nil, command.Usage("The subscription of '%s' doesn't exist in cloud '%s'.", c.Get("subscription"), cloud.Name)
					}
					return nil, c.Folder().SetDefault(cloud.Name, c.Get("subscription"))
				},
			},
			{
				Path: "account clear", Summary: "Sign everybody out.",
				Run: func(_ context.Context, c *command.Call) (any, error) { return nil, c.Folder().Clear() },
			},
			{
				Path: "account list-locations", Summary: "List the locations of the current subscription.",
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					all, err := client.List(ctx, client.Scope("locations"), subscriptionsVersion)
					if err != nil {
						return nil, err
					}
					return kind{service: "subscriptions", model: "Location"}.shaped(all), nil
				},
			},
			{
				Path: "account get-access-token", Summary: "Get a token for other programs.",
				Arguments: []argument{
					subscription,
					arg("--resource", "Resource that the token is for."),
					list("--scope", "Scopes that the token is for.").Of(grammarAny),
					arg("--resource-type", "A resource by its kind.").Choices("oss-rdbms", "arm", "aad-graph", "ms-graph", "batch", "media", "data-lake"),
					arg("--tenant -t", "Tenant whose token it is."),
				},
				Examples: []command.Example{{Title: "Get a token for Microsoft Graph.", Line: "lanyard account get-access-token --resource-type ms-graph"}},
				Run:      accessToken,
			},
		},
	}
}

func accountDocument(s login.Subscription, cloudKey string) *value.Object {
	user := value.NewObject("name", s.User.Name, "type", s.User.Type)
	if s.User.AssignedIdentity != "" {
		user.Set("assignedIdentityInfo", s.User.AssignedIdentity)
	}
	managedBy := make([]any, len(s.ManagedByTenants))
	for i, t := range s.ManagedByTenants {
		managedBy[i] = value.NewObject("tenantId", t.ID)
	}
	return value.NewObject(cloudKey, s.Cloud, "homeTenantId", s.HomeTenantID, "id", s.ID, "isDefault", s.Default,
		"managedByTenants", managedBy, "name", s.Name, "state", s.State, "tenantId", s.TenantID, "user", user)
}

func listAccounts(ctx context.Context, c *command.Call) (any, error) {
	cloud, err := c.Cloud()
	if err != nil {
		return nil, err
	}
	if c.On("refresh") {
		current, err := c.Subscription()
		if err != nil {
			return nil, err
		}
		credential, err := c.Folder().Credential(cloud.Name, current.User.Name)
		if err != nil {
			return nil, err
		}
		if _, err := findSubscriptions(ctx, c, cloud, credential); err != nil {
			return nil, err
		}
	}
	subscriptions, err := c.Folder().Subscriptions(cloud.Name)
	if c.On("all") {
		subscriptions, err = c.Folder().AllSubscriptions()
	}
	if err != nil {
		return nil, err
	}
	all := []any{}
	for _, s := range subscriptions {
		if c.On("all") || s.State == "Enabled" {
			all = append(all, accountDocument(s, "cloudName"))
		}
	}
	if len(all) == 0 {
		c.Warn(`Please run "%s login" to access your accounts.`, c.Program.Name)
	}
	return all, nil
}

// resourceOf is the resource behind a kind of resource.
func resourceOf(cloud *login.Cloud, kind string) string {
	return cloud.Endpoint(map[string]string{
		"oss-rdbms": "ossrdbmsResourceId", "arm": "activeDirectoryResourceId", "aad-graph": "activeDirectoryGraphResourceId",
		"ms-graph": "microsoftGraphResourceId", "batch": "batchResourceId", "media": "mediaResourceId", "data-lake": "activeDirectoryDataLakeResourceId",
	}[kind])
}

func accessToken(ctx context.Context, c *command.Call) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	scopes := c.List("scope")
	if len(scopes) == 0 {
		resource := c.Get("resource")
		if kind := c.Get("resource-type"); kind != "" && resource == "" {
			resource = resourceOf(client.Cloud, kind)
		}
		if resource == "" {
			resource = client.Cloud.Endpoint("activeDirectoryResourceId")
		}
		scopes = []string{resource + "/.default"}
	}
	token, err := client.Credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: scopes, TenantID: c.Get("tenant")})
	if err != nil {
		return nil, login.Explain(err)
	}
	answer := value.NewObject("accessToken", token.Token, "expiresOn", token.ExpiresOn.In(time.Local).Format("2006-01-02 15:04:05.000000"))
	tenant := client.Tenant
	if t := c.Get("tenant"); t != "" {
		tenant = t
	} else {
		answer.Set("subscription", client.Subscription)
	}
	return answer.Set("tenant", tenant).Set("tokenType", "Bearer"), nil
}

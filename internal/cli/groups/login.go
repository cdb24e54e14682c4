package groups

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
	"github.com/lanyard-project/lanyard/internal/cli/login"
	"github.com/lanyard-project/lanyard/internal/cli/value"
	"github.com/lanyard-project/lanyard/internal/secret"
)

const (
	grammarAny      = grammar.Any
	grammarOptional = grammar.Optional
)

func loginCommands() command.Table {
	return command.Table{Commands: []*command.Command{
		{
			Path: "login", Summary: "Sign in.",
			Details: "Without arguments a person signs in with a code that is typed into a browser.",
			Arguments: []argument{
				arg("--username -u", "User, application (client) ID, or the ID of a managed identity."),
				arg("--password -p", "Password, client secret, or the file of a certificate with its key.").Hidden(),
				flag("--service-principal", "Sign in as a service principal."),
				arg("--tenant -t", "Tenant; needed for service principals."),
				flag("--allow-no-subscriptions", "Succeed although no subscription is found."),
				flag("-i --identity", "Sign in as the managed identity of this machine."),
				flag("--use-device-code", "Sign in with a code that is typed into a browser."),
				flag("--use-cert-sn-issuer", "Send the certificate chain, for rules about subject names."),
				list("--scope", "Scopes to ask consent for."),
				arg("--federated-token", "Token of another issuer that the application trusts.").Hidden(),
			},
			Examples: []command.Example{
				{Title: "Sign in as a service principal.", Line: "lanyard login --service-principal -u APP_ID -p SECRET --tenant TENANT"},
				{Title: "Sign in with a certificate.", Line: "lanyard login --service-principal -u APP_ID -p ~/cert.pem --tenant TENANT"},
				{Title: "Sign in as the managed identity of this machine.", Line: "lanyard login --identity"},
				{Title: "Sign in with a federated token.", Line: "lanyard login --service-principal -u APP_ID --tenant TENANT --federated-token @token"},
			},
			Table: columns("Name", "name", "CloudName", "cloudName", "SubscriptionId", "id", "TenantId", "tenantId", "State", "state", "IsDefault", "isDefault"),
			Run:   signIn,
		},
		{
			Path: "logout", Summary: "Sign out.", Arguments: []argument{arg("--username", "Who signs out; the current user when it is left out.")},
			Run: func(_ context.Context, c *command.Call) (any, error) {
				cloud, err := c.Cloud()
				if err != nil {
					return nil, err
				}
				user := c.Get("username")
				if user == "" {
					s, err := c.Folder().Subscription(cloud.Name, "")
					if err != nil {
						return nil, errors.New("There are no active accounts.") //nolint:staticcheck,revive // az's text
					}
					user = s.User.Name
				}
				return nil, c.Folder().RemoveUser(cloud.Name, user)
			},
		},
	}}
}

func signIn(ctx context.Context, c *command.Call) (any, error) {
	cloud, err := c.Cloud()
	if err != nil {
		return nil, err
	}
	credential, err := newCredential(ctx, c, cloud)
	if err != nil {
		return nil, login.Explain(err)
	}
	found, err := findSubscriptions(ctx, c, cloud, credential)
	if err != nil {
		return nil, login.Explain(err)
	}
	all := make([]any, len(found))
	for i, s := range found {
		all[i] = accountDocument(s, "cloudName")
	}
	return all, nil
}

func newCredential(ctx context.Context, c *command.Call, cloud *login.Cloud) (*login.Credential, error) {
	user, password, tenant := c.Get("username"), c.Get("password"), c.Get("tenant")
	if c.On("i") {
		return &login.Credential{Kind: login.ManagedIdentity, Cloud: cloud.Name, ClientID: user}, nil
	}
	if c.On("service-principal") {
		if user == "" || tenant == "" && (password != "" || c.Given("federated-token")) {
			return nil, command.Usage("usage error: --service-principal --username NAME --password SECRET --tenant TENANT")
		}
		credential := &login.Credential{Cloud: cloud.Name, Tenant: tenant, ClientID: user}
		switch token := c.Get("federated-token"); {
		case token != "":
			credential.Kind, credential.Secret = login.Federated, secret.New(token)
		case password == "":
			return nil, command.Usage("Please specify both username and password in non-interactive mode.")
		case isFile(password):
			credential.Kind, credential.CertificateFile, credential.SendChain = login.Certificate, absolute(password), c.On("use-cert-sn-issuer")
		default:
			credential.Kind, credential.Secret = login.Secret, secret.New(password)
		}
		return credential, nil
	}
	transport, err := c.Transport(cloud)
	if err != nil {
		return nil, err
	}
	options := login.Options{Cloud: cloud, Transport: transport, Folder: c.Folder(), Tell: func(message string) { c.Warn("%s", message) }}
	scopes := c.List("scope")
	if len(scopes) == 0 {
		scopes = []string{cloud.Endpoint("activeDirectoryResourceId") + "/.default"}
	}
	if user != "" {
		if password == "" {
			return nil, command.Usage("Please specify both username and password in non-interactive mode.")
		}
		return login.Password(ctx, tenant, user, secret.New(password), scopes, options)
	}
	return login.DeviceCode(ctx, tenant, scopes, options)
}

// findSubscriptions asks what the credential may see, and keeps both.
func findSubscriptions(ctx context.Context, c *command.Call, cloud *login.Cloud, credential *login.Credential) ([]login.Subscription, error) {
	transport, err := c.Transport(cloud)
	if err != nil {
		return nil, err
	}
	token, err := credential.Token("", login.Options{Cloud: cloud, Transport: transport, Folder: c.Folder(), Fresh: true})
	if err != nil {
		return nil, err
	}
	client, err := azure.New(cloud, credential.Tenant, "", token, transport, c.Program.Version)
	if err != nil {
		return nil, err
	}
	listed, err := client.List(ctx, "/subscriptions", subscriptionsVersion)
	if err != nil {
		return nil, err
	}
	var found []login.Subscription
	for _, v := range listed {
		o, ok := v.(*value.Object)
		if !ok {
			continue
		}
		s := login.Subscription{ID: o.String("subscriptionId"), Name: o.String("displayName"), State: o.String("state"),
			TenantID: o.String("tenantId"), HomeTenantID: o.String("tenantId"), Cloud: cloud.Name, User: credential.Profile()}
		for _, t := range o.List("managedByTenants") {
			if t, ok := t.(*value.Object); ok {
				s.ManagedByTenants = append(s.ManagedByTenants, login.Tenant{ID: t.String("tenantId")})
			}
		}
		if credential.Tenant == "" {
			credential.Tenant = s.TenantID
		}
		found = append(found, s)
	}
	if len(found) == 0 {
		if !c.On("allow-no-subscriptions") {
			return nil, fmt.Errorf("No subscriptions found for %s.", credential.Name()) //nolint:staticcheck,revive // az's text
		}
		const tenantLevel = "N/A(tenant level account)"
		found = []login.Subscription{{ID: credential.Tenant, Name: tenantLevel, State: "Enabled", TenantID: credential.Tenant, HomeTenantID: credential.Tenant, Cloud: cloud.Name, User: credential.Profile()}}
	}
	if err := c.Folder().SaveCredential(credential); err != nil {
		return nil, err
	}
	return found, c.Folder().SaveSubscriptions(found)
}

func absolute(path string) string {
	if full, err := expand(path); err == nil {
		return full
	}
	return strings.TrimSpace(path)
}

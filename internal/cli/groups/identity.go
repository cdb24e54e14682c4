package groups

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

const (
	identityProvider = "Microsoft.ManagedIdentity/userAssignedIdentities"
	identityVersion  = "2022-01-31-preview"
)

func identityKind() kind {
	return kind{version: identityVersion, service: "managedidentity", model: "Identity", path: within(identityProvider)}
}

func federatedKind() kind {
	return kind{version: identityVersion, service: "managedidentity", model: "FederatedIdentityCredential",
		path: func(client *azure.Client, c *command.Call) string {
			return client.Group(c.Get("resource-group"), "providers", identityProvider, azure.Word(c.Get("identity-name")), "federatedIdentityCredentials", azure.Word(c.Get("name")))
		}}
}

func identityGroup() command.Table {
	k, f := identityKind(), federatedKind()
	name := named("identity").Completes("identity")
	of := arg("--identity-name", "Name of the identity.").Required().Completes("identity")
	credential := arg("--name -n", "Name of the federated credential.").Required()
	trust := []argument{
		arg("--issuer", "URL of the issuer that is trusted."),
		arg("--subject", "Subject of the tokens that are trusted: system:serviceaccount:NAMESPACE:NAME for a pod."),
		list("--audiences", "Audiences of the tokens that are trusted."),
	}
	return command.Table{
		Groups: []command.Group{
			{Path: "identity", Summary: "Managed identities."},
			{Path: "identity federated-credential", Summary: "Tokens of other issuers that an identity trusts."},
		},
		Commands: []*command.Command{
			{
				Path: "identity create", Summary: "Create a managed identity.",
				Arguments: []argument{inGroup(), name, location(), tags()},
				Examples:  []command.Example{{Title: "Create an identity.", Line: "lanyard identity create --name MyIdentity --resource-group MyResourceGroup"}},
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					where, err := groupLocation(ctx, c, client)
					if err != nil {
						return nil, err
					}
					return k.put(ctx, c, client, withTags(c, value.NewObject("location", where)))
				},
			},
			{
				Path: "identity show", Summary: "Show a managed identity.", Arguments: []argument{inGroup(), name}, Run: k.show,
				Examples: []command.Example{{Title: "Show the client ID.", Line: "lanyard identity show -g MyResourceGroup -n MyIdentity --query clientId -o tsv"}},
			},
			{
				Path: "identity list", Summary: "List managed identities.", Arguments: []argument{optionalGroup()}, Run: k.listed(identityProvider),
				Examples: []command.Example{{Title: "List names and IDs.", Line: `lanyard identity list --query "[].{Name:name, Id:id, Location:location}" -o table`}},
			},
			{Path: "identity delete", Summary: "Delete a managed identity.", Arguments: []argument{inGroup(), name}, Run: k.remove},
			{
				Path: "identity list-operations", Summary: "List what can be done with managed identities.",
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					all, err := client.List(ctx, "/providers/Microsoft.ManagedIdentity/operations", identityVersion)
					if err != nil {
						return nil, err
					}
					return kind{service: "managedidentity", model: "Operation"}.shaped(all), nil
				},
			},
			{
				Path: "identity federated-credential create", Summary: "Let an identity trust tokens of another issuer.",
				Arguments: append([]argument{inGroup(), of, credential}, trust...), Run: putTrust(f),
				Examples: []command.Example{{Title: "Trust a service account of a cluster.", Line: "lanyard identity federated-credential create -g MyResourceGroup --identity-name MyIdentity --name MyTrust --issuer https://issuer --subject system:serviceaccount:ns:sa --audiences api://AzureADTokenExchange"}},
			},
			{Path: "identity federated-credential update", Summary: "Change what an identity trusts.", Arguments: append([]argument{inGroup(), of, credential}, trust...), Run: putTrust(f)},
			{Path: "identity federated-credential show", Summary: "Show a federated credential.", Arguments: []argument{inGroup(), of, credential}, Run: f.show},
			{Path: "identity federated-credential delete", Summary: "Delete a federated credential.", Arguments: []argument{inGroup(), of, credential}, Confirm: command.Sure, Run: f.remove},
			{
				Path: "identity federated-credential list", Summary: "List the federated credentials of an identity.", Arguments: []argument{inGroup(), of},
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					client, err := c.Client()
					if err != nil {
						return nil, err
					}
					all, err := client.List(ctx, client.Group(c.Get("resource-group"), "providers", identityProvider, azure.Word(c.Get("identity-name")), "federatedIdentityCredentials"), f.version)
					if err != nil {
						return nil, err
					}
					return f.shaped(all), nil
				},
			},
		},
	}
}

func putTrust(k kind) func(context.Context, *command.Call) (any, error) {
	return func(ctx context.Context, c *command.Call) (any, error) {
		if c.Get("issuer") == "" || c.Get("subject") == "" {
			return nil, command.Usage("usage error: please provide both --issuer and --subject parameters")
		}
		audiences := c.List("audiences")
		if len(audiences) == 0 {
			audiences = []string{"api://AzureADTokenExchange"}
		}
		client, err := c.Client()
		if err != nil {
			return nil, err
		}
		return k.put(ctx, c, client, value.NewObject("properties", value.NewObject(
			"issuer", c.Get("issuer"), "subject", c.Get("subject"), "audiences", value.Strings(audiences))))
	}
}

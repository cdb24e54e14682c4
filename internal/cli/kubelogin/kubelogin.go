package kubelogin

import (
	"context"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/grammar"
)

// Table is the commands below a word: "kubelogin" in lanyard, none under kubelogin's own name.
func Table(below string) command.Table {
	prefix := ""
	if below != "" {
		prefix = below + " "
	}
	table := command.Table{Commands: []*command.Command{
		{
			Path: prefix + "get-token", Summary: "Get a token for a cluster and print it as kubectl wants it.",
			Details:   "This is what the kubeconfig of a cluster with Microsoft Entra integration makes kubectl run.",
			Arguments: append(tokenArguments(), grammar.Arg("--login -l", "How to sign in.").Choices(modes()...).Or(deviceCode)),
			Examples:  []command.Example{{Title: "Get a token as the current sign-in.", Line: "lanyard kubelogin get-token --server-id 6dae42f8-4368-4678-94ff-3960e28e3630 --login azurecli"}},
			Run:       getToken,
		},
		{
			Path: prefix + "convert-kubeconfig", Summary: "Choose how the users of a kubeconfig sign in to clusters with Microsoft Entra integration.",
			Arguments: append(tokenArguments(), grammar.Arg("--login -l", "How to sign in.").Choices(modes()...).Or(deviceCode),
				grammar.Arg("--kubeconfig", "File to change; $KUBECONFIG by default."), grammar.Arg("--context", "Change the user of this context alone.")),
			Examples: []command.Example{{Title: "Sign in as a service principal from now on.", Line: "lanyard kubelogin convert-kubeconfig --login spn"}},
			Run:      convert,
		},
	}}
	if below != "" {
		table.Groups = []command.Group{{Path: below, Summary: "Sign in to clusters with Microsoft Entra integration, as Azure's kubelogin does."}}
	}
	return table
}

// The ways to sign in.
const (
	deviceCode       = "devicecode"
	interactive      = "interactive"
	servicePrincipal = "spn"
	password         = "ropc"
	managedIdentity  = "msi"
	commandLine      = "azurecli"
	workloadIdentity = "workloadidentity"
)

func modes() []string {
	return []string{deviceCode, interactive, servicePrincipal, password, managedIdentity, commandLine, workloadIdentity}
}

func tokenArguments() []grammar.Argument {
	return []grammar.Argument{
		grammar.Arg("--server-id", "Application that the token is for."),
		grammar.Arg("--client-id", "Application to sign in with, service principal, or managed identity."),
		grammar.Arg("--client-secret", "Secret of a service principal.").Hidden(),
		grammar.Arg("--client-certificate", "File with the certificate and key of a service principal."),
		grammar.Arg("--client-certificate-password", "Password of that file.").Hidden(),
		grammar.Arg("--username", "Name of a user who signs in with a password."),
		grammar.Arg("--password", "Password of that user.").Hidden(),
		grammar.Arg("--identity-resource-id", "Resource ID of a managed identity."),
		grammar.Arg("--federated-token-file", "File with the token of a workload."),
		grammar.Arg("--authority-host", "Where to sign in."),
		grammar.Arg("--tenant-id -t", "Tenant to sign in to."),
		grammar.Arg("--environment -e", "Name of the Azure environment.").Or("AzurePublicCloud"),
		grammar.Arg("--token-cache-dir", "Folder of the sign-ins of people."),
		grammar.Flag("--disable-instance-discovery", "Ask no other host about the authority."),
		grammar.Flag("--legacy", "Ask for a token as for clusters with applications of their own."),
	}
}

// getToken answers kubectl.
func getToken(ctx context.Context, c *command.Call) (any, error) {
	o, err := readOptions(c)
	if err != nil {
		return nil, err
	}
	source, err := o.credential(ctx, c)
	if err != nil {
		return nil, err
	}
	token, err := source.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{o.server + "/.default"}})
	if err != nil {
		return nil, fmt.Errorf("signing in to the cluster (--login %s): %w", o.mode, err)
	}
	return nil, answer(c.Program.Out, c.Program.Getenv("KUBERNETES_EXEC_INFO"), token)
}

package groups

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/types"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
	"github.com/lanyard-project/lanyard/internal/imagepull"
	"github.com/lanyard-project/lanyard/internal/secret"
)

func acrLogin() *command.Command {
	return &command.Command{
		Path: "acr login", Summary: "Log in to a container registry, for docker, crane and other clients that read docker's configuration.", Run: loginToRegistry,
		Arguments: []argument{
			arg("--name -n", "Name of the registry.").Required(), arg("--resource-group -g", "Name of the resource group."),
			flag("--expose-token -t", "Print the access token instead of keeping it for docker."),
			arg("--username -u", "User name, of an application or the admin user."), arg("--password -p", "Password."),
		},
		Examples: []command.Example{{Title: "Let docker pull and push.", Line: "lanyard acr login --name myregistry"}},
	}
}

// loginToRegistry signs in as the user, or with the user name and password that
// were given.
func loginToRegistry(ctx context.Context, c *command.Call) (any, error) {
	user, password := c.Get("username"), secret.New(c.Get("password"))
	switch {
	case c.On("expose-token") && (user != "" || !password.IsZero()):
		return nil, command.Usage("`--expose-token` cannot be combined with `--username` or `--password`.")
	case (user == "") != password.IsZero():
		return nil, command.Usage("Please specify both username and password in non-interactive mode.")
	}
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	id, err := registryID(ctx, client, c.Get("name"))
	if err != nil {
		return nil, err
	}
	registry, err := client.Get(ctx, id, "2022-02-01-preview")
	if err != nil {
		return nil, err
	}
	server := registry.String("properties", "loginServer")
	if user == "" {
		if user, password, err = registryToken(ctx, c, client, server); err != nil {
			return nil, err
		}
	}
	if c.On("expose-token") {
		c.Warn("You can perform manual login using the provided access token below, for example: 'docker login loginServer -u %s -p accessToken'", imagepull.TokenUser)
		return value.NewObject("accessToken", password.Reveal(), "loginServer", server), nil
	}
	folder := c.Program.Getenv("DOCKER_CONFIG")
	if folder == "" {
		folder = filepath.Join(c.Program.Getenv("HOME"), ".docker")
	}
	if err := keepLogin(folder, server, user, password, c.Err()); err != nil {
		return nil, err
	}
	fmt.Fprintln(c.Program.Out, "Login Succeeded")
	return nil, nil
}

// registryToken exchanges the user's token for one of the registry.
func registryToken(ctx context.Context, c *command.Call, client *azure.Client, server string) (string, secret.String, error) {
	token, err := client.Credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://containerregistry.azure.net/.default"}})
	if err != nil {
		return "", secret.String{}, err
	}
	transport, err := c.Transport(client.Cloud)
	if err != nil {
		return "", secret.String{}, err
	}
	password, err := imagepull.Exchange(ctx, throughFront(transport, client.Cloud.ARM()), server, client.Tenant, secret.New(token.Token))
	if err != nil {
		return "", secret.String{}, command.Usage("Could not log in to the registry %s: %s. Have a role for images there, such as AcrPull, or wait until it counts.", server, err)
	}
	return imagepull.TokenUser, password, nil
}

// throughFront reaches names of a cloud on this machine, which no resolver knows,
// through its front, unless the user has set a proxy.
func throughFront(client *http.Client, arm string) *http.Client {
	front, err := url.Parse(arm)
	transport, ok := client.Transport.(*http.Transport)
	if err != nil || !ok || !loopback(front.Hostname()) {
		return client
	}
	through, own := *client, transport.Clone()
	own.Proxy = func(r *http.Request) (*url.URL, error) {
		if set, err := http.ProxyFromEnvironment(r); set != nil || err != nil || loopback(r.URL.Hostname()) {
			return set, err
		}
		return &url.URL{Scheme: "http", Host: front.Host}, nil
	}
	through.Transport = own
	through.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &through
}

func loopback(host string) bool {
	address := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || address != nil && address.IsLoopback()
}

// keepLogin keeps a password where docker does: with the helper that docker's
// configuration names, else in that file.
func keepLogin(folder, server, user string, password secret.String, warnings io.Writer) error {
	file, err := config.Load(folder)
	if err != nil {
		return fmt.Errorf("reading docker's configuration: %w", err)
	}
	if !file.ContainsAuth() && file.CredentialsStore == "" {
		fmt.Fprintf(warnings, "WARNING: The token is kept in %s, readable by you alone.\n", file.Filename)
	}
	kept := types.AuthConfig{ServerAddress: server, Username: user, Password: password.Reveal()}
	if err := file.GetCredentialsStore(server).Store(kept); err != nil {
		return fmt.Errorf("keeping the password for docker: %w", err)
	}
	return nil
}

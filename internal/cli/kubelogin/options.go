package kubelogin

import (
	"cmp"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/login"
	"github.com/lanyard-project/lanyard/internal/cli/value"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// options are what a token is asked with: arguments, over which the variables count that kubelogin reads in each mode.
type options struct {
	mode                string
	server, client      string
	tenant, authority   string
	secret              secret.String
	certificate         string
	certificatePassword secret.String
	user                string
	password            secret.String
	identity            string
	federated           string
	cache               string
	anyHost             bool // the authority isn't one of Azure's: nobody else is asked about it
	transport           *http.Client
}

// askLimit bounds one question to the token service.
const askLimit = time.Minute

func readOptions(c *command.Call) (options, error) {
	env := func(argument string, names ...string) string {
		for _, name := range names {
			if v := c.Program.Getenv(name); v != "" {
				return v
			}
		}
		return c.Get(argument)
	}
	o := options{
		mode: env("login", "AAD_LOGIN_METHOD"), server: c.Get("server-id"), client: c.Get("client-id"), tenant: c.Get("tenant-id"),
		authority: env("authority-host", "AZURE_AUTHORITY_HOST"), identity: c.Get("identity-resource-id"), anyHost: c.On("disable-instance-discovery"),
		cache: cmp.Or(c.Get("token-cache-dir"), filepath.Join(c.Program.Getenv("HOME"), ".kube", "cache", "kubelogin")),
	}
	switch o.mode {
	case servicePrincipal:
		o.client = env("client-id", "AAD_SERVICE_PRINCIPAL_CLIENT_ID", "AZURE_CLIENT_ID", "ARM_CLIENT_ID")
		o.secret = secret.New(env("client-secret", "AAD_SERVICE_PRINCIPAL_CLIENT_SECRET", "AZURE_CLIENT_SECRET", "ARM_CLIENT_SECRET"))
		o.certificate = env("client-certificate", "AAD_SERVICE_PRINCIPAL_CLIENT_CERTIFICATE", "AZURE_CLIENT_CERTIFICATE_PATH", "ARM_CLIENT_CERTIFICATE_PATH")
		o.certificatePassword = secret.New(env("client-certificate-password", "AAD_SERVICE_PRINCIPAL_CLIENT_CERTIFICATE_PASSWORD", "AZURE_CLIENT_CERTIFICATE_PASSWORD"))
		o.tenant = env("tenant-id", "AZURE_TENANT_ID", "ARM_TENANT_ID")
	case password:
		o.user = env("username", "AAD_USER_PRINCIPAL_NAME", "AZURE_USERNAME")
		o.password = secret.New(env("password", "AAD_USER_PRINCIPAL_PASSWORD", "AZURE_PASSWORD"))
	case workloadIdentity:
		o.client = env("client-id", "AZURE_CLIENT_ID")
		o.tenant = env("tenant-id", "AZURE_TENANT_ID")
		o.federated = env("federated-token-file", "AZURE_FEDERATED_TOKEN_FILE")
	case deviceCode, interactive, managedIdentity, commandLine:
	default:
		return o, command.Usage("'%s' is no way to sign in. Choose one of: %s", o.mode, strings.Join(modes(), ", "))
	}
	if o.server == "" {
		return o, command.Usage("--server-id is required: the application that the token is for, 6dae42f8-4368-4678-94ff-3960e28e3630 for AKS")
	}
	if c.On("legacy") {
		o.server = "spn:" + o.server
	}
	return o, o.findAuthority(c)
}

// findAuthority takes the authority that is named, or that of the Azure environment, and trusts what lanyard does for a
// cloud that it knows by this authority.
func (o *options) findAuthority(c *command.Call) error {
	if o.authority == "" {
		known, ok := map[string]string{
			"azurepubliccloud": cloud.AzurePublic.ActiveDirectoryAuthorityHost, "azurecloud": cloud.AzurePublic.ActiveDirectoryAuthorityHost,
			"azureusgovernmentcloud": cloud.AzureGovernment.ActiveDirectoryAuthorityHost, "azureusgovernment": cloud.AzureGovernment.ActiveDirectoryAuthorityHost,
			"azurechinacloud": cloud.AzureChina.ActiveDirectoryAuthorityHost,
		}[strings.ToLower(c.Get("environment"))]
		if !ok {
			return command.Usage("The environment '%s' is unknown. Name the authority with --authority-host.", c.Get("environment"))
		}
		o.authority = known
	}
	where, err := url.Parse(o.authority)
	if err != nil || where.Scheme != "https" || where.Host == "" {
		return command.Usage("--authority-host '%s' is not https://host[:port]/", o.authority)
	}
	named := login.Cloud{Endpoints: value.NewObject("activeDirectory", o.authority)}
	o.anyHost = o.anyHost || !named.Known()
	current, err := c.Cloud()
	if err == nil && sameHost(current, where) {
		o.transport, err = c.Transport(current)
		return err
	}
	// Go's transport trusts $SSL_CERT_FILE.
	o.transport = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}, Timeout: askLimit}
	return nil
}

func sameHost(c *login.Cloud, where *url.URL) bool {
	theirs, err := url.Parse(c.Authority())
	return err == nil && strings.EqualFold(theirs.Host, where.Host)
}

func (o *options) clientOptions() policy.ClientOptions {
	return policy.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: o.authority}, Transport: o.transport}
}

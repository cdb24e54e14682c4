package groups

import (
	"context"
	"os"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/login"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// cloudOptions are the addresses that options set: option, place in the document.
func cloudOptions() [][2]string {
	return [][2]string{
		{"--endpoint-management", "endpoints.management"}, {"--endpoint-resource-manager", "endpoints.resourceManager"},
		{"--endpoint-sql-management", "endpoints.sqlManagement"}, {"--endpoint-gallery", "endpoints.gallery"},
		{"--endpoint-active-directory", "endpoints.activeDirectory"}, {"--endpoint-active-directory-resource-id", "endpoints.activeDirectoryResourceId"},
		{"--endpoint-active-directory-graph-resource-id", "endpoints.activeDirectoryGraphResourceId"},
		{"--endpoint-microsoft-graph-resource-id", "endpoints.microsoftGraphResourceId"},
		{"--endpoint-active-directory-data-lake-resource-id", "endpoints.activeDirectoryDataLakeResourceId"},
		{"--endpoint-vm-image-alias-doc", "endpoints.vmImageAliasDoc"},
		{"--suffix-sql-server-hostname", "suffixes.sqlServerHostname"}, {"--suffix-storage-endpoint", "suffixes.storageEndpoint"},
		{"--suffix-keyvault-dns", "suffixes.keyvaultDns"}, {"--suffix-acr-login-server-endpoint", "suffixes.acrLoginServerEndpoint"},
	}
}

func cloudGroup() command.Table {
	name := arg("--name -n", "Name of the cloud.").Completes("cloud")
	settings := []argument{
		arg("--cloud-config", "All addresses as a JSON document, or @file."),
		arg("--profile", "API profile.").Or("latest"),
		arg("--certificate-authority", "File with the authority that the cloud's certificate is from, when it isn't one of the machine's."),
	}
	for _, o := range cloudOptions() {
		settings = append(settings, arg(o[0], "Address or suffix, as `cloud show` has it at "+o[1]+"."))
	}
	return command.Table{
		Groups: []command.Group{{Path: "cloud", Summary: "The clouds that commands go to."}},
		Commands: []*command.Command{
			{
				Path: "cloud list", Summary: "List the clouds.",
				Run: func(_ context.Context, c *command.Call) (any, error) {
					active, err := c.Cloud()
					if err != nil {
						return nil, err
					}
					clouds, err := c.Folder().Clouds()
					if err != nil {
						return nil, err
					}
					all := make([]any, len(clouds))
					for i, cloud := range clouds {
						all[i] = cloud.Document(active.Name)
					}
					return all, nil
				},
			},
			{
				Path: "cloud show", Summary: "Show a cloud; the current one without a name.", Arguments: []argument{name},
				Run: func(_ context.Context, c *command.Call) (any, error) {
					active, err := c.Cloud()
					if err != nil {
						return nil, err
					}
					cloud := active
					if n := c.Get("name"); n != "" {
						if cloud, err = c.Folder().Cloud(n); err != nil {
							return nil, err
						}
					}
					return cloud.Document(active.Name), nil
				},
			},
			{
				Path: "cloud set", Summary: "Make a cloud the current one.", Arguments: []argument{name.Required(), arg("--profile", "API profile.")},
				Examples: []command.Example{{Title: "Go to Azure Government.", Line: "lanyard cloud set --name AzureUSGovernment"}},
				Run: func(_ context.Context, c *command.Call) (any, error) {
					cloud, err := c.Folder().Cloud(c.Get("name"))
					if err != nil {
						return nil, err
					}
					before, _ := c.Cloud() // the one that was chosen may be gone
					if err := setSetting(c, "cloud", "name", cloud.Name); err != nil {
						return nil, err
					}
					if before == nil || before.Name != cloud.Name {
						c.Warn("Switched active cloud to '%s'.", cloud.Name)
						if s, err := c.Folder().Subscription(cloud.Name, ""); err == nil {
							c.Warn("Active subscription switched to '%s (%s)'.", s.Name, s.ID)
						} else {
							c.Warn("Use '%s login' to log in to this cloud.", c.Program.Name)
						}
					}
					return nil, nil
				},
			},
			{
				Path: "cloud register", Summary: "Make a cloud known by its addresses.", Arguments: append([]argument{name.Required()}, settings...),
				Examples: []command.Example{{Title: "Register a cloud that says itself where everything is.", Line: "lanyard cloud register -n mine --endpoint-resource-manager https://localhost:8443"}},
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					if _, err := c.Folder().Cloud(c.Get("name")); err == nil {
						return nil, command.Usage("The cloud '%s' is already registered.", c.Get("name"))
					}
					return nil, saveCloud(ctx, c, &login.Cloud{Name: c.Get("name"), Profile: "latest", Endpoints: value.NewObject(), Suffixes: value.NewObject()})
				},
			},
			{
				Path: "cloud update", Summary: "Change the addresses of a cloud.", Arguments: append([]argument{name}, settings...),
				Run: func(ctx context.Context, c *command.Call) (any, error) {
					cloud, err := c.Cloud()
					if n := c.Get("name"); n != "" {
						cloud, err = c.Folder().Cloud(n)
					}
					if err != nil {
						return nil, err
					}
					return nil, saveCloud(ctx, c, cloud)
				},
			},
			{
				Path: "cloud unregister", Summary: "Forget a cloud that was registered.", Arguments: []argument{name.Required()},
				Run: func(_ context.Context, c *command.Call) (any, error) {
					return nil, c.Folder().RemoveCloud(c.Get("name"))
				},
			},
		},
	}
}

// saveCloud puts the addresses of the command line into a cloud. With nothing but the
// Resource Manager's address the rest is asked there.
func saveCloud(ctx context.Context, c *command.Call, cloud *login.Cloud) error {
	if text := c.Get("cloud-config"); text != "" {
		if data, err := os.ReadFile(text); err == nil {
			text = string(data)
		}
		v, err := value.Decode([]byte(text))
		o, ok := v.(*value.Object)
		if err != nil || !ok {
			return command.Usage("--cloud-config needs a JSON object, or @file with one")
		}
		for _, part := range []string{"endpoints", "suffixes"} {
			target := map[string]*value.Object{"endpoints": cloud.Endpoints, "suffixes": cloud.Suffixes}[part]
			given := o.Object(part)
			for _, key := range given.Keys() {
				v, _ := given.Get(key)
				target.Set(camel(key), v)
			}
		}
	}
	for _, o := range cloudOptions() {
		if key := strings.TrimPrefix(o[0], "--"); c.Given(key) {
			part, name, _ := strings.Cut(o[1], ".")
			map[string]*value.Object{"endpoints": cloud.Endpoints, "suffixes": cloud.Suffixes}[part].Set(name, c.Get(key))
		}
	}
	if c.Given("certificate-authority") {
		cloud.CertificateAuthority = absolute(c.Get("certificate-authority"))
	}
	if cloud.ARM() == "" {
		return command.Usage("Please provide at least the resource manager endpoint of the cloud: --endpoint-resource-manager or --cloud-config")
	}
	if cloud.Authority() == "" {
		if err := discover(ctx, c, cloud); err != nil {
			return err
		}
	}
	return c.Folder().SaveCloud(cloud)
}

// camel turns az's names in --cloud-config (resource_manager) into those of the
// document.
func camel(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words[1:] {
		if word != "" {
			words[i+1] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, "")
}

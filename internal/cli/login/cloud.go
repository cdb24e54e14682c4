package login

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"github.com/lanyard-project/lanyard/internal/cli/value"
)

//go:embed clouds.json
var builtIn []byte

// Cloud is the addresses of one Azure, or of one lanyardd.
type Cloud struct {
	Name      string        `json:"name"`
	Profile   string        `json:"profile"`
	Endpoints *value.Object `json:"endpoints"`
	Suffixes  *value.Object `json:"suffixes"`
	// CertificateAuthority is a file with the authority that this cloud's certificate
	// is from, when it isn't one of the machine's.
	CertificateAuthority string `json:"certificateAuthority,omitempty"`
}

// Endpoint is an address of the cloud by its name in `lanyard cloud show`, or "".
func (c *Cloud) Endpoint(name string) string { return c.Endpoints.String(name) }

// ARM is the address of the Resource Manager, without a slash at its end.
func (c *Cloud) ARM() string { return strings.TrimRight(c.Endpoint("resourceManager"), "/") }

// Graph is the address of Microsoft Graph, without a slash at its end.
func (c *Cloud) Graph() string { return strings.TrimRight(c.Endpoint("microsoftGraphResourceId"), "/") }

// Authority is the address of the token service. az is told to use an authority that
// ends in /adfs for a private cloud; the same settings work here without it.
func (c *Cloud) Authority() string {
	return strings.TrimSuffix(strings.TrimRight(c.Endpoint("activeDirectory"), "/"), "/adfs")
}

// Known reports whether the token service is one of Microsoft's, which alone can be
// asked about others.
func (c *Cloud) Known() bool {
	host := strings.TrimPrefix(c.Authority(), "https://")
	return slices.Contains([]string{"login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn", "login.partner.microsoftonline.cn"}, host)
}

// Configuration is the cloud as the Azure SDK wants it.
func (c *Cloud) Configuration() cloud.Configuration {
	return cloud.Configuration{
		ActiveDirectoryAuthorityHost: c.Authority() + "/",
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: c.ARM(), Audience: c.Endpoint("activeDirectoryResourceId")},
		},
	}
}

// Document is the cloud as `cloud show` prints it.
func (c *Cloud) Document(active string) *value.Object {
	return value.NewObject("endpoints", c.Endpoints, "isActive", c.Name == active, "name", c.Name, "profile", c.Profile, "suffixes", c.Suffixes)
}

const cloudsFile = "clouds.json"

// Clouds returns the built-in clouds and those that the user registered.
func (f Folder) Clouds() ([]*Cloud, error) {
	builtins, err := decodeClouds(builtIn)
	if err != nil {
		return nil, err
	}
	own, err := f.registered()
	return append(builtins, own...), err
}

func (f Folder) registered() ([]*Cloud, error) {
	var raw []cloudFile
	if err := f.read(cloudsFile, &raw); err != nil {
		return nil, err
	}
	return toClouds(raw)
}

// Cloud finds a cloud by its name.
func (f Folder) Cloud(name string) (*Cloud, error) {
	clouds, err := f.Clouds()
	if err != nil {
		return nil, err
	}
	for _, c := range clouds {
		if strings.EqualFold(c.Name, name) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("The cloud '%s' is not registered.", name) //nolint:staticcheck // az's text
}

// SaveCloud adds a cloud of the user's, or replaces it.
func (f Folder) SaveCloud(c *Cloud) error {
	own, err := f.registered()
	if err != nil {
		return err
	}
	own = slices.DeleteFunc(own, func(other *Cloud) bool { return strings.EqualFold(other.Name, c.Name) })
	return f.write(cloudsFile, append(own, c))
}

// RemoveCloud forgets a cloud of the user's.
func (f Folder) RemoveCloud(name string) error {
	own, err := f.registered()
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(own), func(c *Cloud) bool { return strings.EqualFold(c.Name, name) })
	if len(left) == len(own) {
		if _, err := f.Cloud(name); err == nil {
			return fmt.Errorf("The cloud '%s' cannot be unregistered as it's not a custom cloud.", name) //nolint:staticcheck // az's text
		}
		return fmt.Errorf("The cloud '%s' is not registered.", name) //nolint:staticcheck // az's text
	}
	return f.write(cloudsFile, left)
}

// Package containerregistry is the Microsoft.ContainerRegistry resource provider
// as ARM sees it: registries with their settings, admin credentials, scope maps
// and tokens. It stands above shape.
//
// It holds what a registry is and who may use its admin user. Images, and the
// tokens by which one gets at them, are the registry service's: it reads these
// documents, and AdminPassword, and decides by the same role assignments.
package containerregistry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/secret"
)

const (
	namespace    = "Microsoft.ContainerRegistry"
	registryType = namespace + "/registries"
	scopeMapType = registryType + "/scopeMaps"
	// nameSpace is where names of registries are unique in the cloud.
	nameSpace = "registry"
	keySize   = 32
)

// Config says what the provider works with.
type Config struct {
	Deps shape.Deps
	Keys shape.Keyring
	// Suffix of login servers; empty means "azurecr.io".
	Suffix string
	// Size says how many bytes the images of a registry's life take; nil says none.
	Size func(life string) (int64, error)
}

// Provider serves registries.
type Provider struct{ cfg Config }

// New returns the provider.
func New(cfg Config) *Provider {
	if cfg.Suffix == "" {
		cfg.Suffix = "azurecr.io"
	}
	return &Provider{cfg: cfg}
}

func apiVersions() []string {
	return []string{
		"2017-03-01", "2017-10-01", "2019-05-01", "2019-06-01-preview", "2019-12-01-preview", "2020-11-01-preview", "2021-06-01-preview", "2021-08-01-preview",
		"2021-09-01", "2021-12-01-preview", "2022-02-01-preview", "2022-12-01", "2023-01-01-preview", "2023-06-01-preview", "2023-07-01",
		"2023-08-01-preview", "2023-11-01-preview", "2024-11-01-preview", "2025-04-01", "2025-11-01",
	}
}

// Types returns the provider's resource types.
func (p *Provider) Types() []*providers.Type {
	child := func(name string) providers.Type {
		return providers.Type{Namespace: namespace, Name: "registries/" + name, APIVersions: apiVersions(), Levels: providers.AtGroup,
			NamePattern: regexp.MustCompile(`^[a-zA-Z0-9_-]{5,50}$`), NameRule: "The name may have 5 to 50 letters, digits, '-' and '_'."}
	}
	scopeMaps := shape.Kind{
		Type:  child("scopeMaps"),
		Rules: shape.Rules{Defaults: `{"type":"UserDefined"}`, Required: []string{"actions"}, Server: []string{"creationDate"}},
		Admit: stampCreation,
		InUse: func(target armid.ID, by []armid.ID) *rest.Error {
			return rest.NewError(http.StatusConflict, "ScopeMapInUse", fmt.Sprintf("The scope map %s is used by the token %s.", target.Name(), by[0]))
		},
	}
	tokens := shape.Kind{
		Type: child("tokens"),
		Rules: shape.Rules{
			Defaults: `{"status":"enabled","credentials":{}}`, Required: []string{"scopeMapId"}, Server: []string{"creationDate"},
			Choices:    map[string][]string{"status": {"enabled", "disabled"}},
			References: []shape.Reference{{Path: "scopeMapId", To: scopeMapType}},
		},
		Admit: stampCreation,
	}
	return shape.Compile(p.cfg.Deps, p.registries(), scopeMaps, tokens, p.replications())
}

func (p *Provider) registries() shape.Kind {
	k := shape.Kind{
		Type: providers.Type{
			Namespace: namespace, Name: "registries", APIVersions: apiVersions(), Levels: providers.AtGroup, Tracked: true, ListBySubscription: true,
			Actions: []providers.Action{
				{Name: "listCredentials", Run: p.listCredentials},
				{Name: "regenerateCredential", Run: p.regenerate},
				{Name: "listUsages", Method: http.MethodGet, Permission: registryType + "/listUsages/read", Run: p.listUsages},
			},
		},
		Identity: true,
		Rules: shape.Rules{
			Defaults: `{"adminUserEnabled":false,"anonymousPullEnabled":false,"dataEndpointEnabled":false,"dataEndpointHostNames":[],"privateEndpointConnections":[],
				"publicNetworkAccess":"Enabled","networkRuleBypassOptions":"AzureServices","zoneRedundancy":"Disabled","encryption":{"status":"disabled"},
				"policies":{"quarantinePolicy":{"status":"disabled"},"trustPolicy":{"type":"Notary","status":"disabled"},"retentionPolicy":{"days":7,"status":"disabled"},
				"exportPolicy":{"status":"enabled"},"azureADAuthenticationAsArmPolicy":{"status":"enabled"},"softDeletePolicy":{"retentionDays":7,"status":"disabled"}}}`,
			Server: []string{"loginServer", "creationDate"},
			Check:  checkRegistry,
		},
		Admit: p.admit,
	}
	shape.Availability{
		Space: nameSpace, Action: namespace + "/checkNameAvailability/read", Pattern: regexp.MustCompile(`^[a-zA-Z0-9]{5,50}$`),
		Rule:  "The registry name must have 5 to 50 letters and digits.",
		Taken: "The registry %s is already in use.",
	}.Apply(p.cfg.Deps, &k, func(name string) *rest.Error {
		return rest.NewError(http.StatusConflict, "AlreadyInUse", fmt.Sprintf(
			"The registry DNS name %s is already in use. You can check if the name is already claimed using following API: https://docs.microsoft.com/en-us/rest/api/containerregistry/registries/checknameavailability",
			p.loginServer(name)))
	})
	return k
}

// checkRegistry wants a tier, and refuses what the tier doesn't have.
func checkRegistry(d *shape.Document) error {
	switch tier := strings.ToLower(d.SKU); tier {
	case "basic", "standard", "premium", "classic":
		if tier == "basic" && d.Properties.Flag("anonymousPullEnabled") {
			return rest.NewError(http.StatusBadRequest, "AnonymousPullNotSupported", fmt.Sprintf(
				"The registry %s is of tier Basic: anonymous pull is available in the tiers Standard and Premium.", d.ID.Name()))
		}
		name := strings.ToUpper(tier[:1]) + tier[1:]
		d.Request.Next.SKU = json.RawMessage(`{"name":"` + name + `","tier":"` + name + `"}`)
		return nil
	}
	return rest.NewError(http.StatusBadRequest, "SkuNotSupported", fmt.Sprintf(
		"The sku '%s' of the registry %s is not supported. Choose Basic, Standard or Premium.", d.SKU, d.ID.Name())).WithTarget("sku.name")
}

func (p *Provider) loginServer(name string) string { return strings.ToLower(name) + "." + p.cfg.Suffix }

func (p *Provider) admit(ctx context.Context, d *shape.Document) error {
	d.Properties.Set("loginServer", p.loginServer(d.ID.Name()))
	if err := stampCreation(ctx, d); err != nil {
		return err
	}
	return p.cfg.Keys.Ensure(d.Request.Next, keySize, Passwords()...)
}

func stampCreation(_ context.Context, d *shape.Document) error {
	if d.Properties.Text("creationDate") == "" {
		d.Properties.Set("creationDate", d.Request.Now.UTC().Format("2006-01-02T15:04:05.0000000Z07:00"))
	}
	return nil
}

// Passwords are the names of the admin user's two.
func Passwords() []string { return []string{"password", "password2"} }

// AdminPassword returns one of the two passwords of the admin user, unless it is
// disabled.
func (p *Provider) AdminPassword(registry *resource.Resource, name string) (value secret.String, enabled bool, err error) {
	properties, err := resource.Read[struct {
		Admin bool `json:"adminUserEnabled"`
	}](registry)
	if err != nil || !properties.Admin {
		return secret.String{}, false, err
	}
	value, err = p.cfg.Keys.Reveal(registry, name)
	return value, err == nil, err
}

func (p *Provider) listCredentials(_ context.Context, r *providers.Request) (rest.Response, error) {
	return p.credentials(r.Old)
}

func (p *Provider) credentials(registry *resource.Resource) (rest.Response, error) {
	list := []any{}
	for _, name := range Passwords() {
		value, enabled, err := p.AdminPassword(registry, name)
		if err != nil {
			return rest.Response{}, err
		}
		if !enabled {
			return rest.Response{}, rest.NewError(http.StatusBadRequest, "UnauthorizedForCredentialOperations", fmt.Sprintf(
				"Cannot perform credential operations for %s as admin user is disabled. Kindly enable admin user as per docs: https://docs.microsoft.com/en-us/azure/container-registry/container-registry-authentication#admin-account", registry.ID))
		}
		list = append(list, map[string]any{"name": name, "value": value.Reveal()})
	}
	return rest.OK(map[string]any{"username": registry.ID.Name(), "passwords": list}), nil
}

func (p *Provider) regenerate(_ context.Context, r *providers.Request) (rest.Response, error) {
	var asked struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(r.Body, &asked); err != nil || asked.Name != "password" && asked.Name != "password2" {
		return rest.Response{}, rest.InvalidRequestContent("The body must be an object with 'name', which is 'password' or 'password2'")
	}
	r.Next = r.Old.Clone()
	if err := p.cfg.Keys.Renew(r.Next, keySize, asked.Name); err != nil {
		return rest.Response{}, err
	}
	return p.credentials(r.Next)
}

// listUsages tells the limits of the tier and what is used of them.
func (p *Provider) listUsages(_ context.Context, r *providers.Request) (rest.Response, error) {
	of, err := read(r.Old)
	if err != nil {
		return rest.Response{}, err
	}
	used := int64(0)
	if p.cfg.Size != nil {
		if used, err = p.cfg.Size(of.Life); err != nil {
			return rest.Response{}, err
		}
	}
	var sku struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(r.Old.SKU, &sku); err != nil {
		return rest.Response{}, fmt.Errorf("reading the tier of registry %s: %w", of.Name, err)
	}
	bytes, webhooks := included(sku.Name)
	return rest.OK(map[string]any{"value": []any{
		map[string]any{"name": "Size", "limit": bytes, "currentValue": used, "unit": "Bytes"},
		map[string]any{"name": "Webhooks", "limit": webhooks, "currentValue": 0, "unit": "Count"},
	}}), nil
}

// included is what a tier's price includes; nothing is refused beyond.
func included(tier string) (bytes int64, webhooks int) {
	switch strings.ToLower(tier) {
	case "basic":
		return 10 << 30, 2
	case "standard":
		return 100 << 30, 10
	default:
		return 500 << 30, 500
	}
}

// Package keyvault is the Microsoft.KeyVault resource provider as ARM sees it:
// vaults, to which roles are scoped. It stands above shape.
//
// Vaults here decide by role assignments (enableRbacAuthorization). Access
// policies are kept as sent and give nobody anything. Secrets are no part of it.
package keyvault

import (
	"context"
	"fmt"
	"net/http"
	"regexp"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

const namespace = "Microsoft.KeyVault"

// Config says what the provider works with.
type Config struct {
	Deps shape.Deps
	// TenantOf returns the tenant of a subscription.
	TenantOf func(subscription string) string
	// Suffix of vault addresses; empty means "vault.azure.net".
	Suffix string
}

// Provider serves vaults.
type Provider struct{ cfg Config }

// New returns the provider.
func New(cfg Config) *Provider {
	if cfg.Suffix == "" {
		cfg.Suffix = "vault.azure.net"
	}
	return &Provider{cfg: cfg}
}

// Types returns the provider's resource types.
func (p *Provider) Types() []*providers.Type {
	k := shape.Kind{
		Type: providers.Type{
			Namespace: namespace, Name: "vaults", Levels: providers.AtGroup, Tracked: true, ListBySubscription: true, AlwaysTags: true,
			APIVersions: []string{"2018-02-14", "2019-09-01", "2021-06-01-preview", "2021-10-01", "2021-11-01-preview", "2022-02-01-preview", "2022-07-01", "2023-02-01", "2023-07-01", "2024-11-01", "2025-05-01"},
		},
		Rules: shape.Rules{
			Defaults: `{"sku":{"family":"A","name":"standard"},"accessPolicies":[],"enabledForDeployment":false,"enableRbacAuthorization":true,"enableSoftDelete":true,
				"softDeleteRetentionInDays":90,"publicNetworkAccess":"Enabled"}`,
			Required: []string{"tenantId"},
			Ranges:   map[string][2]int{"softDeleteRetentionInDays": {7, 90}},
			Server:   []string{"vaultUri"},
			Fixed:    []string{"softDeleteRetentionInDays"},
			Choices:  map[string][]string{"sku.name": {"standard", "premium"}, "sku.family": {"A"}},
		},
		Admit: p.admit,
	}
	shape.Availability{
		Space: "vault", Action: namespace + "/checkNameAvailability/read", Pattern: regexp.MustCompile(`^[A-Za-z](-?[A-Za-z0-9]){2,23}$`),
		Rule:  "The vault name must have 3 to 24 letters, digits and single hyphens, begin with a letter and end with a letter or digit.",
		Taken: "The vault name '%s' is already in use.",
		Bad:   badName,
	}.Apply(p.cfg.Deps, &k, func(name string) *rest.Error {
		return rest.NewError(http.StatusConflict, "VaultAlreadyExists", fmt.Sprintf(
			"The vault name '%s' is already in use. Vault names are globally unique so it is possible that the name is already taken.", name))
	})
	return shape.Compile(p.cfg.Deps, k)
}

// maxName is what the pattern, which sees to single hyphens, can't count.
const maxName = 24

func badName(name string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "VaultNameNotValid", fmt.Sprintf("The vault name '%s' is invalid. A vault's name must be between 3-24 alphanumeric characters. "+
		"The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens. Follow this link for more information: https://go.microsoft.com/fwlink/?linkid=2147742", name))
}

func (p *Provider) admit(_ context.Context, d *shape.Document) error {
	if len(d.ID.Name()) > maxName {
		return badName(d.ID.Name())
	}
	if tenant := p.cfg.TenantOf(d.ID.Subscription()); tenant != d.Properties.Text("tenantId") {
		return rest.NewError(http.StatusBadRequest, "BadRequest", fmt.Sprintf(
			"The tenant '%s' of the vault %s is not that of its subscription, '%s'.", d.Properties.Text("tenantId"), d.ID.Name(), tenant)).WithTarget("properties.tenantId")
	}
	d.Properties.Set("vaultUri", "https://"+d.ID.Name()+"."+p.cfg.Suffix+"/")
	return nil
}

package main

import (
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/dns"
	"github.com/lanyard-project/lanyard/internal/providers/keyvault"
	"github.com/lanyard-project/lanyard/internal/providers/operationalinsights"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/seal"
)

// typed is a provider: what it has for the registry.
type typed interface{ Types() []*providers.Type }

// documents are the providers whose resources are documents and nothing more:
// what clients create beside clusters, and scope roles to.
func documents(deps shape.Deps, data dataPlanes, people *directory.Directory, box *seal.Box) []typed {
	keys := shape.Keyring{Box: box}
	tenantOf := func(subscription string) string {
		tenant, _ := people.TenantOf(subscription)
		return tenant.ID
	}
	return []typed{
		dns.New(dns.Config{Store: deps.Store, Resources: deps.Resources}),
		data.storage,
		data.servicebus,
		keyvault.New(keyvault.Config{Deps: deps, TenantOf: tenantOf}),
		operationalinsights.New(operationalinsights.Config{Deps: deps, Keys: keys}),
	}
}

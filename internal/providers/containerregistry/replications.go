package containerregistry

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

// replications are a registry's copies in other regions. Terraform lists them of
// every registry, also where there are none.
func (p *Provider) replications() shape.Kind {
	return shape.Kind{
		Type: providers.Type{Namespace: namespace, Name: "registries/replications", APIVersions: apiVersions(), Levels: providers.AtGroup, Tracked: true,
			NamePattern: regexp.MustCompile(`^[a-zA-Z0-9]{5,50}$`), NameRule: "The name may have 5 to 50 letters and digits."},
		Rules: shape.Rules{Defaults: `{"regionEndpointEnabled":true,"zoneRedundancy":"Disabled"}`},
		Admit: p.replicable,
	}
}

// replicable refuses copies of a registry whose tier has none.
func (p *Provider) replicable(ctx context.Context, d *shape.Document) error {
	registry, err := p.cfg.Deps.Resources.Get(ctx, d.ID.Parent())
	if err != nil {
		return err
	}
	if !strings.Contains(strings.ToLower(string(registry.SKU)), `"premium"`) {
		return rest.NewError(http.StatusBadRequest, "GeoReplicationNotSupported", fmt.Sprintf(
			"The registry %s isn't of the tier Premium, which alone can have replications: update its sku first.", registry.ID.Name()))
	}
	return nil
}

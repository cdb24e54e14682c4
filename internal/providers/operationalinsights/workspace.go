// Package operationalinsights is the Microsoft.OperationalInsights resource
// provider: Log Analytics workspaces, which the monitoring add-on of clusters
// names. It stands above shape. A workspace here collects nothing.
package operationalinsights

import (
	"context"
	"regexp"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

const (
	namespace = "Microsoft.OperationalInsights"
	keySize   = 64
)

// Config says what the provider works with.
type Config struct {
	Deps shape.Deps
	Keys shape.Keyring
}

// Provider serves workspaces.
type Provider struct{ cfg Config }

// New returns the provider.
func New(cfg Config) *Provider { return &Provider{cfg: cfg} }

// Types returns the provider's resource types.
func (p *Provider) Types() []*providers.Type {
	return shape.Compile(p.cfg.Deps, shape.Kind{
		Type: providers.Type{
			Namespace: namespace, Name: "workspaces", Levels: providers.AtGroup, Tracked: true, ListBySubscription: true, ShowETag: true, HideSystem: true,
			APIVersions: []string{"2015-11-01-preview", "2020-03-01-preview", "2020-08-01", "2020-10-01", "2021-06-01", "2021-12-01-preview", "2022-10-01", "2023-09-01", "2025-02-01"},
			NamePattern: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]$`),
			NameRule:    "The name must have 4 to 63 letters, digits and hyphens, and begin and end with a letter or digit.",
			Actions: []providers.Action{
				{Name: "sharedKeys", Permission: namespace + "/workspaces/sharedKeys/action", Run: p.sharedKeys},
			},
		},
		Identity: true,
		Rules: shape.Rules{
			Defaults: `{"sku":{"name":"PerGB2018"},"retentionInDays":30,"workspaceCapping":{"dailyQuotaGb":-1,"dataIngestionStatus":"RespectQuota"},
				"features":{"enableLogAccessUsingOnlyResourcePermissions":true,"disableLocalAuth":false},
				"publicNetworkAccessForIngestion":"Enabled","publicNetworkAccessForQuery":"Enabled"}`,
			Ranges: map[string][2]int{"retentionInDays": {7, 730}},
			Server: []string{"customerId", "createdDate", "modifiedDate"},
		},
		Admit: func(_ context.Context, d *shape.Document) error {
			now := d.Request.Now.UTC().Format("2006-01-02T15:04:05.0000000Z07:00")
			if d.Creating() {
				d.Properties.Set("customerId", uuid.NewString())
				d.Properties.Set("createdDate", now)
			}
			d.Properties.Set("modifiedDate", now)
			return p.cfg.Keys.Ensure(d.Request.Next, keySize, "primary", "secondary")
		},
	})
}

func (p *Provider) sharedKeys(_ context.Context, r *providers.Request) (rest.Response, error) {
	answer := map[string]string{}
	for _, name := range []string{"primary", "secondary"} {
		key, err := p.cfg.Keys.Reveal(r.Old, name)
		if err != nil {
			return rest.Response{}, err
		}
		answer[name+"SharedKey"] = key.Reveal()
	}
	return rest.OK(answer), nil
}

package storage

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

// service is one of an account's services, and what is in it.
type service struct {
	name, settings string // the type's segment, and what its settings are unless changed
	in, defaults   string // likewise of what is in it
	pattern, rule  string
}

func services() []service {
	const lower = `^[a-z0-9](-?[a-z0-9]){2,62}$`
	const rule = "The name must have 3 to 63 lower-case letters, digits and single hyphens, and begin and end with a letter or digit."
	return []service{
		{"blobServices", `{"cors":{"corsRules":[]},"deleteRetentionPolicy":{"enabled":false,"allowPermanentDelete":false}}`,
			"containers", `{"publicAccess":"None","hasImmutabilityPolicy":false,"hasLegalHold":false,"leaseState":"Available","leaseStatus":"Unlocked",
				"defaultEncryptionScope":"$account-encryption-key","denyEncryptionScopeOverride":false,"immutableStorageWithVersioning":{"enabled":false}}`,
			`^(\$root|\$web|\$logs|` + lower[1:len(lower)-1] + `)$`, rule},
		{"queueServices", `{"cors":{"corsRules":[]}}`, "queues", `{"metadata":{}}`, lower, rule},
		{"tableServices", `{"cors":{"corsRules":[]}}`, "tables", `{}`, `^[A-Za-z][A-Za-z0-9]{2,62}$`, "The name must have 3 to 63 letters and digits and begin with a letter."},
		{"fileServices", `{"cors":{"corsRules":[]},"shareDeleteRetentionPolicy":{"enabled":true,"days":7},"protocolSettings":{"smb":{}}}`,
			"shares", `{"accessTier":"TransactionOptimized","shareQuota":5120,"enabledProtocols":"SMB","leaseState":"available","leaseStatus":"unlocked"}`, lower, rule},
	}
}

func (p *Provider) services() []*providers.Type {
	var out []*providers.Type
	for _, s := range services() {
		out = append(out, p.settings(s))
		out = append(out, shape.Compile(p.cfg.Deps, shape.Kind{
			Type: providers.Type{
				Namespace: namespace, Name: "storageAccounts/" + s.name + "/" + s.in, APIVersions: apiVersions(), Levels: providers.AtGroup,
				HideState: true, HideSystem: true, ShowETag: true, NamePattern: regexp.MustCompile(s.pattern), NameRule: s.rule,
			},
			Rules: shape.Rules{Defaults: s.defaults, Server: []string{"lastModifiedTime"}},
			Admit: p.admitInService,
			Show:  showModified,
		})...)
	}
	return out
}

// settings are a service's: they are there without having been made.
func (p *Provider) settings(s service) *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "storageAccounts/" + s.name, APIVersions: apiVersions(), Levels: providers.AtGroup,
		Verbs: providers.ReadOnly | providers.CanPut, HideState: true, HideSystem: true,
		NamePattern: regexp.MustCompile(`(?i)^default$`), NameRule: "An account has one service of the type, called 'default'.",
		Get: func(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
			one := *r
			one.Scope = r.ID.Parent()
			all, err := p.listSettings(ctx, &one, s)
			if err != nil {
				return nil, err
			}
			if !strings.EqualFold(r.ID.Name(), "default") {
				return nil, rest.ResourceNotFound(r.ID.String(), r.ID.ResourceGroup())
			}
			return all[0], nil
		},
		List: func(ctx context.Context, r *providers.Request) ([]*resource.Resource, error) {
			return p.listSettings(ctx, r, s)
		},
	}
}

func (p *Provider) listSettings(ctx context.Context, r *providers.Request, s service) ([]*resource.Resource, error) {
	account, err := p.cfg.Deps.Resources.Get(ctx, r.Scope)
	if err != nil {
		return nil, err
	}
	id := account.ID.Child(s.name, "default")
	stored, err := p.cfg.Deps.Resources.Get(ctx, id)
	switch {
	case rest.IsNotFound(err):
		stored = &resource.Resource{ID: id, SKU: account.SKU, Properties: json.RawMessage(s.settings)}
	case err != nil:
		return nil, err
	}
	return []*resource.Resource{stored}, nil
}

// admitInService refuses a service that no account has.
func (p *Provider) admitInService(_ context.Context, d *shape.Document) error {
	if !strings.EqualFold(d.ID.Parent().Name(), "default") {
		return rest.NewError(http.StatusBadRequest, "InvalidResourceName", "An account has one service of each type, called 'default'.")
	}
	d.Properties.Set("lastModifiedTime", d.Request.Now.UTC().Format(timeFormat))
	return nil
}

func showModified(_ context.Context, d *shape.Document) error {
	d.Properties.Set("deleted", false)
	return nil
}

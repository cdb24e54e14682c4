package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

const (
	namespace   = "Microsoft.Storage"
	accountType = namespace + "/storageAccounts"
	keySize     = 64
	timeFormat  = "2006-01-02T15:04:05.0000000Z07:00"
)

// Config says what the provider works with.
type Config struct {
	Deps shape.Deps
	Keys shape.Keyring
	// Suffix of endpoints; empty means "core.windows.net".
	Suffix string
}

// Provider serves storage accounts.
type Provider struct{ cfg Config }

// New returns the provider.
func New(cfg Config) *Provider {
	if cfg.Suffix == "" {
		cfg.Suffix = "core.windows.net"
	}
	return &Provider{cfg: cfg}
}

func apiVersions() []string {
	return []string{
		"2018-11-01", "2019-04-01", "2019-06-01", "2020-08-01-preview", "2021-01-01", "2021-02-01", "2021-04-01", "2021-06-01", "2021-08-01", "2021-09-01",
		"2022-05-01", "2022-09-01", "2023-01-01", "2023-04-01", "2023-05-01", "2024-01-01", "2025-01-01", "2025-06-01", "2025-08-01",
	}
}

// Types returns the provider's resource types.
func (p *Provider) Types() []*providers.Type {
	return append(shape.Compile(p.cfg.Deps, p.accounts()), p.services()...)
}

// nameRule is Azure's sentence about names of accounts.
const nameRule = "Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only."

func badAccountName(name string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "AccountNameInvalid", name+" is not a valid storage account name. "+nameRule).WithTarget(name)
}

func (p *Provider) accounts() shape.Kind {
	k := shape.Kind{
		Type: providers.Type{
			Namespace: namespace, Name: "storageAccounts", APIVersions: apiVersions(), Levels: providers.AtGroup, Tracked: true,
			HideSystem: true, MadeOK: true, ListBySubscription: true, AlwaysTags: true,
			Actions: []providers.Action{
				{Name: "listKeys", Permission: accountType + "/listkeys/action", Run: func(_ context.Context, r *providers.Request) (rest.Response, error) { return p.keys(r) }},
				{Name: "regenerateKey", Permission: accountType + "/regeneratekey/action", Run: p.regenerate},
			},
		},
		Kind: "StorageV2", Identity: true,
		Rules: shape.Rules{
			Defaults: `{"accessTier":"Hot","supportsHttpsTrafficOnly":true,"minimumTlsVersion":"TLS1_2","allowBlobPublicAccess":false,"allowSharedKeyAccess":true,
				"publicNetworkAccess":"Enabled","networkAcls":{"bypass":"AzureServices","virtualNetworkRules":[],"ipRules":[],"defaultAction":"Allow"},
				"encryption":{"services":{"file":{"keyType":"Account","enabled":true},"blob":{"keyType":"Account","enabled":true}},"keySource":"Microsoft.Storage"},
				"privateEndpointConnections":[]}`,
			Choices: map[string][]string{"accessTier": {"Hot", "Cool", "Cold", "Premium"}, "minimumTlsVersion": {"TLS1_0", "TLS1_1", "TLS1_2", "TLS1_3"}},
			Server:  []string{"creationTime", "primaryEndpoints", "primaryLocation", "statusOfPrimary", "keyCreationTime"},
			Check:   checkAccount,
		},
		Admit: p.admitAccount,
	}
	shape.Availability{
		Space: "storage", Action: namespace + "/checknameavailability/read", Pattern: regexp.MustCompile(`^[a-z0-9]{3,24}$`),
		Rule:  nameRule,
		Bad:   badAccountName,
		Taken: "The storage account named %s is already taken.",
	}.Apply(p.cfg.Deps, &k, func(name string) *rest.Error {
		return rest.NewError(http.StatusConflict, "StorageAccountAlreadyTaken", fmt.Sprintf("The storage account named %s is already taken.", name))
	})
	return k
}

// checkAccount wants a sku: it is the one thing that an account can't be without.
func checkAccount(d *shape.Document) error {
	kind, redundancy, ok := strings.Cut(d.SKU, "_")
	if !ok || kind != "Standard" && kind != "Premium" && kind != "StandardV2" && kind != "PremiumV2" || redundancy == "" {
		return rest.NewError(http.StatusBadRequest, "InvalidValuesForRequestParameters", fmt.Sprintf(
			"Values for request parameters are invalid: sku. The value '%s' must be one such as Standard_LRS, Standard_GRS, Standard_ZRS or Premium_LRS.", d.SKU))
	}
	raw, err := json.Marshal(map[string]string{"name": d.SKU, "tier": strings.TrimSuffix(kind, "V2")})
	d.Request.Next.SKU = raw
	return err
}

func (p *Provider) admitAccount(_ context.Context, d *shape.Document) error {
	if d.Properties.Text("creationTime") == "" {
		now := d.Request.Now.UTC().Format(timeFormat)
		d.Properties.Set("creationTime", now)
		d.Properties.Set("keyCreationTime", map[string]any{"key1": now, "key2": now})
	}
	endpoints := map[string]any{}
	for service, at := range map[string]string{"blob": "blob", "dfs": "dfs", "file": "file", "queue": "queue", "table": "table", "web": "z13.web"} {
		endpoints[service] = "https://" + d.ID.Name() + "." + at + "." + p.cfg.Suffix + "/"
	}
	d.Properties.Set("primaryEndpoints", endpoints)
	d.Properties.Set("primaryLocation", d.Location)
	d.Properties.Set("statusOfPrimary", "available")
	return p.cfg.Keys.Ensure(d.Request.Next, keySize, "key1", "key2")
}

// keys shows the account's keys, those that the request makes if it makes any.
func (p *Provider) keys(r *providers.Request) (rest.Response, error) {
	account := r.Old
	if r.Next != nil {
		account = r.Next
	}
	list := []any{}
	for _, name := range []string{"key1", "key2"} {
		value, err := p.cfg.Keys.Reveal(account, name)
		if err != nil {
			return rest.Response{}, err
		}
		list = append(list, map[string]any{"keyName": name, "value": value.Reveal(), "permissions": "FULL",
			"creationTime": account.SystemData.CreatedAt.UTC().Format(timeFormat)})
	}
	return rest.OK(map[string]any{"keys": list}), nil
}

func (p *Provider) regenerate(_ context.Context, r *providers.Request) (rest.Response, error) {
	var asked struct {
		Name string `json:"keyName"`
	}
	if err := json.Unmarshal(r.Body, &asked); err != nil || asked.Name != "key1" && asked.Name != "key2" {
		return rest.Response{}, rest.InvalidRequestContent("The body must be an object with 'keyName', which is 'key1' or 'key2'")
	}
	r.Next = r.Old.Clone()
	if err := p.cfg.Keys.Renew(r.Next, keySize, asked.Name); err != nil {
		return rest.Response{}, err
	}
	return p.keys(r)
}

// Package servicebus is the Microsoft.ServiceBus resource provider as ARM sees
// it: namespaces, queues, topics, subscriptions and authorization rules. It
// stands above shape.
//
// Everything here has an ID that a role can be scoped to, down to one queue.
// Messages are another service's: what a caller may do with them is asked of the
// data-plane check.
package servicebus

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
	"github.com/lanyard-project/lanyard/internal/store"
)

const (
	namespace = "Microsoft.ServiceBus"
	keySize   = 32
	forever   = "P10675199DT2H48M5.4775807S"
	never     = "0001-01-01T00:00:00Z"
)

// Config says what the provider works with.
type Config struct {
	Deps shape.Deps
	Keys shape.Keyring
	// Suffix of endpoints; empty means "servicebus.windows.net".
	Suffix string
}

// Provider serves namespaces and what is in them.
type Provider struct{ cfg Config }

// New returns the provider.
func New(cfg Config) *Provider {
	if cfg.Suffix == "" {
		cfg.Suffix = "servicebus.windows.net"
	}
	return &Provider{cfg: cfg}
}

func apiVersions() []string {
	return []string{
		"2017-04-01", "2018-01-01-preview", "2021-01-01-preview", "2021-06-01-preview", "2021-11-01", "2022-01-01-preview", "2022-10-01-preview", "2023-01-01-preview", "2024-01-01",
	}
}

// Types returns the provider's resource types.
func (p *Provider) Types() []*providers.Type {
	kinds := []shape.Kind{p.namespaces(), networkRules()}
	for name, defaults := range entities() {
		kinds = append(kinds, p.entity(name, defaults))
	}
	for _, of := range []string{"namespaces", "namespaces/queues", "namespaces/topics"} {
		kinds = append(kinds, p.rules(of))
	}
	return shape.Compile(p.cfg.Deps, kinds...)
}

// entities are what is in a namespace, with what they are unless said otherwise.
func entities() map[string]string {
	const counts = `"countDetails":{"activeMessageCount":0,"deadLetterMessageCount":0,"scheduledMessageCount":0,"transferMessageCount":0,"transferDeadLetterMessageCount":0}`
	const common = `"status":"Active","enableBatchedOperations":true,"autoDeleteOnIdle":"` + forever + `","defaultMessageTimeToLive":"` + forever + `",` + counts
	const held = `"maxSizeInMegabytes":1024,"maxMessageSizeInKilobytes":256,"sizeInBytes":0,"requiresDuplicateDetection":false,"duplicateDetectionHistoryTimeWindow":"PT10M","enablePartitioning":false,"enableExpress":false`
	const received = `"lockDuration":"PT1M","requiresSession":false,"deadLetteringOnMessageExpiration":false,"maxDeliveryCount":10,"messageCount":0`
	return map[string]string{
		"namespaces/queues":                     `{` + common + `,` + held + `,` + received + `}`,
		"namespaces/topics":                     `{` + common + `,` + held + `,"supportOrdering":true,"subscriptionCount":0}`,
		"namespaces/topics/subscriptions":       `{` + common + `,` + received + `,"deadLetteringOnFilterEvaluationExceptions":true,"isClientAffine":false}`,
		"namespaces/topics/subscriptions/rules": `{"filterType":"SqlFilter","action":{}}`,
	}
}

func (p *Provider) entity(name, defaults string) shape.Kind {
	return shape.Kind{
		Type: providers.Type{
			Namespace: namespace, Name: name, APIVersions: apiVersions(), Levels: providers.AtGroup, HideState: true, HideSystem: true, MadeOK: true,
			NamePattern: regexp.MustCompile(`^[A-Za-z0-9$]([A-Za-z0-9._~/-]{0,258}[A-Za-z0-9])?$`),
			NameRule:    "The name may have 1 to 260 letters, digits, '.', '-' and '_', and must begin and end with a letter or digit.",
		},
		Rules: shape.Rules{
			Defaults: defaults, Server: []string{"createdAt", "updatedAt", "countDetails", "messageCount", "sizeInBytes", "subscriptionCount"},
			Fixed: []string{"requiresSession", "requiresDuplicateDetection", "enablePartitioning"},
		},
		Admit: func(_ context.Context, d *shape.Document) error {
			now := d.Request.Now.UTC().Format("2006-01-02T15:04:05.000Z07:00")
			if d.Creating() {
				d.Properties.Set("createdAt", now)
				d.Properties.Set("accessedAt", never)
			}
			d.Properties.Set("updatedAt", now)
			return nil
		},
	}
}

func (p *Provider) namespaces() shape.Kind {
	k := shape.Kind{
		Type: providers.Type{
			Namespace: namespace, Name: "namespaces", APIVersions: apiVersions(), Levels: providers.AtGroup, Tracked: true, HideSystem: true, ListBySubscription: true, AlwaysTags: true,
		},
		SKU: `{"name":"Standard","tier":"Standard"}`, Identity: true,
		Rules: shape.Rules{
			Defaults: `{"minimumTlsVersion":"1.2","publicNetworkAccess":"Enabled","disableLocalAuth":false,"zoneRedundant":false,"premiumMessagingPartitions":0,"privateEndpointConnections":[]}`,
			Server:   []string{"createdAt", "updatedAt", "serviceBusEndpoint", "metricId", "status"},
			Check:    checkTier,
		},
		Admit: p.admitNamespace,
	}
	shape.Availability{
		Space: "servicebus", Action: namespace + "/checkNameAvailability/action", Pattern: regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{4,48}[A-Za-z0-9]$`),
		Rule:  "The namespace name must have 6 to 50 letters, digits and hyphens, begin with a letter and end with a letter or digit.",
		Taken: "The specified name %s is not available. For more information visit https://aka.ms/eventhubsarmexceptions.",
	}.Apply(p.cfg.Deps, &k, func(name string) *rest.Error {
		return rest.NewError(http.StatusConflict, "NamespaceUnavailable", fmt.Sprintf("Namespace name '%s' is not available: it is already in use.", name))
	})
	return k
}

func checkTier(d *shape.Document) error {
	for _, tier := range []string{"Basic", "Standard", "Premium"} {
		if strings.EqualFold(d.SKU, tier) {
			var sku map[string]any
			if err := json.Unmarshal(d.Request.Next.SKU, &sku); err != nil {
				return rest.InvalidRequestContent(err.Error())
			}
			sku["name"], sku["tier"] = tier, tier
			var err error
			d.Request.Next.SKU, err = json.Marshal(sku)
			return err
		}
	}
	return rest.NewError(http.StatusBadRequest, "BadRequest", fmt.Sprintf("The sku '%s' is not supported. Choose Basic, Standard or Premium.", d.SKU)).WithTarget("sku.name")
}

const rootRule = "RootManageSharedAccessKey"

func (p *Provider) admitNamespace(_ context.Context, d *shape.Document) error {
	now := d.Request.Now.UTC().Format("2006-01-02T15:04:05.0000000Z07:00")
	d.Properties.Set("updatedAt", now)
	d.Properties.Set("status", "Active")
	d.Properties.Set("serviceBusEndpoint", "https://"+d.ID.Name()+"."+p.cfg.Suffix+":443/")
	d.Properties.Set("metricId", d.ID.Subscription()+":"+strings.ToLower(d.ID.Name()))
	if !d.Creating() {
		return nil
	}
	d.Properties.Set("createdAt", now)
	root := &resource.Resource{ID: d.ID.Child("AuthorizationRules", rootRule), Properties: json.RawMessage(`{"rights":["Listen","Manage","Send"]}`), ProvisioningState: resource.Succeeded}
	if err := p.cfg.Keys.Ensure(root, keySize, keyNames()...); err != nil {
		return err
	}
	raw, err := root.Store()
	if err != nil {
		return err
	}
	d.Request.Conds = append(d.Request.Conds, store.Absent(resource.StoreKey(root.ID)))
	d.Request.Ops = append(d.Request.Ops, store.Put(resource.StoreKey(root.ID), raw))
	return nil
}

func networkRules() shape.Kind {
	return shape.Kind{
		Type: providers.Type{Namespace: namespace, Name: "namespaces/networkRuleSets", APIVersions: apiVersions(), Levels: providers.AtGroup, HideState: true, HideSystem: true, MadeOK: true,
			NamePattern: regexp.MustCompile(`(?i)^default$`), NameRule: "A namespace has one rule set, called 'default'."},
		Rules: shape.Rules{Defaults: `{"publicNetworkAccess":"Enabled","defaultAction":"Allow","virtualNetworkRules":[],"ipRules":[],"trustedServiceAccessEnabled":false}`},
	}
}

func namespaceOf(id armid.ID) armid.ID {
	for id.Type() != namespace+"/namespaces" && !id.IsRoot() {
		id = id.Parent()
	}
	return id
}

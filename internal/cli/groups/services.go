package groups

import (
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/azure"
	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// serviceGroups are the services that identities are given roles on.
func serviceGroups() command.Table {
	registry := family{kind: kind{version: "2022-02-01-preview", service: "containerregistry", model: "Registry"}, words: "acr", what: "container registry", provider: "Microsoft.ContainerRegistry/registries", unique: true, confirm: "Are you sure you want to delete the registry? This operation cannot be undone."}
	registry.table = registryTable(columns("NAME", "name", "RESOURCE GROUP", "resourceGroup", "LOCATION", "location", "SKU", "sku.name", "LOGIN SERVER", "loginServer", "CREATION DATE", "creationDate", "ADMIN ENABLED", "adminUserEnabled"))
	account := family{kind: kind{version: "2022-09-01", service: "storage", model: "StorageAccount"}, words: "storage account", what: "storage account", provider: "Microsoft.Storage/storageAccounts", unique: true, confirm: command.Sure}
	vault := family{kind: kind{version: "2022-07-01", service: "keyvault", model: "Vault"}, words: "keyvault", what: "key vault", provider: "Microsoft.KeyVault/vaults", unique: true}
	bus := family{kind: kind{version: "2022-01-01-preview", service: "servicebus", model: "SBNamespace"}, words: "servicebus namespace", what: "Service Bus namespace", provider: "Microsoft.ServiceBus/namespaces"}
	queue := family{kind: kind{version: "2022-01-01-preview", service: "servicebus", model: "SBQueue"}, words: "servicebus queue", what: "queue", provider: "queues", parent: "namespace-name", parentType: bus.provider}
	topic := family{kind: kind{version: "2022-01-01-preview", service: "servicebus", model: "SBTopic"}, words: "servicebus topic", what: "topic", provider: "topics", parent: "namespace-name", parentType: bus.provider}
	zone := family{kind: kind{version: "2018-05-01", service: "dns", model: "Zone"}, words: "network dns zone", what: "DNS zone", provider: "Microsoft.Network/dnsZones", confirm: command.Sure}
	private := family{kind: kind{version: "2018-09-01", service: "privatedns", model: "PrivateZone"}, words: "network private-dns zone", what: "private DNS zone", provider: "Microsoft.Network/privateDnsZones", confirm: command.Sure}
	zone.table = columns("ZoneName", "name", "ResourceGroup", "resourceGroup", "RecordSets", "numberOfRecordSets", "MaxRecordSets", "maxNumberOfRecordSets")
	var commands []*command.Command
	for _, f := range []family{registry, account, vault, bus, queue, topic, zone, private} {
		commands = append(commands, f.reading()...)
	}
	commands = append(commands, acrLogin(),
		registry.creating([]argument{arg("--sku", "SKU.").Choices("Basic", "Standard", "Premium").Required(), arg("--admin-enabled", "An administrator user.").Choices("true", "false").Of(grammarOptional).Or("false")}, newRegistry),
		account.creating([]argument{arg("--sku", "SKU.").Or("Standard_RAGRS"), arg("--kind", "Kind.").Or("StorageV2"), arg("--access-tier", "Access tier.").Choices("Hot", "Cool"), arg("--allow-shared-key-access", "Keys beside identities.").Choices("true", "false").Of(grammarOptional)}, newStorageAccount),
		vault.creating([]argument{arg("--sku", "SKU.").Choices("standard", "premium").Or("standard"), arg("--enable-rbac-authorization", "Roles instead of access policies.").Choices("true", "false").Of(grammarOptional)}, newVault),
		bus.creating([]argument{arg("--sku", "SKU.").Choices("Basic", "Standard", "Premium").Or("Standard")}, func(c *command.Call, _ *azure.Client, body *value.Object) error {
			body.Set("sku", value.NewObject("name", c.Get("sku"), "tier", c.Get("sku")))
			return nil
		}),
		queue.creating(nil, emptyProperties), topic.creating(nil, emptyProperties),
		zone.creating(nil, func(_ *command.Call, _ *azure.Client, body *value.Object) error {
			body.Set("location", "global").Set("properties", value.NewObject("zoneType", "Public"))
			return nil
		}),
		private.creating(nil, func(_ *command.Call, _ *azure.Client, body *value.Object) error {
			body.Set("location", "global")
			return nil
		}),
	)
	return command.Table{
		Groups: []command.Group{
			{Path: "acr", Summary: "Container registries."}, {Path: "storage", Summary: "Storage."}, {Path: "storage account", Summary: "Storage accounts."},
			{Path: "keyvault", Summary: "Key vaults."}, {Path: "servicebus", Summary: "Service Bus."}, {Path: "servicebus namespace", Summary: "Namespaces."},
			{Path: "servicebus queue", Summary: "Queues."}, {Path: "servicebus topic", Summary: "Topics."}, {Path: "network dns", Summary: "DNS."}, {Path: "network dns zone", Summary: "DNS zones."},
			{Path: "network private-dns", Summary: "Private DNS."}, {Path: "network private-dns zone", Summary: "Private DNS zones."},
		},
		Commands: commands,
	}
}

// registryTable writes dates as az writes them for registries alone: to the second.
func registryTable(rows func(any) any) func(any) any {
	return func(v any) any {
		table := rows(v)
		list, _ := table.([]any)
		for _, row := range list {
			o, _ := row.(*value.Object)
			if made, err := time.Parse(time.RFC3339, o.String("CREATION DATE")); err == nil {
				o.Set("CREATION DATE", made.Format("2006-01-02T15:04:05Z"))
			}
		}
		return table
	}
}

func emptyProperties(_ *command.Call, _ *azure.Client, body *value.Object) error {
	body.Set("properties", value.NewObject())
	return nil
}

// on reads a flag that may stand alone or with true or false.
func on(c *command.Call, key string) bool {
	return c.Get(key) == "true" || c.Given(key) && len(c.List(key)) == 0
}

func newRegistry(c *command.Call, _ *azure.Client, body *value.Object) error {
	body.Set("sku", value.NewObject("name", c.Get("sku"))).Set("properties", value.NewObject("adminUserEnabled", on(c, "admin-enabled"), "anonymousPullEnabled", false))
	return nil
}

func newStorageAccount(c *command.Call, _ *azure.Client, body *value.Object) error {
	properties := value.NewObject("encryption", value.NewObject("services", value.NewObject("blob", value.NewObject()), "keySource", "Microsoft.Storage"))
	if tier := c.Get("access-tier"); tier != "" {
		properties.Set("accessTier", tier)
	}
	if c.Given("allow-shared-key-access") {
		properties.Set("allowSharedKeyAccess", on(c, "allow-shared-key-access"))
	}
	body.Set("sku", value.NewObject("name", c.Get("sku"))).Set("kind", c.Get("kind")).Set("properties", properties)
	return nil
}

func newVault(c *command.Call, client *azure.Client, body *value.Object) error {
	properties := value.NewObject("tenantId", client.Tenant, "sku", value.NewObject("family", "A", "name", c.Get("sku")), "accessPolicies", []any{},
		"enableSoftDelete", true, "softDeleteRetentionInDays", value.Int(90))
	if on(c, "enable-rbac-authorization") {
		properties.Set("enableRbacAuthorization", true)
	}
	body.Set("properties", properties)
	return nil
}

package containerservice

import (
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// addonProfile is an entry of addonProfiles.
type addonProfile struct {
	Enabled bool              `json:"enabled"`
	Config  map[string]string `json:"config"`
}

// addon is one of AKS' add-ons, as far as its identity goes. Nothing runs in the cluster for it.
type addon struct {
	key string // in addonProfiles
	// identity is what the name of its identity begins with; "" for an add-on without one.
	identity string
	// grants are its roles and where.
	grants func(w *work) []addonGrant
	// onNodes is set if the nodes use the identity.
	onNodes bool
	// lacks says what its configuration lacks.
	lacks func(config map[string]string) *rest.Error
	// defaults are filled into its configuration.
	defaults map[string]string
	// without is set by a configuration with which it needs no identity.
	without func(config map[string]string) bool
}

type addonGrant struct {
	role  string
	scope armid.ID
}

const (
	readerRole           = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	metricsPublisherRole = "3913510d-42f4-4e42-8a64-420c390055eb"

	httpRouting     = "httpApplicationRouting"
	httpRoutingZone = "HTTPApplicationRoutingZoneName"
)

// addons are those of AKS' documentation, with the roles that it lists.
func addons() []addon {
	contributor := func(w *work) []addonGrant { return []addonGrant{{contributorRole, w.nodeGroup()}} }
	return []addon{
		{key: "omsagent", identity: "omsagent",
			grants: func(w *work) []addonGrant { return []addonGrant{{metricsPublisherRole, w.cluster.ID}} },
			lacks: needs("LogAnalyticsWorkspaceNotSet", "The omsagent addon needs the ID of a Log Analytics workspace in its configuration, under logAnalyticsWorkspaceResourceID.",
				"logAnalyticsWorkspaceResourceID"),
			without: func(config map[string]string) bool { return strings.EqualFold(config["useAADAuth"], "true") },
		},
		{key: httpRouting, identity: "httpapplicationrouting", grants: func(w *work) []addonGrant {
			return []addonGrant{{readerRole, w.nodeGroup()}, {contributorRole, w.routingZone()}}
		}},
		{key: "ingressApplicationGateway", identity: "ingressapplicationgateway", grants: contributor, lacks: gatewayLacks},
		{key: "aciConnectorLinux", identity: "aciconnectorlinux", grants: contributor,
			lacks: needs("AddonInvalid", "The aciConnectorLinux addon needs the name of a subnet in its configuration, under SubnetName.", "SubnetName")},
		{key: "azurepolicy", identity: "azurepolicy"},
		{key: "azureKeyvaultSecretsProvider", identity: "azurekeyvaultsecretsprovider", onNodes: true,
			defaults: map[string]string{"enableSecretRotation": "false", "rotationPollInterval": "2m"}},
		{key: "kubeDashboard"}, {key: "openServiceMesh"}, {key: "ACCSGXDevicePlugin"}, {key: "gitops"},
	}
}

// needs wants one of the members in an add-on's configuration.
func needs(code, text string, oneOf ...string) func(map[string]string) *rest.Error {
	return func(config map[string]string) *rest.Error {
		for _, name := range oneOf {
			if config[name] != "" {
				return nil
			}
		}
		return refused(code, text, "addonProfiles")
	}
}

func findAddon(key string) (addon, bool) {
	for _, a := range addons() {
		if strings.EqualFold(a.key, key) {
			return a, true
		}
	}
	return addon{}, false
}

// needsIdentity reports whether the add-on, as it is configured, has an identity of its own.
func (a addon) needsIdentity(config map[string]string) bool {
	return a.identity != "" && (a.without == nil || !a.without(config))
}

// validateAddons refuses add-ons that AKS doesn't have, and configurations that can't work.
func validateAddons(p properties) *rest.Error {
	for key, profile := range p.AddonProfiles {
		a, ok := findAddon(key)
		if !ok {
			return refused("AddonInvalid", "The addon '"+key+"' is not known.", "addonProfiles."+key)
		}
		if profile.Enabled && a.lacks != nil {
			if e := a.lacks(profile.Config); e != nil {
				return e
			}
		}
	}
	return nil
}

// completeAddons fills in what the service decides. Identities are its own business: what a client sends back of them
// changes nothing.
func completeAddons(d document, before *resource.Resource, routingZone string) error {
	old := document{}
	if before != nil {
		var err error
		if old, err = parseDocument(before.Properties); err != nil {
			return err
		}
	}
	profiles := asObject(d["addonProfiles"])
	for key := range profiles {
		profile := asObject(profiles[key])
		a, ok := findAddon(key)
		if profile == nil || !ok {
			continue
		}
		delete(profile, "identity")
		if known := asObject(asObject(old["addonProfiles"])[key]); known["identity"] != nil {
			profile["identity"] = known["identity"]
		}
		if profile["enabled"] != true {
			continue
		}
		for name, value := range a.defaults {
			profile.section("config").fill(name, value)
		}
		if a.key == httpRouting {
			profile.section("config")[httpRoutingZone] = routingZone
		}
	}
	return nil
}

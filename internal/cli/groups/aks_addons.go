package groups

import (
	"context"
	"strings"

	"github.com/lanyard-project/lanyard/internal/cli/command"
	"github.com/lanyard-project/lanyard/internal/cli/value"
)

// addonName is the service's name of an add-on.
func addonName(name string) string {
	return map[string]string{
		"http_application_routing": "httpApplicationRouting", "monitoring": "omsagent", "virtual-node": "aciConnectorLinux",
		"kube-dashboard": "kubeDashboard", "azure-policy": "azurepolicy", "ingress-appgw": "ingressApplicationGateway",
		"confcom": "ACCSGXDevicePlugin", "open-service-mesh": "openServiceMesh", "azure-keyvault-secrets-provider": "azureKeyvaultSecretsProvider",
	}[name]
}

func addonCommands() command.Table {
	names := arg("--addons -a", "Add-ons, separated by commas.").Required()
	return command.Table{Commands: []*command.Command{
		{
			Path: "aks enable-addons", Summary: "Turn add-ons on.", NoWait: true,
			Arguments: []argument{inGroup(), clusterName(), names, arg("--workspace-resource-id", "Log Analytics workspace of the monitoring add-on."),
				arg("--subnet-name -s", "Subnet of the virtual-node add-on."), flag("--enable-secret-rotation", "For the Key Vault add-on."), arg("--rotation-poll-interval", "For the Key Vault add-on."),
				arg("--appgw-name", "For the ingress add-on."), arg("--appgw-subnet-cidr", "For the ingress add-on."), arg("--appgw-id", "For the ingress add-on."), arg("--appgw-subnet-id", "For the ingress add-on."), arg("--appgw-watch-namespace", "For the ingress add-on.")},
			Examples: []command.Example{{Title: "Turn the Key Vault add-on on.", Line: "lanyard aks enable-addons -g MyResourceGroup -n MyCluster --addons azure-keyvault-secrets-provider"}},
			Run: func(ctx context.Context, c *command.Call) (any, error) {
				return changeAddons(ctx, c, func(profiles *value.Object, name string) error {
					return enableAddon(c, profiles, name, c.Get("subnet-name"), true)
				})
			},
		},
		{
			Path: "aks disable-addons", Summary: "Turn add-ons off.", NoWait: true, Arguments: []argument{inGroup(), clusterName(), names},
			Run: func(ctx context.Context, c *command.Call) (any, error) {
				return changeAddons(ctx, c, func(profiles *value.Object, name string) error {
					key, err := knownAddon(name)
					if err != nil {
						return err
					}
					if profiles.Object(key) == nil {
						if name != "kube-dashboard" {
							return command.Usage("The addon %s is not installed.", name)
						}
					}
					profiles.Set(key, value.NewObject("enabled", false))
					return nil
				})
			},
		},
	}}
}

func knownAddon(name string) (string, error) {
	if key := addonName(name); key != "" {
		return key, nil
	}
	return "", command.Usage("Invalid addon name: %s.", name)
}

// newAddons are the add-ons of a new cluster.
func newAddons(c *command.Call) (*value.Object, error) {
	profiles := value.NewObject()
	for name := range strings.SplitSeq(c.Get("enable-addons"), ",") {
		if name == "" {
			continue
		}
		key := addonName(name)
		if key == "" {
			return nil, command.Usage("\"%s\" is not a recognized addon option. Possible values: http_application_routing,monitoring,virtual-node,kube-dashboard,azure-policy,ingress-appgw,confcom,open-service-mesh,azure-keyvault-secrets-provider", name)
		}
		if err := enableAddon(c, profiles, name, c.Get("aci-subnet-name"), false); err != nil {
			return nil, err
		}
	}
	return profiles, nil
}

// enableAddon turns one add-on on; again says that one which is on is a mistake.
func enableAddon(c *command.Call, profiles *value.Object, name, subnet string, again bool) error {
	key, err := knownAddon(name)
	if err != nil {
		return err
	}
	if again && profiles.Bool(key, "enabled") && (key == "omsagent" || key == "ingressApplicationGateway" || key == "azureKeyvaultSecretsProvider") {
		return command.Usage("The %s addon is already enabled for this managed cluster.\nTo change %s configuration, run \"az aks disable-addons -a %s -n %s -g %s\" before enabling it again.", name, name, name, c.Get("name"), c.Get("resource-group"))
	}
	addon := value.NewObject("enabled", true)
	config := value.NewObject()
	switch key {
	case "omsagent":
		workspace := c.Get("workspace-resource-id")
		if workspace == "" {
			return command.Usage("--workspace-resource-id is needed for the monitoring add-on: no default workspace is made here")
		}
		config.Set("logAnalyticsWorkspaceResourceID", "/"+strings.Trim(workspace, "/ ")).Set("useAADAuth", "False")
	case "aciConnectorLinux":
		if subnet == "" {
			return command.Usage("The aci-connector addon requires setting a subnet name.")
		}
		config.Set("SubnetName", subnet)
	case "azureKeyvaultSecretsProvider":
		rotation, every := "false", "2m"
		if c.On("enable-secret-rotation") {
			rotation = "true"
		}
		if given := c.Get("rotation-poll-interval"); given != "" {
			every = given
		}
		config.Set("enableSecretRotation", rotation).Set("rotationPollInterval", every)
	case "ingressApplicationGateway":
		for option, field := range map[string]string{"appgw-name": "applicationGatewayName", "appgw-subnet-cidr": "subnetCIDR", "appgw-id": "applicationGatewayId", "appgw-subnet-id": "subnetId", "appgw-watch-namespace": "watchNamespace"} {
			if v := c.Get(option); v != "" {
				config.Set(field, v)
			}
		}
	}
	if config.Len() > 0 {
		addon.Set("config", config)
	}
	profiles.Set(key, addon)
	return nil
}

// changeAddons changes add-ons of a cluster, one name after the other.
func changeAddons(ctx context.Context, c *command.Call, change func(profiles *value.Object, name string) error) (any, error) {
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	cluster, err := getCluster(ctx, client, c)
	if err != nil {
		return nil, err
	}
	properties := cluster.Ensure("properties")
	profiles := properties.Ensure("addonProfiles")
	for name := range strings.SplitSeq(c.Get("addons"), ",") {
		if err := change(profiles, strings.TrimSpace(name)); err != nil {
			return nil, err
		}
	}
	properties.Delete("servicePrincipalProfile")
	return putCluster(ctx, c, client, cluster)
}

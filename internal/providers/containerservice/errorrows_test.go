package containerservice_test

import (
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
)

// identityRefusals are those of a cluster that is made with what the user brought.
func (e *errorTable) identityRefusals() []refusal {
	strict := containerservice.Rules{Strict: true}
	kubelet := func(text string) string { return `"identityProfile":{"kubeletidentity":{` + text + `}},` }
	sp := func(id, secret string) func() error {
		return e.new(`{"type":"None"}`, `"servicePrincipalProfile":{"clientId":"`+id+`","secret":"`+secret+`"},`, "", "")
	}
	in := func(subnet string) string { return `,"vnetSubnetID":"` + e.vnet + `/subnets/` + subnet + `"` }
	const routed, kubenet = `"outboundType":"userDefinedRouting"`, `"networkPlugin":"kubenet"`
	private := `"apiServerAccessProfile":{"enablePrivateCluster":true,"privateDNSZone":"` + e.zone + `"},`
	group := clusterID("x").ResourceGroupID().String()
	return []refusal{
		{name: "kubelet identity without Managed Identity Operator", ask: e.new(e.own(), kubelet(`"resourceId":"`+e.kubelet+`"`), "", ""),
			code: "CustomKubeletIdentityMissingPermissionError", text: "must be granted 'Managed Identity Operator' role to assign kubelet identity.", grant: &roleAt{operatorRole, e.kubelet}},
		{name: "one identity in both roles, strict", rules: strict, ask: e.new(e.own(), kubelet(`"resourceId":"`+e.plane+`"`), "", ""),
			code: "CustomKubeletIdentityMissingPermissionError", text: "Managed Identity Operator", grant: &roleAt{operatorRole, e.plane}},
		{name: "kubelet identity with a system-assigned control plane", ask: e.new(systemAssigned, kubelet(`"resourceId":"`+e.kubelet+`"`), "", ""),
			code: "CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster"},
		{name: "kubelet identity with a service principal", ask: e.new(`{"type":"None"}`, kubelet(`"resourceId":"`+e.kubelet+`"`)+`"servicePrincipalProfile":{"clientId":"a","secret":"b"},`, "", ""),
			code: "CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster"},
		{name: "kubelet identity's client ID", ask: e.new(e.own(), kubelet(`"resourceId":"`+e.kubelet+`","clientId":"other"`), "", ""), code: "CustomKubeletIdentityPropertyError"},
		{name: "kubelet identity's object ID", ask: e.new(e.own(), kubelet(`"resourceId":"`+e.kubelet+`","objectId":"other"`), "", ""), code: "CustomKubeletIdentityPropertyError"},
		{name: "kubelet identity's resource ID", ask: e.new(e.own(), kubelet(`"resourceId":"x"`), "", ""), code: "CustomKubeletIdentityPropertyError"},
		{name: "kubelet identity that isn't there", ask: e.new(e.own(), kubelet(`"resourceId":"`+e.kubelet+`gone"`), "", ""), code: "GetUserAssignedIdentityResourceError", text: "was not found"},
		{name: "system-assigned in a kubenet network, strict", rules: strict, ask: e.new(systemAssigned, "", in("plain"), kubenet),
			code: "OnlySupportedOnUserAssignedMSICluster", text: "System-assigned managed identity not supported for custom resource VirtualNetworks. Please use user-assigned managed identity."},
		{name: "system-assigned with a route table", ask: e.new(systemAssigned, "", in("routed"), kubenet), code: "CustomRouteTableWithUnsupportedMSIType"},
		{name: "user-defined routing without a table", ask: e.new(e.own(), "", in("plain"), routed), code: "ExistingRouteTableNotAssociatedWithSubnet"},
		{name: "subnet that the control plane may not join", ask: e.new(e.own(), "", in("plain"), ""),
			code: "LinkedAuthorizationFailed", text: e.planePrincipal, grant: &roleAt{networkContributorRole, e.vnet}},
		{name: "private DNS zone that the control plane may not write", ask: e.new(e.own(), private, "", ""),
			code: "CustomPrivateDNSZoneMissingPermissionError", text: "must be given permission to read and write to custom private dns zone " + e.zone, grant: &roleAt{zoneContributorRole, group}},
		{name: "route table that the control plane may not write", ask: e.new(e.own(), "", in("routed"), routed),
			code: "CustomRouteTableMissingPermission", text: "Managed identity or service principle must be given permission to read and write to custom route table " + e.routes + ".", grant: &roleAt{networkContributorRole, group}},
		{name: "private DNS zone with a system-assigned control plane", ask: e.new(systemAssigned, private, "", ""), code: "SystemAssignedIdentityNotSupportedForCustomPrivateDNSZone"},
		{name: "control plane's identity that is no identity", ask: e.new(strings.Replace(e.own(), e.plane, e.vnet, 1), "", "", ""), code: "InvalidManagedIdentityResourceID"},
		{name: "control plane's identity that isn't there", ask: e.new(strings.Replace(e.own(), "/plane", "/gone", 1), "", "", ""), code: "GetUserAssignedIdentityResourceError", text: "was not found"},
		{name: "own control plane before it was offered", rules: containerservice.Rules{Of2020: true}, ask: e.new(e.own(), "", "", ""), code: "PreviewFeatureNotRegistered", text: "UserAssignedIdentityPreview"},
		{name: "own kubelet before it was offered", rules: containerservice.Rules{Of2020: true}, ask: e.with("UserAssignedIdentityPreview", e.new(e.own(), kubelet(`"resourceId":"`+e.kubelet+`"`), "", "")),
			code: "PreviewFeatureNotRegistered", text: "CustomKubeletIdentityPreview"},
		{name: "service principal that isn't there", ask: sp("11111111-2222-4333-8444-555555555555", "x"), code: "ServicePrincipalNotFound", text: "not found in Active Directory tenant"},
		{name: "service principal's wrong secret", ask: sp(e.appID, "x"), code: "ServicePrincipalValidationClientError", text: "AADSTS7000215"},
		{name: "service principal's expired secret", ask: sp(e.appID, e.expired), code: "ServicePrincipalValidationClientError", text: "AADSTS7000222"},
		{name: "service principal's long secret", ask: sp(e.appID, strings.Repeat("x", 191)), code: "SPClientSecretTooLongError"},
		{name: "subnet that isn't there", ask: e.new(e.own(), "", in("gone"), ""), code: "SubnetNotFound"},
	}
}

// updateRefusals are those of changes of clusters that are there.
func (e *errorTable) updateRefusals() []refusal {
	identity := func(text string) string { return `{"location":"westus2","identity":` + text + `}` }
	kubelet := `"identityProfile":{"kubeletidentity":{"resourceId":"` + e.kubelet + `"}}`
	of2020 := containerservice.Rules{Of2020: true}
	pools := func(text string) string { return change(`"agentPoolProfiles":[` + text + `]`) }
	nodes := armid.ResourceGroup(subscription, "MC_rg_system_westus2").String()
	const one = `{"name":"nodepool1","count":2,"vmSize":"Standard_DS2_v2","mode":"System"}`
	return []refusal{
		{name: "to a service principal, by its profile", ask: e.change("system", `"servicePrincipalProfile":{"clientId":"`+e.appID+`","secret":"`+e.secret+`"}`),
			code: "PropertyChangeNotAllowed", text: "Changing property 'servicePrincipalProfile.clientId' is not allowed."},
		{name: "to a service principal, by the identity's type", ask: e.to("user", identity(`{"type":"None"}`)), code: "PropertyChangeNotAllowed", text: "identity.type"},
		{name: "to another service principal", ask: e.change("sp", `"servicePrincipalProfile":{"clientId":"other","secret":"`+e.secret+`"}`),
			code: "PropertyChangeNotAllowed", text: "Changing property 'servicePrincipalProfile.clientId' is not allowed."},
		{name: "to another secret", ask: e.change("sp", `"servicePrincipalProfile":{"clientId":"`+e.appID+`","secret":"other"}`),
			code: "PropertyChangeNotAllowed", text: "Changing property 'servicePrincipalProfile.secret' is not allowed."},
		{name: "from a service principal before that was offered", rules: of2020, ask: e.to("sp", identity(systemAssigned)), code: "PreviewFeatureNotRegistered",
			text: "Migrating the cluster to MSI cluster is not allowed since feature Microsoft.ContainerService/MigrateToMSIClusterPreview is not enabled. Please see https://aka.ms/aks/previews for how to enable features."},
		{name: "another control plane before that was offered", rules: of2020, ask: e.to("system", identity(e.own())), code: "PropertyChangeNotAllowed", text: "These identities are currently immutable."},
		{name: "another kubelet before that was offered", rules: of2020, ask: e.change("user", kubelet), code: "BadRequest", text: "Change kubelet identity from ResourceID: "},
		{name: "own kubelet of a system-assigned control plane", ask: e.change("system", kubelet), code: "CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster"},
		{name: "own kubelet without the next node image", rules: containerservice.Rules{WithholdNodeImages: true}, ask: e.change("user", kubelet), code: "OperationNotAllowed", text: "node image"},
		{name: "another principal", ask: e.to("system", identity(`{"type":"SystemAssigned","principalId":"other"}`)), code: "InvalidParameter",
			text: "The principalId 'other' on the resource's Identity property is invalid and must be empty or match the existing principalId of '"},
		{name: "another tenant", ask: e.to("system", identity(`{"type":"SystemAssigned","tenantId":"8b0b0c0d-0000-4000-8000-000000000003"}`)), code: "PropertyChangeNotAllowed",
			text: "Changing property 'identity.tenantId' is not allowed."},
		{name: "while another operation works", ask: e.busily("system", change(`"tags":{}`), change(`"tags":{}`)), code: "OperationNotAllowed",
			text: "Operation is not allowed: Another operation (Updating) is in progress, please wait for it to finish before starting a new operation."},
		{name: "while a pool is made", ask: e.busily("system", pools(one+`,{"name":"apps","count":1,"mode":"User"}`), pools(one)), code: "OperationNotAllowed", text: "Operation is not allowed: Another "},
		{name: "while the node resource group is locked", ask: e.locked("MC_rg_system_westus2", "ReadOnly", e.to("system", change(`"tags":{}`))), code: "ResourceGroupLocked",
			text: "Resource group 'MC_rg_system_westus2' under subscription: '" + subscription + "' is locked, please remove lock and retry."},
		{name: "smaller while something of the node resource group is locked", ask: e.locked("MC_rg_system_westus2", "CanNotDelete", e.to("system", pools(strings.Replace(one, "2", "1", 1)))), code: "ResourceGroupLocked",
			text: "locked are '" + nodes + "'"},
		{name: "deleted while the node resource group is locked", ask: e.locked("MC_rg_system_westus2", "CanNotDelete", e.removal("system")), code: "ScopeLocked",
			text: "cannot perform delete operation because following scope(s) are locked: '" + nodes + "'"},
		{name: "when the nodes' identity is gone", ask: e.without("lone-kubelet", e.later("lone", change(`"tags":{}`))), code: "ReconcileKubeletIdentityError", text: "az aks update --assign-kubelet-identity"},
		{name: "when the control plane's identity is gone", ask: e.without("lone-plane", e.later("lone", change(`"tags":{}`))), code: "ReconcileMSICredentialError", text: "az aks update --assign-identity"},
		{name: "with an old entity tag", ask: e.tagged, code: "EtagMismatch", text: "Another operation is in progress"},
	}
}

// addonRefusals are those of pod identity and of other add-ons.
func (e *errorTable) addonRefusals() []refusal {
	const feature = "EnablePodIdentityPreview"
	pods := func(cluster, document string) func() error { return e.with(feature, e.to(cluster, document)) }
	const kubenet = `"networkPlugin":"kubenet"`
	gateway := func(config string) func() error {
		return e.change("system", `"addonProfiles":{"ingressApplicationGateway":{"enabled":true,"config":{`+config+`}}}`)
	}
	gatewayID := `"applicationGatewayId":"` + clusterID("x").ResourceGroupID().Extension("Microsoft.Network", "applicationGateways", "g").String() + `"`
	return []refusal{
		{name: "pod identity without its feature", ask: e.to("system", podIdentities(true)), code: "PodIdentityAddonFeatureFlagNotEnabled",
			text: "PodIdentity addon is not allowed since feature 'Microsoft.ContainerService/EnablePodIdentityPreview' is not enabled. Please see https://aka.ms/aks/previews for how to enable features."},
		{name: "pod identities with the creation", ask: e.with(feature, e.new(systemAssigned, `"podIdentityProfile":{"enabled":true,"userAssignedIdentities":[`+entry("demo", e.app, "")+`]},`, "", "")),
			code: "PodIdentityAddonUserAssignedIdentitiesNotAllowedInCreation"},
		{name: "pod identity on kubenet", ask: e.with(feature, e.new(systemAssigned, `"podIdentityProfile":{"enabled":true},`, "", kubenet)),
			code: "PodIdentityAddonWithKubeNetNeedsConsent", text: "Network plugin kubenet is not supported to use with PodIdentity addon."},
		{name: "pod identity on kubenet before that was offered", rules: containerservice.Rules{Of2020: true},
			ask:  e.with(feature, e.new(systemAssigned, `"podIdentityProfile":{"enabled":true,"allowNetworkPluginKubenet":true},`, "", kubenet)),
			code: "PodIdentityAddonWithKubeNetNotAllowed", text: "Network plugin kubenet is not supported to use with PodIdentity addon."},
		{name: "pod identity with a service principal", ask: pods("sp", podIdentities(true)), code: "BadRequest", text: "PodIdentity addon requires managed identity."},
		{name: "pod identity's name", ask: pods("system", podIdentities(true, entry("aso_manager_binding", e.app, ""))), code: "BadRequest",
			text: "Name 'aso_manager_binding' is invalid. Please provide a valid and fully qualified DNS name."},
		{name: "pod identity that the control plane may not assign", ask: e.with(feature, e.later("user", podIdentities(true, entry("app", e.app, "")))),
			code: "PodIdentityAddonIdentitiesAssignmentError", text: "Please grant at least 'Managed Identity Operator' permission before assigning pod identity."},
		{name: "the operation of that", ask: e.with(feature, e.later("user", podIdentities(true, entry("app", e.app, "")))), code: "ReconcilePodIdentityAddonError"},
		{name: "add-on that isn't one", ask: e.change("system", `"addonProfiles":{"dialler":{"enabled":true}}`), code: "AddonInvalid", text: "dialler"},
		{name: "virtual nodes without a subnet", ask: e.change("system", `"addonProfiles":{"aciConnectorLinux":{"enabled":true}}`), code: "AddonInvalid", text: "SubnetName"},
		{name: "omsagent without a workspace", ask: e.change("system", `"addonProfiles":{"omsagent":{"enabled":true}}`), code: "LogAnalyticsWorkspaceNotSet", text: "workspace"},
		{name: "gateway without anything", ask: gateway(``), code: "IngressAppGwAddonConfigInvalid"},
		{name: "gateway's ID", ask: gateway(`"applicationGatewayId":"x"`), code: "IngressAppGwAddonConfigInvalidApplicationGatewayId"},
		{name: "gateway by ID and by subnet", ask: gateway(gatewayID + `,"subnetCIDR":"10.225.0.0/24"`), code: "IngressAppGwAddonConfigProvideEitherApplicationGatewayIDOrSubnet"},
		{name: "gateway by ID and by name", ask: gateway(gatewayID + `,"applicationGatewayName":"g"`), code: "IngressAppGwAddonConfigProvideEitherApplicationGatewayIDOrApplicationGatewayName"},
		{name: "gateway's subnet twice", ask: gateway(`"subnetCIDR":"10.225.0.0/24","subnetId":"` + e.vnet + `/subnets/plain"`), code: "IngressAppGwAddonConfigProvideEitherSubnetCIDROrSubnetId"},
		{name: "gateway's subnet by its old name", ask: gateway(`"subnetCIDR":"10.225.0.0/24","subnetPrefix":"10.225.0.0/24"`), code: "IngressAppGwAddonConfigProvideUseSubnetCIDRInsteadOfSubnetPrefix"},
		{name: "gateway's range", ask: gateway(`"subnetCIDR":"10.225.0.0"`), code: "IngressAppGwAddonConfigInvalidSubnetCIDR"},
		{name: "gateway's subnet", ask: gateway(`"subnetId":"x"`), code: "IngressAppGwAddonConfigInvalidSubnetId"},
	}
}

package containerservice

import (
	"fmt"
	"net/http"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// The errors of the AKS resource provider, with its codes and texts. Those that it answers at once have no "error"
// envelope; those of an operation are recorded in it.

func refused(code, message, target string) *rest.Error {
	return &rest.Error{Status: http.StatusBadRequest, Code: code, Message: message, Target: target}
}

func invalidParameter(target, format string, args ...any) *rest.Error {
	return refused("InvalidParameter",
		"The value of parameter "+target+" is invalid. Error details: "+fmt.Sprintf(format, args...)+".", target)
}

func nodeResourceGroupTooLong(length int) *rest.Error {
	return refused("InvalidParameter", fmt.Sprintf(
		"The length of the node resource group name is too long. The maximum length is %d and the length of the value provided is %d. Please see https://aka.ms/aks-naming-rules for more details.",
		maxNodeResourceGroup, length), "name")
}

func versionNotSupported(cluster, version string) *rest.Error {
	return refused("K8sVersionNotSupported", fmt.Sprintf(
		"Managed cluster %s is on version %s, which is not supported in this region. Please use [az aks get-versions] command to get the supported version list in this region. For more information, please check https://aka.ms/supported-version-list",
		cluster, version), "kubernetesVersion")
}

func changeNotAllowed(property string) *rest.Error {
	return refused("PropertyChangeNotAllowed", "Changing property '"+property+"' is not allowed.", property)
}

// notOffered refuses a feature of AKS that this provider has nothing behind. Storing it as if it worked would be worse
// than saying no.
func notOffered(code, target, what string) *rest.Error {
	return refused(code, what+" is not offered by this cloud.", target)
}

func podIdentityNotEnabled() *rest.Error {
	return refused("PodIdentityAddonFeatureFlagNotEnabled",
		"PodIdentity addon is not allowed since feature 'Microsoft.ContainerService/EnablePodIdentityPreview' is not enabled. Please see https://aka.ms/aks/previews for how to enable features.", "podIdentityProfile")
}

// podIdentityWithKubenet is AKS's answer from before it took a consent to that.
func podIdentityWithKubenet() *rest.Error {
	return refused("PodIdentityAddonWithKubeNetNotAllowed", "Network plugin kubenet is not supported to use with PodIdentity addon.", "networkProfile.networkPlugin")
}

// operationNotAllowed answers a write while another operation works on the cluster.
func operationNotAllowed(state string) *rest.Error {
	return &rest.Error{Status: http.StatusConflict, Code: "OperationNotAllowed",
		Message: "Operation is not allowed: Another operation (" + state + ") is in progress, please wait for it to finish before starting a new operation. See https://aka.ms/aks-pending-operation for more details"}
}

// poolOperationNotAllowed does so while the operation is about one of several pools.
func poolOperationNotAllowed(pool, state string) *rest.Error {
	return &rest.Error{Status: http.StatusConflict, Code: "OperationNotAllowed",
		Message: "Operation is not allowed: Another agentpool operation (" + pool + " - " + state + ") is in progress, please wait for it to finish before starting a new operation. See https://aka.ms/aks-pending-operation for more details"}
}

// etagMismatch is AKS's answer to an entity tag that isn't the cluster's.
func etagMismatch() *rest.Error {
	return &rest.Error{Status: http.StatusConflict, Code: "EtagMismatch", Message: "Operation is not allowed: Another operation is in progress",
		Details: []rest.Error{{Code: "Unspecified", Message: "rpc error: code = FailedPrecondition desc = Etag mismatched"}}}
}

// noNodePrograms refuses a cluster whose nodes could never run a pod: better than one that is Creating until it fails.
func noNodePrograms() *rest.Error {
	return &rest.Error{Status: http.StatusConflict, Code: "NodeImagesMissing",
		Message: "This cloud was started without the images that nodes need, so it can run no cluster. Start lanyardd with --node-image FILE for each archive and --pause-image NAME, or with lanyard up, which packs them."}
}

// notInLocation refuses what Azure doesn't offer everywhere.
func notInLocation(what, location, clouds string) *rest.Error {
	return refused("NotSupportedInLocation", what+" isn't supported in the location '"+location+"' of "+clouds+".", "location")
}

func nodeResourceGroupExists(name string) *rest.Error {
	return refused("NodeResourceGroupAlreadyExists",
		"The node resource group '"+name+"' already exists. Please use another name for the node resource group.", "nodeResourceGroup")
}

func servicePrincipalMissing() *rest.Error {
	return refused("MissingServicePrincipalProfile",
		"Required parameter servicePrincipalProfile is missing (null). Give the cluster a managed identity, for example \"identity\":{\"type\":\"SystemAssigned\"}.", "servicePrincipalProfile")
}

func kubeletIdentityNeedsUserAssigned() *rest.Error {
	return refused("CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster",
		"Custom kubelet identity is only supported on a cluster whose control plane has a user-assigned managed identity.", "identityProfile.kubeletidentity")
}

func kubeletIdentityMissingPermission() *rest.Error {
	return refused("CustomKubeletIdentityMissingPermissionError",
		"The cluster using user-assigned managed identity must be granted 'Managed Identity Operator' role to assign kubelet identity. You can run 'az role assignment create --assignee <control-plane-identity-principal-id> --role 'Managed Identity Operator' --scope <kubelet-identity-resource-id>' to grant the permission. See https://learn.microsoft.com/en-us/azure/aks/use-managed-identity#add-role-assignment", "")
}

// The texts of AKS's checks of the control plane's rights; the principal is the control plane's, or the service principal.

func routeTableMissingPermission(table string) *rest.Error {
	return refused("CustomRouteTableMissingPermission",
		"Managed identity or service principle must be given permission to read and write to custom route table "+table+". Please see https://aka.ms/aks/customrt for more information", "agentPoolProfile.vnetSubnetID")
}

func routeTableNeedsUserAssigned() *rest.Error {
	return refused("CustomRouteTableWithUnsupportedMSIType",
		"System-assigned managed identity not supported for custom resource RouteTable. Please use user-assigned managed identity.", "identity")
}

func networkNeedsUserAssigned() *rest.Error {
	return refused("OnlySupportedOnUserAssignedMSICluster",
		"System-assigned managed identity not supported for custom resource VirtualNetworks. Please use user-assigned managed identity.", "identity")
}

func noRouteTable(subnet string) *rest.Error {
	return refused("ExistingRouteTableNotAssociatedWithSubnet",
		"An existing route table has not been associated with subnet "+subnet+". Please update the route table association", "networkProfile.outboundType")
}

func zoneMissingPermission(zone, action string) *rest.Error {
	return refused("CustomPrivateDNSZoneMissingPermissionError",
		"Service principal or user-assigned identity must be given permission to read and write to custom private dns zone "+zone+". Check access result not allowed for action "+action+".", "apiServerAccessProfile.privateDNSZone")
}

func zoneNeedsUserAssigned() *rest.Error {
	return refused("SystemAssignedIdentityNotSupportedForCustomPrivateDNSZone",
		"System-assigned managed identity is not supported for a custom private DNS zone. Please use a user-assigned managed identity.", "apiServerAccessProfile.privateDNSZone")
}

func identitiesImmutable() *rest.Error {
	return refused("PropertyChangeNotAllowed",
		"Changing property 'identity' is not allowed. These identities are currently immutable.", "identity")
}

func migrationNotEnabled() *rest.Error {
	return refused("PreviewFeatureNotRegistered",
		"Migrating the cluster to MSI cluster is not allowed since feature Microsoft.ContainerService/MigrateToMSIClusterPreview is not enabled. Please see https://aka.ms/aks/previews for how to enable features.", "identity")
}

func kubeletChangeNotAllowed(from, to identity) *rest.Error {
	return refused("BadRequest", "Change kubelet identity from ResourceID: "+from.ResourceID+", ClientID: "+from.ClientID+", ObjectID: "+from.ObjectID+
		" to ResourceID: "+to.ResourceID+", ClientID: "+to.ClientID+", ObjectID: "+to.ObjectID+" is not allowed.", "identityProfile.kubeletidentity")
}

// noNodeImage refuses what works only with a node image to consume.
func noNodeImage() *rest.Error {
	return &rest.Error{Status: http.StatusConflict, Code: "OperationNotAllowed", Target: "identityProfile.kubeletidentity",
		Message: "Updating the kubelet identity upgrades every node pool to the next node image, and there is none: the node pools have the latest one. Wait until the next is available."}
}

func invalidIdentityID(id string) *rest.Error {
	return refused("InvalidManagedIdentityResourceID",
		"The managed identity resource ID '"+id+"' is invalid. It has to be the ID of a user-assigned identity.", "identity")
}

// failed is how a step of an operation ends it: the code says which part of the work failed, the text why.
func failed(code string, cause *rest.Error) *rest.Error {
	return &rest.Error{
		Status: http.StatusInternalServerError, Code: code, Message: cause.Message,
		Details: []rest.Error{{Code: cause.Code, Message: cause.Message, Target: cause.Target}},
	}
}

// gaveUp ends an operation whose step kept failing for reasons of ours. They are in the log: errors may name files and
// addresses.
func gaveUp(code string, patience time.Duration, operation string) *rest.Error {
	return &rest.Error{Status: http.StatusInternalServerError, Code: code,
		Message: fmt.Sprintf("This part of the operation kept failing and was given up after %s. The log has the cause under operation %s.", patience, operation)}
}

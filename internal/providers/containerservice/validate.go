package containerservice

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

var (
	clusterName = regexp.MustCompile(`^[a-zA-Z0-9]$|^[a-zA-Z0-9][-_a-zA-Z0-9]{0,61}[a-zA-Z0-9]$`)
	dnsPrefix   = regexp.MustCompile(`^[a-zA-Z0-9]$|^[a-zA-Z0-9][a-zA-Z0-9-]{0,52}[a-zA-Z0-9]$`)
	poolName    = regexp.MustCompile(`^[a-z][a-z0-9]{0,11}$`)
)

const (
	maxNodesPerPool = 1000
	minPodsPerNode  = 10
	maxPodsPerNode  = 250
)

// validate checks a completed document on its own, before anything is looked up.
func validate(id armid.ID, p properties) *rest.Error {
	if !dnsPrefix.MatchString(p.DNSPrefix) {
		return invalidParameter("dnsPrefix", "'%s' must be 1 to 54 letters, digits and '-', and begin and end with a letter or digit", p.DNSPrefix)
	}
	if n := len(p.NodeResourceGroup); n > maxNodeResourceGroup {
		return nodeResourceGroupTooLong(n)
	}
	if strings.EqualFold(p.NodeResourceGroup, id.ResourceGroup()) {
		return refused("NodeResourceGroupSameAsResourceGroup", "The node resource group must not be the resource group of the managed cluster.", "nodeResourceGroup")
	}
	if e := validateFeatures(p); e != nil {
		return e
	}
	if e := validateNetwork(p.NetworkProfile); e != nil {
		return e
	}
	if e := validatePodIdentity(p); e != nil {
		return e
	}
	if e := validateIssuer(p); e != nil {
		return e
	}
	if e := validateEntra(p); e != nil {
		return e
	}
	return validatePools(p.AgentPools)
}

// validateFeatures refuses what this provider has no engine for.
func validateFeatures(p properties) *rest.Error {
	switch {
	case len(p.APIServerAccessProfile.AuthorizedIPRanges) > 0:
		return notOffered("AuthorizedIPRangesNotSupported", "apiServerAccessProfile.authorizedIPRanges", "A list of authorized address ranges")
	}
	return validateAddons(p)
}

func validateNetwork(n networkProfile) *rest.Error {
	switch n.NetworkPlugin {
	case pluginAzure, pluginKubenet:
	default:
		return notOffered("InvalidParameter", "networkProfile.networkPlugin", "The network plugin '"+n.NetworkPlugin+"'")
	}
	if n.NetworkPluginMode != "" && n.NetworkPluginMode != modeOverlay || n.NetworkPluginMode == modeOverlay && n.NetworkPlugin != pluginAzure {
		return invalidParameter("networkProfile.networkPluginMode", "'%s' with the plugin '%s'", n.NetworkPluginMode, n.NetworkPlugin)
	}
	if n.NetworkPolicy != "" && n.NetworkPolicy != "none" {
		return notOffered("InvalidParameter", "networkProfile.networkPolicy", "The network policy engine '"+n.NetworkPolicy+"'")
	}
	services, err := netip.ParsePrefix(n.ServiceCIDR)
	if err != nil || !services.Addr().Is4() || services.Bits() < 12 {
		return invalidParameter("networkProfile.serviceCidr", "'%s' must be an IPv4 range not larger than /12", n.ServiceCIDR)
	}
	dns, err := netip.ParseAddr(n.DNSServiceIP)
	if err != nil || !services.Contains(dns) || dns == services.Masked().Addr() || dns == services.Masked().Addr().Next() {
		return invalidParameter("networkProfile.dnsServiceIP", "'%s' must be an address of the service range '%s' other than its first two", n.DNSServiceIP, n.ServiceCIDR)
	}
	if n.PodCIDR == "" {
		return nil
	}
	pods, err := netip.ParsePrefix(n.PodCIDR)
	if err != nil || !pods.Addr().Is4() {
		return invalidParameter("networkProfile.podCidr", "'%s' must be an IPv4 range", n.PodCIDR)
	}
	if pods.Overlaps(services) {
		return refused("ServiceCidrOverlapPodCidr", "The pod range '"+n.PodCIDR+"' and the service range '"+n.ServiceCIDR+"' overlap.", "networkProfile")
	}
	return nil
}

func validatePools(pools []pool) *rest.Error {
	if len(pools) == 0 {
		return refused("InvalidParameter", "Required parameter agentPoolProfiles is missing (null).", "agentPoolProfiles")
	}
	if len(pools) > maxAgentPools {
		return refused("AgentPoolCountExceeded", "A managed cluster has at most 100 agent pools.", "agentPoolProfiles")
	}
	names, systems, vnet := map[string]bool{}, 0, ""
	for _, p := range pools {
		if e := validatePool(p); e != nil {
			return e
		}
		if names[p.Name] {
			return invalidParameter("agentPoolProfile.name", "the name '%s' is used twice", p.Name)
		}
		names[p.Name] = true
		if p.Mode == "System" {
			systems++
		}
		own := ""
		if subnet, err := armid.Parse(p.VNetSubnetID); err == nil {
			own = subnet.Parent().Key()
		}
		if vnet != "" && own != vnet || vnet == "" && own != "" && len(names) > 1 {
			return invalidParameter("agentPoolProfile.vnetSubnetID", "all agent pools of a cluster must be in the same virtual network")
		}
		vnet = own
	}
	if systems == 0 {
		return refused("MustDefineAtLeastOneSystemPool", "Must define at least one system pool.", "agentPoolProfiles")
	}
	return nil
}

func validatePool(p pool) *rest.Error {
	switch {
	case !poolName.MatchString(p.Name):
		return invalidParameter("agentPoolProfile.name", "'%s' must be 1 to 12 lower-case letters and digits and begin with a letter", p.Name)
	case p.Count < 0 || p.Count > maxNodesPerPool || p.Count == 0 && p.Mode == "System":
		return invalidParameter("agentPoolProfile.count", "%d is not between 1 (0 for user pools) and %d", p.Count, maxNodesPerPool)
	case p.MaxPods < minPodsPerNode || p.MaxPods > maxPodsPerNode:
		return invalidParameter("agentPoolProfile.maxPods", "%d is not between %d and %d", p.MaxPods, minPodsPerNode, maxPodsPerNode)
	case p.Mode != "System" && p.Mode != "User":
		return invalidParameter("agentPoolProfile.mode", "'%s' is neither System nor User", p.Mode)
	case p.Type != "VirtualMachineScaleSets":
		return notOffered("InvalidParameter", "agentPoolProfile.type", "An agent pool of type '"+p.Type+"'")
	case p.OSType != "Linux":
		return notOffered("InvalidParameter", "agentPoolProfile.osType", "An agent pool of "+p.OSType+" nodes")
	case p.EnableAutoScaling:
		return notOffered("InvalidParameter", "agentPoolProfile.enableAutoScaling", "The cluster autoscaler")
	}
	if e := validateSimulated(p); e != nil {
		return e
	}
	if p.VNetSubnetID == "" {
		return nil
	}
	subnet, err := armid.Parse(p.VNetSubnetID)
	if err != nil || !subnet.Is(subnetType) {
		e := rest.LinkedInvalidPropertyID(p.VNetSubnetID, "properties.agentPoolProfiles.vnetSubnetID")
		return e
	}
	return nil
}

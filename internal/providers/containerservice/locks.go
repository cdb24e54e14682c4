package containerservice

import (
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// A lock on the node resource group, or on something in it, says that the user wants nobody to change it, or to delete
// anything of it; a cluster can't be changed, or made smaller, without. AKS looks for locks before it begins, so that no
// operation is left half done by one. What the service does of its own accord, as renewing certificates, no lock holds up.

// changeable refuses an update that a lock forbids: any under ReadOnly, and under CanNotDelete, be it on anything in the
// group, one that takes something away.
func (p *Provider) changeable(cluster armid.ID, before, wanted properties) *rest.Error {
	locked := p.locked(cluster, wanted, takesAway(before, wanted))
	if len(locked) == 0 {
		return nil
	}
	return &rest.Error{Status: http.StatusConflict, Code: "ResourceGroupLocked", Message: "Preflight validation check for resource(s) for container service " +
		cluster.Name() + " in resource group " + cluster.ResourceGroup() + " failed. Message: Resource group '" + wanted.NodeResourceGroup + "' under subscription: '" +
		cluster.Subscription() + "' is locked, please remove lock and retry. Please see http://aka.ms/azure-lock-resources. Details: locked are '" + strings.Join(locked, "', '") + "'."}
}

// removable refuses the deletion of a cluster whose node resource group can't go with it.
func (p *Provider) removable(cluster armid.ID, is properties) *rest.Error {
	locked := p.locked(cluster, is, true)
	if len(locked) == 0 {
		return nil
	}
	return rest.ScopeLocked(armid.ResourceGroup(cluster.Subscription(), is.NodeResourceGroup).String(), "delete", locked)
}

func (p *Provider) locked(cluster armid.ID, is properties, deleting bool) []string {
	if p.Locks == nil {
		return nil
	}
	return p.Locks.Blocking(armid.ResourceGroup(cluster.Subscription(), is.NodeResourceGroup), deleting)
}

// takesAway reports whether an update takes something out of the node resource group: nodes, if only to make them anew, a
// pool, or what an add-on has.
func takesAway(before, wanted properties) bool {
	pools := map[string]pool{}
	for _, one := range wanted.AgentPools {
		pools[one.Name] = one
	}
	for _, was := range before.AgentPools {
		is, stays := pools[was.Name]
		if !stays || is.Count < was.Count || is.NodeImageVersion != was.NodeImageVersion || is.CurrentVersion != was.CurrentVersion {
			return true
		}
	}
	for key, was := range before.AddonProfiles {
		if a, _ := findAddon(key); a.identity != "" && was.Enabled && !wanted.AddonProfiles[key].Enabled {
			return true
		}
	}
	return false
}

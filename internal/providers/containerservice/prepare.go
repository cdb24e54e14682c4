package containerservice

import (
	"context"
	"encoding/json"
	"maps"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// prepare checks and completes what a client sent. An update's document is laid over the stored one, since tools send
// back what an older API version showed them, and what they don't know is to stay.
func (p *Provider) prepare(_ context.Context, r *providers.Request) error {
	if r.Method == providers.Patch {
		return onlyTags(r)
	}
	d, err := parseDocument(r.Next.Properties)
	if err != nil {
		return rest.InvalidRequestContent(err.Error())
	}
	s := newState()
	if r.Old != nil {
		if s, err = readState(r.Old); err != nil {
			return err
		}
		old, err := parseDocument(r.Old.Properties)
		if err != nil {
			return err
		}
		if d, err = overlay(old, d); err != nil {
			return err
		}
	}
	location := strings.ToLower(strings.ReplaceAll(r.Next.Location, " ", ""))
	complete(d, facts{
		dnsPrefix:         defaultDNSPrefix(r.ID),
		nodeResourceGroup: nodeResourceGroupName(r.ID, location),
		location:          location,
		unique:            s.Unique,
		kubernetesVersion: p.KubernetesVersion,
		resourceUID:       s.Key,
	})
	if s.Digits == "" {
		s.Digits = resourceDigits(d.text("dnsPrefix"))
	}
	var wanted properties
	if err := d.read(&wanted); err != nil {
		return rest.InvalidRequestContent(err.Error())
	}
	if e := validate(r.ID, wanted, p.KubernetesVersion); e != nil {
		return e
	}
	if e := prepareIdentity(r, wanted); e != nil {
		return e
	}
	link(r, wanted)
	setPoolStates(d, r.Creating())
	if len(r.Next.SKU) == 0 {
		r.Next.SKU = json.RawMessage(`{"name":"Base","tier":"Free"}`)
	}
	dropEmpty(d)
	if r.Next.Properties, err = d.raw(); err != nil {
		return err
	}
	return r.Next.SetInternal(s)
}

// onlyTags is what a PATCH of a cluster may change; the rest of its body is ignored, as the real service does.
func onlyTags(r *providers.Request) error {
	tags := r.Next.Tags
	*r.Next = *r.Old.Clone()
	r.Next.Tags = tags
	return nil
}

// overlay lays an update over the stored document: objects member by member, pools by name, other lists whole. A pool
// that the update doesn't mention is to go. Fields that can't change are compared on the way.
func overlay(old, update document) (document, error) {
	var before, after properties
	if err := old.read(&before); err != nil {
		return nil, err
	}
	pools := map[string]document{}
	for _, p := range old.objects("agentPoolProfiles") {
		pools[p.text("name")] = p
	}
	merged := asObject(layered(old, update))
	if _, sent := update["agentPoolProfiles"].([]any); sent {
		var list []any
		for _, p := range update.objects("agentPoolProfiles") {
			list = append(list, layered(pools[p.text("name")], p))
		}
		merged["agentPoolProfiles"] = list
	}
	if err := merged.read(&after); err != nil {
		return nil, rest.InvalidRequestContent(err.Error())
	}
	if e := unchanged(before, after); e != nil {
		return nil, e
	}
	return merged, nil
}

// layered returns below with what above says on top of it; "" and 0 say nothing.
func layered(below, above any) any {
	b, a := asObject(below), asObject(above)
	if b == nil || a == nil {
		if above == nil || above == "" || above == json.Number("0") {
			return below
		}
		return above
	}
	out := maps.Clone(b)
	for name, value := range a {
		if _, ok := out[name]; ok {
			value = layered(out[name], value)
		}
		out[name] = value
	}
	return out
}

// unchanged refuses changes of what is fixed at creation.
func unchanged(before, after properties) *rest.Error {
	type fixed struct {
		name          string
		before, after string
	}
	fields := []fixed{
		{"dnsPrefix", before.DNSPrefix, after.DNSPrefix},
		{"fqdnSubdomain", before.FQDNSubdomain, after.FQDNSubdomain},
		{"nodeResourceGroup", before.NodeResourceGroup, after.NodeResourceGroup},
		{"networkProfile.networkPlugin", before.NetworkProfile.NetworkPlugin, after.NetworkProfile.NetworkPlugin},
		{"networkProfile.networkPluginMode", before.NetworkProfile.NetworkPluginMode, after.NetworkProfile.NetworkPluginMode},
		{"networkProfile.podCidr", before.NetworkProfile.PodCIDR, after.NetworkProfile.PodCIDR},
		{"networkProfile.serviceCidr", before.NetworkProfile.ServiceCIDR, after.NetworkProfile.ServiceCIDR},
		{"networkProfile.dnsServiceIP", before.NetworkProfile.DNSServiceIP, after.NetworkProfile.DNSServiceIP},
	}
	old := map[string]pool{}
	for _, p := range before.AgentPools {
		old[p.Name] = p
	}
	for _, p := range after.AgentPools {
		if o, ok := old[p.Name]; ok {
			fields = append(fields,
				fixed{"agentPoolProfile.vmSize", o.VMSize, p.VMSize},
				fixed{"agentPoolProfile.type", o.Type, p.Type},
				fixed{"agentPoolProfile.osType", o.OSType, p.OSType},
				fixed{"agentPoolProfile.vnetSubnetID", o.VNetSubnetID, p.VNetSubnetID})
			if o.MaxPods != p.MaxPods {
				return changeNotAllowed("agentPoolProfile.maxPods")
			}
		}
	}
	for _, f := range fields {
		if !strings.EqualFold(f.before, f.after) {
			return changeNotAllowed(f.name)
		}
	}
	if b, a := before.IdentityProfile[kubeletIdentity], after.IdentityProfile[kubeletIdentity]; !strings.EqualFold(b.ResourceID, a.ResourceID) {
		return notOffered("PropertyChangeNotAllowed", "identityProfile", "Changing the kubelet identity of an existing cluster")
	}
	return nil
}

// prepareIdentity checks the identity block.
func prepareIdentity(r *providers.Request, p properties) *rest.Error {
	next := r.Next.Identity
	if r.Old != nil {
		if next == nil {
			r.Next.Identity = r.Old.Identity.Clone()
			return nil
		}
		return sameIdentity(r.Old.Identity, r.Next)
	}
	if next == nil || strings.EqualFold(next.Type, resource.IdentityNone) {
		return servicePrincipalMissing()
	}
	kubelet, brought := p.IdentityProfile[kubeletIdentity]
	switch {
	case strings.EqualFold(next.Type, resource.IdentitySystemAssigned):
		*next = resource.Identity{Type: resource.IdentitySystemAssigned}
		if brought {
			return kubeletIdentityNeedsUserAssigned()
		}
	case strings.EqualFold(next.Type, resource.IdentityUserAssigned):
		if len(next.UserAssigned) != 1 {
			return refused("InvalidParameter", "A managed cluster has exactly one user-assigned identity.", "identity.userAssignedIdentities")
		}
		for key := range next.UserAssigned {
			if id, err := armid.Parse(key); err != nil || !id.Is(identityType) {
				return invalidIdentityID(key)
			}
		}
		next.Type = resource.IdentityUserAssigned
	default:
		return refused("InvalidParameter", "The identity type '"+next.Type+"' is not one of None, SystemAssigned and UserAssigned.", "identity.type")
	}
	if brought {
		if id, err := armid.Parse(kubelet.ResourceID); err != nil || !id.Is(identityType) {
			return refused("CustomKubeletIdentityPropertyError", "The resource ID '"+kubelet.ResourceID+"' of the kubelet identity is not that of a user-assigned identity.", "identityProfile.kubeletidentity")
		}
	}
	return nil
}

const kubeletIdentity = "kubeletidentity"

// sameIdentity accepts the identity block of an update only if it says what there is already.
func sameIdentity(old *resource.Identity, next *resource.Resource) *rest.Error {
	n := next.Identity
	if n.PrincipalID != "" && !strings.EqualFold(n.PrincipalID, old.PrincipalID) {
		return refused("InvalidParameter", "The principalId '"+n.PrincipalID+"' on the resource's Identity property is invalid and must be empty or match the existing principalId of '"+old.PrincipalID+"'.", "identity.principalId")
	}
	same := strings.EqualFold(n.Type, old.Type) && len(n.UserAssigned) == len(old.UserAssigned)
	for key := range n.UserAssigned {
		id, err := armid.Parse(key)
		if err != nil {
			return invalidIdentityID(key)
		}
		if found, _ := old.Find(id); found == "" {
			same = false
		}
	}
	if !same {
		return notOffered("PropertyChangeNotAllowed", "identity", "Changing the identity of an existing cluster")
	}
	next.Identity = old.Clone()
	return nil
}

// link names what the caller has to be allowed beside the cluster itself.
func link(r *providers.Request, p properties) {
	for _, pool := range p.AgentPools {
		if subnet, err := armid.Parse(pool.VNetSubnetID); err == nil {
			r.Link("Microsoft.Network/virtualNetworks/subnets/join/action", subnet)
		}
	}
	for _, key := range r.Next.Identity.Keys() {
		if id, err := armid.Parse(key); err == nil {
			r.Link(assignAction, id)
		}
	}
	// AKS checks the kubelet identity against the control plane's rights, not the caller's.
}

const assignAction = identityType + "/assign/action"

func setPoolStates(d document, creating bool) {
	state := resource.Updating
	if creating {
		state = resource.Creating
	}
	for _, p := range d.objects("agentPoolProfiles") {
		p["provisioningState"] = state
	}
}

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
	var before *properties
	if r.Old != nil {
		if s, err = readState(r.Old); err != nil {
			return err
		}
		if d, before, err = p.overlaid(r, d); err != nil {
			return err
		}
	}
	if e := p.takeKubeconfig(d, &s, before); e != nil {
		return e
	}
	if d["connectedProfile"] != nil {
		return p.prepareConnected(r, d, s, before)
	}
	if p.Engine == nil {
		return noEngine()
	}
	if e := p.takeSecret(d, &s, before); e != nil {
		return e
	}
	location := strings.ToLower(strings.ReplaceAll(r.Next.Location, " ", ""))
	version, e := p.targetVersion(r.ID, d, before)
	if e != nil {
		return e
	}
	complete(d, facts{
		dnsPrefix:         defaultDNSPrefix(r.ID),
		nodeResourceGroup: nodeResourceGroupName(r.ID, location),
		location:          location,
		unique:            s.Unique,
		kubernetesVersion: version,
		resourceUID:       s.Key,
		managed:           !none(r.Next.Identity) || r.Old != nil && !none(r.Old.Identity),
	})
	p.completeIssuer(d, r.ID, s.Key)
	p.completeEntra(d, r.ID)
	if err := completeAddons(d, r.Old, routingZoneName(s.Key, location)); err != nil {
		return err
	}
	if s.Digits == "" {
		s.Digits = resourceDigits(d.text("dnsPrefix"))
	}
	var wanted properties
	if err := d.read(&wanted); err != nil {
		return rest.InvalidRequestContent(err.Error())
	}
	if e := validate(r.ID, wanted); e != nil {
		return e
	}
	if e := p.prepareIdentity(r, before, wanted); e != nil {
		return e
	}
	if before != nil && p.kubeletChanges(*before, wanted) {
		// The nodes are made anew, and that consumes a node image.
		for _, pool := range d.objects("agentPoolProfiles") {
			pool["nodeImageVersion"] = p.latestImage(pool.text("nodeImageVersion"), pool.text("currentOrchestratorVersion"))
		}
	}
	link(r, wanted)
	setPoolStates(d, r.Creating())
	podIdentityStates(d, before, wanted)
	if len(r.Next.SKU) == 0 {
		r.Next.SKU = json.RawMessage(`{"name":"Base","tier":"Free"}`)
	}
	delete(d, "status")
	delete(r.Next.Extra, "eTag") // shown from the revision; tools send it back
	dropEmpty(d)
	if r.Next.Properties, err = d.raw(); err != nil {
		return err
	}
	return r.Next.SetInternal(s)
}

// targetVersion is the version that the control plane is to have, and gives each pool the one that it is to have: its
// own, or that of the control plane if it is new and names none.
func (p *Provider) targetVersion(cluster armid.ID, d document, before *properties) (string, *rest.Error) {
	current, pools := "", map[string]string{}
	if before != nil {
		current = before.CurrentVersion
		for _, pool := range before.AgentPools {
			pools[pool.Name] = pool.CurrentVersion
		}
	}
	version, ok := p.resolve(d.text("kubernetesVersion"), current)
	if !ok {
		return "", versionNotSupported(cluster.Name(), d.text("kubernetesVersion"))
	}
	if e := p.upgradable(current, version); e != nil {
		return "", e
	}
	for _, pool := range d.objects("agentPoolProfiles") {
		wanted, had := pool.text("orchestratorVersion"), pools[pool.text("name")]
		if wanted == "" && had == "" {
			wanted = version
		}
		target, ok := p.resolve(wanted, had)
		if !ok {
			return "", versionNotSupported(cluster.Name(), wanted)
		}
		if e := p.upgradable(had, target); e != nil {
			return "", e
		}
		if e := poolBehind(target, version); e != nil {
			return "", e
		}
		if had != "" && had != target {
			pool["nodeImageVersion"] = firstImage(target)
		}
		pool["currentOrchestratorVersion"] = target
	}
	return version, nil
}

// onlyTags is what a PATCH of a cluster may change; the rest of its body is ignored, as the real service does.
func onlyTags(r *providers.Request) error {
	tags := r.Next.Tags
	*r.Next = *r.Old.Clone()
	r.Next.Tags = tags
	return nil
}

// overlaid lays the update over the stored cluster's document, and returns what the cluster was as well.
func (p *Provider) overlaid(r *providers.Request, update document) (document, *properties, error) {
	old, err := parseDocument(r.Old.Properties)
	if err != nil {
		return nil, nil, err
	}
	var before properties
	if err := old.read(&before); err != nil {
		return nil, nil, err
	}
	if before.servicePrincipal() && !none(r.Next.Identity) {
		// From a service principal to a managed identity: whatever the profile said, it says "msi" from now on.
		if sent := asObject(update["servicePrincipalProfile"]).text("clientId"); sent != "" && sent != managedIdentityClient && !strings.EqualFold(sent, before.clientID()) {
			return nil, nil, changeNotAllowed("servicePrincipalProfile.clientId")
		}
		delete(update, "servicePrincipalProfile")
		old["servicePrincipalProfile"] = document{"clientId": managedIdentityClient}
		before.ServicePrincipalProfile = &servicePrincipal{ClientID: managedIdentityClient}
	}
	merged, err := overlay(old, update)
	return merged, &before, err
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
	if sent := asObject(asObject(update["identityProfile"])[kubeletIdentity]); sent != nil && !strings.EqualFold(sent.text("resourceId"), before.IdentityProfile[kubeletIdentity].ResourceID) && sent.text("resourceId") != "" {
		merged.section("identityProfile")[kubeletIdentity] = sent // another identity has other IDs
	}
	if _, sent := update["agentPoolProfiles"].([]any); sent {
		var list []any
		for _, p := range update.objects("agentPoolProfiles") {
			for _, name := range poolFacts() {
				delete(p, name) // what the service says of a pool; tools send it back
			}
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

// poolFacts are the members of a pool's profile that only the service sets.
func poolFacts() []string {
	return []string{"nodeImageVersion", "currentOrchestratorVersion", "provisioningState", "powerState", "eTag", "status"}
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
		if _, ok := out[name]; ok && (value == nil || !wholly(name)) {
			value = layered(out[name], value)
		}
		out[name] = value
	}
	return out
}

// wholly reports whether a member is replaced as a whole: maps whose names are the user's own, and the count, of which 0
// is one.
func wholly(name string) bool { return name == "nodeLabels" || name == "tags" || name == "count" }

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
		{"networkProfile.outboundType", before.NetworkProfile.OutboundType, after.NetworkProfile.OutboundType},
		{"apiServerAccessProfile.privateDNSZone", before.APIServerAccessProfile.PrivateDNSZone, after.APIServerAccessProfile.PrivateDNSZone},
		{"networkProfile.dnsServiceIP", before.NetworkProfile.DNSServiceIP, after.NetworkProfile.DNSServiceIP},
	}
	if before.APIServerAccessProfile.EnablePrivateCluster != after.APIServerAccessProfile.EnablePrivateCluster {
		return changeNotAllowed("apiServerAccessProfile.enablePrivateCluster")
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
			if o.simulated() != p.simulated() {
				return changeNotAllowed("agentPoolProfile.tags." + SimulatedTag)
			}
			if o.MaxPods != p.MaxPods {
				return changeNotAllowed("agentPoolProfile.maxPods")
			}
		}
	}
	if e := entraStays(before, after); e != nil {
		return e
	}
	if before.OIDCIssuerProfile.on() && !after.OIDCIssuerProfile.on() {
		return issuerCannotBeDisabled()
	}
	for _, f := range fields {
		if !strings.EqualFold(f.before, f.after) {
			return changeNotAllowed(f.name)
		}
	}
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

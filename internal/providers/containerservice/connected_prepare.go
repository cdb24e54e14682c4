package containerservice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/clusters/connected"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// prepareConnected checks and completes the document of a connected cluster, into which its kubeconfig went already.
func (p *Provider) prepareConnected(r *providers.Request, d document, s state, before *properties) error {
	location := strings.ToLower(strings.ReplaceAll(r.Next.Location, " ", ""))
	var wanted properties
	if err := d.read(&wanted); err != nil {
		return rest.InvalidRequestContent(err.Error())
	}
	if e := validateConnected(r, wanted, s); e != nil {
		return e
	}
	server, err := url.Parse(wanted.ConnectedProfile.Server)
	if err != nil {
		return err
	}
	d["fqdn"] = server.Hostname()
	d.fill("nodeResourceGroup", nodeResourceGroupName(r.ID, location))
	d.fill("powerState", document{"code": powerRunning})
	d.fill("enableRBAC", true)
	d.fill("disableLocalAccounts", false)
	d.fill("resourceUID", s.Key)
	d.section("servicePrincipalProfile").fill("clientId", managedIdentityClient)
	d.section("securityProfile")
	delete(d, "agentPoolProfiles")
	p.completeIssuer(d, r.ID, s.Key)
	if err := completeAddons(d, r.Old, routingZoneName(s.Key, location)); err != nil {
		return err
	}
	if err := d.read(&wanted); err != nil {
		return rest.InvalidRequestContent(err.Error())
	}
	if length := len(wanted.NodeResourceGroup); length > maxNodeResourceGroup {
		return nodeResourceGroupTooLong(length)
	}
	for _, check := range []func(properties) *rest.Error{validateAddons, validatePodIdentity, validateIssuer} {
		if e := check(wanted); e != nil {
			return e
		}
	}
	if e := p.prepareIdentity(r, before, wanted); e != nil {
		return e
	}
	link(r, wanted)
	podIdentityStates(d, before, wanted)
	delete(d, "status")
	delete(r.Next.Extra, "eTag")
	dropEmpty(d)
	if r.Next.Properties, err = d.raw(); err != nil {
		return err
	}
	r.Next.Kind = connectedKind
	if len(r.Next.SKU) == 0 {
		r.Next.SKU = json.RawMessage(`{"name":"Base","tier":"Free"}`)
	}
	return r.Next.SetInternal(s)
}

// validateConnected refuses what would need nodes or a control plane of this cloud's.
func validateConnected(r *providers.Request, p properties, s state) *rest.Error {
	refuse := func(what string) *rest.Error { return notOnConnected(r.ID.Name(), what) }
	_, kubelet := p.IdentityProfile[kubeletIdentity]
	n := p.NetworkProfile
	switch c := p.ConnectedProfile; {
	case len(p.AgentPools) > 0:
		return refuse("Giving it node pools (agentPoolProfiles)")
	case p.KubernetesVersion != "" && s.Connected.Version != "" && p.KubernetesVersion != s.Connected.Version:
		return refuse("Changing its version of Kubernetes (kubernetesVersion)")
	case p.AADProfile != nil || p.DisableLocalAccounts:
		return refuse("Letting it know users of Microsoft Entra (aadProfile, disableLocalAccounts)")
	case p.APIServerAccessProfile.EnablePrivateCluster || len(p.APIServerAccessProfile.AuthorizedIPRanges) > 0:
		return refuse("Deciding who reaches its API server (apiServerAccessProfile)")
	case n.NetworkPlugin != "" || n.PodCIDR != "" || n.ServiceCIDR != "" || n.OutboundType != "":
		return refuse("Setting up its network (networkProfile)")
	case kubelet:
		return refuse("Giving its nodes an identity (identityProfile.kubeletidentity)")
	case p.servicePrincipal():
		return refuse("Giving it a service principal (servicePrincipalProfile)")
	case !slices.Contains([]string{"", "routed", "bridge"}, c.PodNetwork):
		return invalidParameter("connectedProfile.podNetwork", "'%s' is neither routed nor bridge", c.PodNetwork)
	case !isFolder(c.RuntimeFolder) || !isFolder(c.CgroupFolder):
		return invalidParameter("connectedProfile", "runtimeFolder and cgroupFolder are absolute paths of the cluster's nodes")
	case c.MetadataEndpoint != "":
		at, err := url.Parse(c.MetadataEndpoint)
		if err != nil || at.Scheme != "https" || at.Host == "" || at.User != nil || strings.Trim(at.Path, "/") != "" || at.RawQuery != "" {
			return invalidParameter("connectedProfile.metadataEndpoint", "'%s' isn't a URL of the form https://host:port", c.MetadataEndpoint)
		}
	}
	return nil
}

func isFolder(path string) bool {
	return path == "" || strings.HasPrefix(path, "/") && !strings.ContainsAny(path, " ,\n")
}

// admitConnected asks the cluster who it is, so that who connects it hears at once what is wrong.
func (p *Provider) admitConnected(ctx context.Context, r *providers.Request, wanted properties) error {
	if e := p.offered(r, wanted); e != nil {
		return e
	}
	if r.Creating() {
		if err := p.admitNodeResourceGroup(ctx, r.ID, wanted.NodeResourceGroup); err != nil {
			return err
		}
	}
	if err := p.giveIdentity(ctx, r, wanted); err != nil {
		return err
	}
	s, err := readState(r.Next)
	if err != nil {
		return err
	}
	k, err := p.way(s)
	if err != nil {
		return err
	}
	facts, err := p.Connected.Look(ctx, k)
	switch {
	case errors.Is(err, connected.ErrNotAdministrator):
		return invalidParameter("connectedProfile.kubeconfig", "%v", connected.ErrNotAdministrator)
	case err != nil:
		return refused("ConnectedClusterUnreachable", "The cluster can't be asked: "+err.Error(), "connectedProfile.kubeconfig")
	}
	if e := p.sameCluster(ctx, r, s, k, facts); e != nil {
		return e
	}
	if err := learn(r.Next, facts); err != nil {
		return err
	}
	if err := p.admitPodIdentity(ctx, r, wanted); err != nil {
		return err
	}
	return r.Start(planConnect, nil)
}

// sameCluster refuses a new kubeconfig that leads to another cluster than the old one did: what is assigned to the pods of
// the one isn't for those of the other, whoever may change the resource.
func (p *Provider) sameCluster(ctx context.Context, r *providers.Request, s state, k connected.Kubeconfig, facts connected.Facts) *rest.Error {
	if s.Connected.Cluster == "" {
		return nil
	}
	another := refused("AnotherConnectedCluster", "The kubeconfig is of another cluster than the one that managed cluster '"+r.ID.Name()+"' stands for. Connect it as a managed cluster of its own. If it is the same one and the keys of its service accounts' tokens were changed while this cloud couldn't reach it, delete the managed cluster and connect it anew.", "connectedProfile.kubeconfig")
	if s.Connected.Cluster != facts.Cluster {
		return another
	}
	before, err := readState(r.Old)
	if err != nil {
		return rest.AsError(err)
	}
	if bytes.Equal(before.Connected.Kubeconfig, s.Connected.Kubeconfig) {
		return nil
	}
	switch err := p.Connected.Prove(ctx, k, before.IssuerKeys); {
	case errors.Is(err, connected.ErrAnotherCluster):
		return another
	case err != nil:
		return refused("ConnectedClusterUnreachable", "The cluster can't be asked: "+err.Error(), "connectedProfile.kubeconfig")
	}
	return nil
}

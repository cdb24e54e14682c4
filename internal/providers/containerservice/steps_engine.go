package containerservice

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// VNetKey is what the engine calls a virtual network.
func VNetKey(vnet armid.ID) string {
	sum := sha256.Sum256([]byte(vnet.Key()))
	return "vnet-" + hex.EncodeToString(sum[:12])
}

// ensureNetwork makes the VNet's namespace and serves the platform's addresses in it: nodes ask for metadata as soon as
// they run.
func (p *Provider) ensureNetwork(ctx context.Context, w *work) error {
	p.places.Lock()
	defer p.places.Unlock()
	return p.makeNetwork(ctx, w)
}

func (p *Provider) makeNetwork(ctx context.Context, w *work) error {
	document, err := w.run.Resources.Get(ctx, w.vnet())
	if err != nil {
		return fmt.Errorf("reading the virtual network: %w", err)
	}
	space, err := addressSpace(document)
	if err != nil {
		return err
	}
	if !w.podsInSubnet() {
		// Pods of other nodes are inside as well: they see each other's own addresses.
		pods, err := netip.ParsePrefix(w.is.NetworkProfile.PodCIDR)
		if err != nil {
			return fmt.Errorf("reading the pod range: %w", err)
		}
		space = append(space, pods.Masked())
	}
	if err := p.Engine.EnsureVNet(ctx, clusters.VNet{ID: VNetKey(w.vnet()), AddressPrefixes: space}); err != nil {
		return err
	}
	return p.Platform.Serve(ctx, w.vnet())
}

func addressSpace(vnet *resource.Resource) ([]netip.Prefix, error) {
	is, err := resource.Read[struct {
		AddressSpace struct {
			AddressPrefixes []string `json:"addressPrefixes"`
		} `json:"addressSpace"`
	}](vnet)
	if err != nil {
		return nil, err
	}
	var space []netip.Prefix
	for _, text := range is.AddressSpace.AddressPrefixes {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("reading the address space of %s: %w", vnet.ID, err)
		}
		if prefix.Addr().Is4() {
			space = append(space, prefix.Masked())
		}
	}
	return space, nil
}

// ensureControlPlane runs the cluster's API server and what belongs to it, and relays a loopback port to it.
//
// The listeners in the network end with the process that opened them: a process that goes on with the plan from here
// has to open its own.
func (p *Provider) ensureControlPlane(ctx context.Context, w *work) error {
	if err := p.ensureNetwork(ctx, w); err != nil {
		return err
	}
	etcd, err := p.Etcd.Grant(ctx, w.state.Key)
	if err != nil {
		return fmt.Errorf("giving the cluster its part of etcd: %w", err)
	}
	services, err := netip.ParsePrefix(w.is.NetworkProfile.ServiceCIDR)
	if err != nil {
		return fmt.Errorf("reading the service range: %w", err)
	}
	dns, err := netip.ParseAddr(w.is.NetworkProfile.DNSServiceIP)
	if err != nil {
		return fmt.Errorf("reading the address of the cluster's DNS: %w", err)
	}
	guard, err := p.guard(ctx, w)
	if err != nil {
		return err
	}
	if err := p.ensureIdentitySource(ctx, w.state.Key, w.cluster.ID); err != nil {
		return err
	}
	config, err := p.controlPlaneConfig(ctx, w)
	if err != nil {
		return err
	}
	runs, err := p.Engine.EnsureControlPlane(ctx, clusters.ControlPlane{
		Cloud:                &clusters.Cloud{Config: config, CACertificates: p.CACertificates},
		ID:                   w.state.Key,
		VNetID:               VNetKey(w.vnet()),
		Name:                 w.cluster.ID.Name(),
		ResourceGroup:        w.cluster.ID.ResourceGroup(),
		ServiceCIDR:          services.Masked(),
		DNSIP:                dns,
		KubernetesVersion:    w.is.CurrentVersion,
		Etcd:                 etcd,
		ServiceAccountIssuer: p.issuerURL(w.cluster.ID, w.state.Key), ServiceAccountKeysURL: p.issuerURL(w.cluster.ID, w.state.Key) + keysPath,
		Hostnames: w.hostnames(), Guard: guard,
	})
	if err != nil {
		return err
	}
	if at := runs.APIServerAddress.Addr().String(); at != w.state.Address {
		if err := w.updateState(ctx, func(s *state) { s.Address = at }); err != nil {
			return err
		}
	}
	return p.ensureRelay(ctx, w)
}

// hostnames are the names by which clients may know the API server.
func (w *work) hostnames() []string {
	names := []string{w.is.FQDN}
	if w.is.PrivateFQDN != "" {
		names = append(names, w.is.PrivateFQDN)
	}
	return names
}

// ensureRelay makes the API server reachable from this machine. That of a private cluster is reached from inside its
// virtual network alone.
func (p *Provider) ensureRelay(ctx context.Context, w *work) error {
	if w.is.APIServerAccessProfile.EnablePrivateCluster {
		return nil
	}
	port, err := p.relays.ensure(w.state.Key, w.state.Port)
	if err != nil || port == w.state.Port {
		return err
	}
	return w.update(ctx, func(r *resource.Resource) error {
		s, err := readState(r)
		if err != nil {
			return err
		}
		s.Port = port
		return r.SetInternal(s)
	})
}

// finish shows what became of the cluster.
func (p *Provider) finish(ctx context.Context, w *work) error {
	kubelet, err := p.kubelet(ctx, w)
	if err != nil {
		return err
	}
	return w.update(ctx, func(r *resource.Resource) error {
		d, err := parseDocument(r.Properties)
		if err != nil {
			return err
		}
		if kubelet.ResourceID != "" {
			d.section("identityProfile")[kubeletIdentity] = kubelet
		}
		w.showLoadBalancer(d)
		for _, pool := range d.objects("agentPoolProfiles") {
			pool["provisioningState"] = resource.Succeeded
		}
		if r.Properties, err = d.raw(); err != nil {
			return err
		}
		s, err := readState(r)
		if err != nil {
			return err
		}
		s.Going = nil
		return r.SetInternal(s)
	})
}

// reconcileFailed shows the failure on the pools as well. What was made stays: sending the document again goes on from
// there, and deleting the cluster removes it.
func (p *Provider) reconcileFailed(ctx context.Context, run *providers.Run) error {
	_, err := run.Update(ctx, func(r *resource.Resource) error {
		d, err := parseDocument(r.Properties)
		if err != nil {
			return err
		}
		for _, pool := range d.objects("agentPoolProfiles") {
			pool["provisioningState"] = resource.Failed
		}
		r.Properties, err = d.raw()
		return err
	})
	return err
}

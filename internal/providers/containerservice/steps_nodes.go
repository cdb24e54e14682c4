package containerservice

import (
	"context"
	"encoding/json"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
	"github.com/lanyard-project/lanyard/internal/providers/network"
)

// machine is one instance of a pool with its addresses.
type machine struct {
	pool    pool
	number  int
	name    string // computer name and node name
	address netip.Addr
	subnet  netip.Prefix
	pods    netip.Prefix
	built   model
}

// planInstances records which instances there are to be, and as what. What is recorded is found again and removed by
// deletion, made or not.
func (p *Provider) planInstances(ctx context.Context, w *work) error {
	kubelet, err := p.kubelet(ctx, w)
	if err != nil {
		return err
	}
	return w.update(ctx, func(r *resource.Resource) error {
		fresh, err := read(w.run, r)
		if err != nil {
			return err
		}
		fresh.plan(kubelet.ResourceID)
		return r.SetInternal(fresh.state)
	})
}

// ensureInstances gives the recorded instances addresses and makes them virtual machines.
func (p *Provider) ensureInstances(ctx context.Context, w *work) error {
	machines, err := p.machines(ctx, w)
	if err != nil {
		return err
	}
	for _, m := range machines {
		if err := p.Instances.EnsureInstance(ctx, w.service(), w.scaleSet(m.pool.Name), compute.Instance{
			Number: m.number, ComputerName: m.name, VMID: derivedGUID(w.state.Key, m.name),
			VNet: w.vnet(), Subnet: m.subnet, Address: m.address,
		}); err != nil {
			return fmt.Errorf("making virtual machine %s: %w", m.name, err)
		}
	}
	return nil
}

// plan brings the recorded instances to what the document wants.
func (w *work) plan(kubelet string) {
	pools := map[string]poolState{}
	for name, s := range w.state.Pools {
		pools[name] = s.want(0)
	}
	for _, pool := range w.is.AgentPools {
		s := w.state.Pools[pool.Name].clone()
		s.Model, s.Simulated = s.Model.next(pool, kubelet), pool.simulated()
		s = s.want(pool.Count)
		for _, id := range s.kubelets() {
			if !slices.Contains(s.Placed, id) {
				s.Placed = append(s.Placed, id)
			}
		}
		pools[pool.Name] = s
	}
	w.state.Pools = pools
	w.takeRanges()
}

// takeRanges gives each instance its part of the pod range, where pods have no addresses of the subnet.
func (w *work) takeRanges() {
	if w.podsInSubnet() {
		return
	}
	for _, pool := range w.is.AgentPools {
		if pool.simulated() {
			continue
		}
		for _, number := range w.state.Pools[pool.Name].present() {
			w.state.takeRange(w.computer(pool.Name, number))
		}
	}
}

// podsInSubnet reports whether pods have addresses of the subnet, as with azure, or of a range of their own.
func (w *work) podsInSubnet() bool {
	return w.is.NetworkProfile.NetworkPlugin == pluginAzure && w.is.NetworkProfile.NetworkPluginMode != modeOverlay
}

// machines lists the instances that there are to be, with their addresses, in a steady order.
func (p *Provider) machines(ctx context.Context, w *work) ([]machine, error) {
	var all []machine
	for _, pool := range w.is.AgentPools {
		if pool.simulated() {
			continue
		}
		subnet := w.subnet(pool)
		document, err := w.run.Resources.Get(ctx, subnet)
		if err != nil {
			return nil, fmt.Errorf("reading the subnet of pool %s: %w", pool.Name, err)
		}
		prefix, err := subnetPrefix(document)
		if err != nil {
			return nil, err
		}
		for _, number := range w.state.Pools[pool.Name].present() {
			m := machine{pool: pool, number: number, name: w.computer(pool.Name, number), subnet: prefix, built: w.state.Pools[pool.Name].Built[number]}
			if err := p.addresses(ctx, w, subnet, &m); err != nil {
				return nil, fmt.Errorf("finding addresses for %s: %w", m.name, err)
			}
			all = append(all, m)
		}
	}
	return all, nil
}

// addresses takes the node's own address and those of its pods.
func (p *Provider) addresses(ctx context.Context, w *work, subnet armid.ID, m *machine) error {
	own, err := p.Addresses.Allocate(ctx, subnet, addressOwner(w, m.name), 32)
	if err != nil {
		return err
	}
	m.address = own.Addr()
	if w.podsInSubnet() {
		m.pods, err = p.Addresses.Allocate(ctx, subnet, podsOwner(w, m.name), podBits(m.pool.MaxPods))
		return err
	}
	m.pods, err = podRange(w.is.NetworkProfile.PodCIDR, w.state.Ranges[m.name])
	return err
}

func addressOwner(w *work, node string) string { return w.state.Key + "/" + node }

func podsOwner(w *work, node string) string { return addressOwner(w, node) + "/pods" }

// podBits is the length of the smallest prefix that has maxPods addresses beside its first and last one, which no pod
// is given.
func podBits(maxPods int) int { return 32 - bits.Len(uint(maxPods+1)) }

// podRange is the n-th /24 of the pod range.
func podRange(cidr string, n int) (netip.Prefix, error) {
	all, err := netip.ParsePrefix(cidr)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("reading the pod range: %w", err)
	}
	base := all.Masked().Addr().As4()
	start := uint32(base[0])<<24 | uint32(base[1])<<16 | uint32(base[2])<<8 | uint32(base[3])
	start += uint32(n) << 8
	part := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(start >> 24), byte(start >> 16), byte(start >> 8), byte(start)}), 24)
	if all.Bits() > 24 || !all.Contains(part.Addr()) {
		return netip.Prefix{}, invalidParameter("networkProfile.podCidr", "'%s' has no /24 left for another node", cidr)
	}
	return part, nil
}

// ensureNodes runs the nodes, a few at a time: a node's start is mostly waiting, but not only.
func (p *Provider) ensureNodes(ctx context.Context, w *work) error {
	// As in ensureControlPlane: the plan may go on here in a process that serves nothing yet.
	if err := p.ensureNetwork(ctx, w); err != nil {
		return err
	}
	machines, err := p.machines(ctx, w)
	if err != nil {
		return err
	}
	known, err := p.identities(ctx, w)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(nodesAtOnce)
	for _, m := range machines {
		group.Go(func() error {
			n, err := p.node(w, m, known)
			if err != nil {
				return err
			}
			return p.Engine.EnsureNode(ctx, n)
		})
	}
	return group.Wait()
}

// ensureNode runs one node.
func (p *Provider) ensureNode(ctx context.Context, w *work, pool pool, number int) error {
	machines, err := p.machines(ctx, w)
	if err != nil {
		return err
	}
	known, err := p.identities(ctx, w)
	if err != nil {
		return err
	}
	for _, m := range machines {
		if m.pool.Name != pool.Name || m.number != number {
			continue
		}
		n, err := p.node(w, m, known)
		if err != nil {
			return err
		}
		return p.Engine.EnsureNode(ctx, n)
	}
	return fmt.Errorf("instance %d of pool %s isn't recorded", number, pool.Name)
}

const nodesAtOnce = 4

func (p *Provider) node(w *work, m machine, known map[string]identity) (clusters.Node, error) {
	azure, err := p.azureJSON(w, m, known[strings.ToLower(m.built.Kubelet)])
	if err != nil {
		return clusters.Node{}, err
	}
	instance := w.scaleSet(m.pool.Name).Child("virtualMachines", fmt.Sprint(m.number))
	return clusters.Node{
		ClusterID: w.state.Key,
		Name:      m.name,

		KubernetesVersion: m.built.Version,
		Address:           m.address,
		// The first address behind that of the subnet itself is its router's, as everywhere in Azure.
		Gateway:        network.Gateway(m.subnet),
		PodAddresses:   m.pods,
		Bridge:         w.is.NetworkProfile.NetworkPlugin == pluginKubenet,
		ProviderID:     "azure://" + instance.String(),
		Labels:         nodeLabels(w, m.pool),
		Taints:         m.pool.NodeTaints,
		MaxPods:        m.pool.MaxPods,
		AzureJSON:      azure,
		CACertificates: p.CACertificates,
		Images:         p.Images,
		PauseImage:     p.PauseImage,
	}, nil
}

// platformURL is where nodes and pods find the resource manager and the token service in every VNet.
const platformURL = "https://168.63.129.16/"

// azureJSON is the node's cloud configuration, as AKS writes it: what runs on the node learns from it whom to ask and
// as whom: as the node's identity, or as the cluster's service principal with its secret.
func (p *Provider) azureJSON(w *work, m machine, kubelet identity) ([]byte, error) {
	subnet := w.subnet(m.pool)
	client, password := managedIdentityClient, managedIdentityClient
	if m.built.Kubelet == "" {
		s, err := p.openSecret(w.state)
		if err != nil {
			return nil, err
		}
		client, password = w.state.ClientID, s.Reveal()
	}
	raw, err := json.MarshalIndent(map[string]any{
		"cloud":                       "AzurePublicCloud",
		"tenantId":                    p.tenant(w.cluster.ID),
		"subscriptionId":              w.cluster.ID.Subscription(),
		"resourceGroup":               w.is.NodeResourceGroup,
		"location":                    w.cluster.Location,
		"vmType":                      "vmss",
		"aadClientId":                 client,
		"aadClientSecret":             password,
		"useManagedIdentityExtension": m.built.Kubelet != "",
		"userAssignedIdentityID":      kubelet.ClientID,
		"primaryScaleSetName":         w.scaleSet(m.pool.Name).Name(),
		"vnetName":                    subnet.Parent().Name(),
		"vnetResourceGroup":           subnet.ResourceGroup(),
		"subnetName":                  subnet.Name(),
		"useInstanceMetadata":         true,
		"resourceManagerEndpoint":     platformURL,
		"activeDirectoryEndpoint":     platformURL,
	}, "", "    ")
	if err != nil {
		return nil, fmt.Errorf("writing azure.json: %w", err)
	}
	return raw, nil
}

// nodeLabels are the labels that AKS puts on nodes, as far as they say something here.
func nodeLabels(w *work, pool pool) map[string]string {
	mode := "user"
	if pool.Mode == "System" {
		mode = "system"
	}
	labels := map[string]string{
		"agentpool":                        pool.Name,
		"kubernetes.azure.com/agentpool":   pool.Name,
		"kubernetes.azure.com/cluster":     labelValue(w.is.NodeResourceGroup),
		"kubernetes.azure.com/mode":        mode,
		"kubernetes.azure.com/role":        "agent",
		"kubernetes.azure.com/os-sku":      "Ubuntu",
		"node.kubernetes.io/instance-type": labelValue(pool.VMSize),
		"topology.kubernetes.io/region":    labelValue(w.cluster.Location),
		"topology.kubernetes.io/zone":      "0",
	}
	for name, value := range pool.NodeLabels {
		labels[name] = value
	}
	return labels
}

// labelValue makes a name fit for a label: a resource group's may be longer and have parentheses.
func labelValue(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < 0x80 && (isLetter(byte(r)) || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.') {
			return r
		}
		return '_'
	}, name)
	return strings.Trim(firstOf(name, 63), "-_.")
}

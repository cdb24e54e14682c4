package clusters

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/lanyard-project/lanyard/internal/clusters/controlplane"
	"github.com/lanyard-project/lanyard/internal/clusters/machine"
	"github.com/lanyard-project/lanyard/internal/clusters/node"
	"github.com/lanyard-project/lanyard/internal/clusters/vnet"
)

// Node is a machine of a cluster.
type Node struct {
	ClusterID string
	Name      string
	// KubernetesVersion is that of its programs; the default one if "".
	KubernetesVersion string
	// Address is the node's in its subnet, Gateway the subnet's first.
	Address netip.Addr
	Gateway netip.Addr
	// PodAddresses are the addresses of the subnet that the node gives to its
	// pods, but for three of them; Address is not among them.
	PodAddresses netip.Prefix
	// Bridge puts the node's pods on a bridge, as kubenet does, where they are
	// neighbours; else each has a routed interface of its own.
	Bridge     bool
	ProviderID string
	Labels     map[string]string
	// Taints are written "key=value:Effect".
	Taints  []string
	MaxPods int
	// AzureJSON becomes /etc/kubernetes/azure.json, CACertificates
	// /etc/ssl/certs/ca-certificates.crt.
	AzureJSON      []byte
	CACertificates []byte
	// Images are archives to import; PauseImage is the name of one of them.
	Images     []string
	PauseImage string
}

func (n Node) check() error {
	if err := checkID("cluster", n.ClusterID); err != nil {
		return err
	}
	if !validNode.MatchString(n.Name) {
		return fmt.Errorf("node name %q must be 1 to 63 lower-case letters, digits and hyphens", n.Name)
	}
	if !n.Address.Is4() || !n.Gateway.Is4() || !n.PodAddresses.IsValid() || !n.PodAddresses.Addr().Is4() {
		return fmt.Errorf("node %s needs IPv4 addresses for itself, its gateway and its pods", n.Name)
	}
	if n.PodAddresses.Contains(n.Address) || n.PodAddresses.Contains(n.Gateway) {
		return fmt.Errorf("pod addresses %s of node %s contain the node's own or its gateway's", n.PodAddresses, n.Name)
	}
	if n.PodAddresses.Bits() > 30 {
		return fmt.Errorf("pod addresses %s of node %s are too few: at least a /30", n.PodAddresses, n.Name)
	}
	if n.PauseImage == "" || len(n.Images) == 0 {
		return fmt.Errorf("node %s needs image archives and the name of the pause image", n.Name)
	}
	return nil
}

// EnsureNode runs the node and waits until it is Ready.
func (e *Engine) EnsureNode(ctx context.Context, n Node) error {
	if err := n.check(); err != nil {
		return err
	}
	defer e.locks.shared("cluster/" + n.ClusterID)()
	defer e.locks.exclusive("node/" + n.ClusterID + "/" + n.Name)()
	if err := e.ensureNode(ctx, n); err != nil {
		return fmt.Errorf("ensuring node %s of cluster %s: %w", n.Name, n.ClusterID, err)
	}
	return nil
}

func (e *Engine) ensureNode(ctx context.Context, n Node) error {
	c, err := e.cluster(n.ClusterID)
	if err != nil {
		return err
	}
	var network VNet
	if err := load(e.vnetRecord(c.VNetID), &network); err != nil {
		return err
	}
	before, err := e.recordNode(n)
	if err != nil {
		return err
	}
	place := e.place(n)
	if err := e.fabric(c.VNetID).Attach(place); err != nil {
		return err
	}
	if err := place.Masquerade(network.AddressPrefixes); err != nil {
		return err
	}
	cp, err := controlplane.Open(e.controlPlaneSettings(c), e.options.Clock)
	if err != nil {
		return err
	}
	prepared, err := node.Prepare(e.nodeSettings(c, n, cp.Server()), cp.Authority)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	id := nodeMachine(n.ClusterID, n.Name)
	m, err := e.hosts.Ensure(ctx, prepared.Machine(id, place.Namespace.Path, e.group(id)))
	if err != nil {
		return err
	}
	if err := prepared.ImportImages(ctx, m, n.Images); err != nil {
		return err
	}
	api, err := e.client(c)
	if err != nil {
		return err
	}
	defer api.close()
	if err := api.nodeReady(ctx, n, before.Labels, m.Started); err != nil {
		return fmt.Errorf("%w; kubelet's last words: %s", err, lastWords(e.nodeDisk(n.ClusterID, n.Name), "/var/log/lanyard/kubelet.log"))
	}
	return nil
}

// recordNode keeps the node's record and returns the one before. What is cast
// into routes and a running kubelet can't change under it.
func (e *Engine) recordNode(n Node) (Node, error) {
	path := filepath.Join(e.nodeDir(n.ClusterID, n.Name), "node.json")
	var before Node
	err := load(path, &before)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Node{}, err
	}
	if err == nil && (before.Address != n.Address || before.Gateway != n.Gateway || before.PodAddresses != n.PodAddresses || before.Bridge != n.Bridge ||
		before.ProviderID != n.ProviderID || before.KubernetesVersion != n.KubernetesVersion) {
		return Node{}, errors.New("its addresses, its kind of network, provider ID and version can't change: delete it first")
	}
	return before, save(path, n)
}

// DeleteNode cuts the node's power and removes it from the cluster. Whoever
// wants its pods to end in peace drains it before.
func (e *Engine) DeleteNode(ctx context.Context, clusterID, name string) error {
	if err := checkID("cluster", clusterID); err != nil {
		return err
	}
	if !validNode.MatchString(name) {
		return fmt.Errorf("%q is no name of a node", name)
	}
	defer e.locks.shared("cluster/" + clusterID)()
	defer e.locks.exclusive("node/" + clusterID + "/" + name)()
	if err := e.deleteNode(ctx, clusterID, name); err != nil {
		return fmt.Errorf("deleting node %s of cluster %s: %w", name, clusterID, err)
	}
	return nil
}

func (e *Engine) deleteNode(ctx context.Context, clusterID, name string) error {
	// The machine first: a kubelet that lives registers its node again.
	if err := e.removeMachine(ctx, nodeMachine(clusterID, name)); err != nil {
		return err
	}
	c, err := e.cluster(clusterID)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return err
	default:
		api, err := e.client(c)
		if err != nil {
			return err
		}
		defer api.close()
		if err := api.forgetNode(ctx, name); err != nil {
			return err
		}
	}
	return e.removeNode(ctx, clusterID, name)
}

// removeNode removes all of a node that is on this machine.
func (e *Engine) removeNode(ctx context.Context, clusterID, name string) error {
	if err := e.removeMachine(ctx, nodeMachine(clusterID, name)); err != nil {
		return err
	}
	c, err := e.cluster(clusterID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	place := e.place(Node{ClusterID: clusterID, Name: name})
	if err == nil {
		err = e.fabric(c.VNetID).Detach(place)
	} else {
		err = place.Namespace.Delete()
	}
	if err != nil {
		return err
	}
	if err := e.rescueDisks(clusterID, name); err != nil {
		return err
	}
	return os.RemoveAll(e.nodeDir(clusterID, name))
}

// place is the node's place in its network.
func (e *Engine) place(n Node) vnet.Node {
	return vnet.Node{
		Key: n.ClusterID + "/" + n.Name, Namespace: e.nodeNamespace(n.ClusterID, n.Name),
		Address: n.Address, Gateway: n.Gateway, PodAddresses: n.PodAddresses, Bridge: n.Bridge,
	}
}

func (e *Engine) nodeDisk(clusterID, name string) machine.Disk {
	return machine.Disk{Dir: filepath.Join(e.nodeDir(clusterID, name), "disk")}
}

func (e *Engine) nodeSettings(c clusterRecord, n Node, server string) node.Settings {
	return node.Settings{
		Name: n.Name, Disk: e.nodeDisk(n.ClusterID, n.Name), Keys: filepath.Join(e.nodeDir(n.ClusterID, n.Name), "pki"), Binaries: e.programsOf(n.KubernetesVersion), Server: server,
		Address: n.Address, PodAddresses: n.PodAddresses, Bridge: n.Bridge, ProviderID: n.ProviderID,
		Labels: n.Labels, Taints: n.Taints, MaxPods: n.MaxPods, DNS: c.DNSIP,
		Registries: e.options.Registries, AzureJSON: n.AzureJSON, CACertificates: n.CACertificates, PauseImage: n.PauseImage,
		ExternalCloud: e.cloud(c.ControlPlane) != nil, CloudProvider: e.options.CloudProvider,
	}
}

// eachNode visits the records of all nodes.
func (e *Engine) eachNode(visit func(ControlPlane, Node) error) error {
	ids, err := names(filepath.Join(e.options.DataDir, "clusters"), "")
	if err != nil {
		return err
	}
	for _, id := range ids {
		c, err := e.cluster(id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		nodes, err := names(filepath.Join(e.clusterDir(id), "nodes"), "")
		if err != nil {
			return err
		}
		for _, name := range nodes {
			var n Node
			err := load(filepath.Join(e.nodeDir(id, name), "node.json"), &n)
			if err == nil {
				err = visit(c.ControlPlane, n)
			}
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
	}
	return nil
}

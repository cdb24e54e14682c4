package node

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/lanyard-project/lanyard/internal/clusters/cgroup"
	"github.com/lanyard-project/lanyard/internal/clusters/machine"
	"github.com/lanyard-project/lanyard/internal/clusters/pki"
)

const (
	binDir     = "/opt/lanyard/bin"
	socket     = "/run/containerd/containerd.sock"
	certsDir   = "/etc/kubernetes/certs"
	gate       = "/run/lanyard/images-imported"
	kubeletKey = "kubeletserver"
)

// Settings say what a node is like.
type Settings struct {
	Name string
	// Disk holds its files: images, volumes, logs.
	Disk machine.Disk
	// Keys is the host's folder, out of the node's reach, in which its keys
	// and certificates are made.
	Keys string
	// Binaries is the host's folder of the programs.
	Binaries string
	// Server is the API server's URL in the VNet.
	Server string

	Address      netip.Addr
	PodAddresses netip.Prefix
	// Bridge puts pods on a bridge instead of routed interfaces.
	Bridge     bool
	ProviderID string
	Labels     map[string]string
	Taints     []string
	MaxPods    int
	DNS        netip.Addr

	Registries Registries

	// ExternalCloud says that a cloud controller manager will look at the node and
	// complete it, before which it takes no pods.
	ExternalCloud bool
	// CloudProvider is the host's file of the program that mounts disks.
	CloudProvider string
	// AzureJSON is the node's cloud configuration file.
	AzureJSON []byte
	// CACertificates are trusted by the node and by pods that mount its
	// /etc/ssl/certs.
	CACertificates []byte
	// PauseImage holds a pod's namespaces; it must be among the imported.
	PauseImage string
}

// Node is a node whose files are in place.
type Node struct {
	settings Settings
}

// Prepare writes the node's files and keeps the certificates that are good.
func Prepare(s Settings, authority *pki.Authority) (*Node, error) {
	n := &Node{settings: s}
	if err := s.Disk.Ensure(s.Name); err != nil {
		return nil, err
	}
	if err := n.credentials(authority); err != nil {
		return nil, err
	}
	return n, n.files()
}

// credentials issues the node's certificates and gives them to it.
func (n *Node) credentials(authority *pki.Authority) error {
	s := n.settings
	for name, r := range map[string]pki.Request{
		"kubelet":    {CommonName: "system:node:" + s.Name, Organizations: []string{"system:nodes"}},
		"kube-proxy": {CommonName: "system:kube-proxy"},
		kubeletKey: {
			CommonName: s.Name, Server: true, Names: []string{s.Name}, Addresses: []netip.Addr{s.Address},
		},
	} {
		pair := pki.In(s.Keys, name)
		if err := authority.Ensure(pair, r); err != nil {
			return err
		}
		for _, from := range []string{pair.Certificate, pair.Key} {
			b, err := os.ReadFile(from)
			if err != nil {
				return fmt.Errorf("giving the node its certificates: %w", err)
			}
			if err := s.Disk.Write(certsDir+"/"+filepath.Base(from), b, 0o600); err != nil {
				return err
			}
		}
	}
	ca, err := authority.CertificatePEM()
	if err != nil {
		return err
	}
	if err := s.Disk.Write(certsDir+"/ca.crt", ca, 0o644); err != nil {
		return err
	}
	for name, path := range map[string]string{"kubelet": kubeletKubeconfig, "kube-proxy": proxyKubeconfig} {
		kubeconfig, err := pki.ProgramKubeconfig(s.Server, certsDir+"/ca.crt", pki.In(certsDir, name))
		if err != nil {
			return err
		}
		if err := s.Disk.Write(path, kubeconfig, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Machine is the node as a machine.
func (n *Node) Machine(id, network string, group cgroup.Group) machine.Spec {
	s := n.settings
	spec := machine.Spec{
		ID: id, Hostname: s.Name, Network: network, Cgroup: group,
		Binds: append(s.Disk.Binds(),
			machine.Bind{Source: s.Binaries, Target: binDir, ReadOnly: true},
			machine.Bind{Source: s.Binaries + "/cni", Target: "/opt/cni/bin", ReadOnly: true}),
		KernelSettings: kernelSettings(),
		Log:            filepath.Join(filepath.Dir(s.Keys), "init.log"),
		UnitLogs:       "/var/log/lanyard",
		Units: []machine.Unit{
			{Name: "containerd", Args: []string{binDir + "/containerd", "--config", containerdConfig}, Ready: "unix:" + socket, StopSeconds: 5},
			{Name: "kubelet", Args: n.kubelet(), After: gate, StopSeconds: 3},
			{Name: "kube-proxy", Args: []string{binDir + "/kube-proxy", "--config=" + proxyConfig}, StopSeconds: 2},
		},
	}
	if s.ExternalCloud {
		spec.Binds = append(spec.Binds, machine.Bind{Source: s.CloudProvider, Target: cloudProvider, ReadOnly: true})
		spec.Units = append(spec.Units, machine.Unit{Name: "csi-azuredisk-node", Args: []string{cloudProvider, "disk-node", "--node=" + s.Name}, After: gate, StopSeconds: 1})
	}
	return spec
}

// cloudProvider is where the node finds the program.
const cloudProvider = "/opt/lanyard/cloud-provider"

// kernelSettings are those that a kubelet demands of the whole kernel. It
// finds them as it wants them, and so leaves the host's alone.
func kernelSettings() map[string]string {
	return map[string]string{
		"vm/overcommit_memory":      "1",
		"vm/panic_on_oom":           "0",
		"kernel/panic":              "10",
		"kernel/panic_on_oops":      "1",
		"kernel/keys/root_maxkeys":  "1000000",
		"kernel/keys/root_maxbytes": "25000000",
	}
}

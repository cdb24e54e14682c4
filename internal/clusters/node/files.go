package node

import (
	"encoding/json"
	"fmt"
	"maps"

	"golang.org/x/sys/unix"
	"sigs.k8s.io/yaml"

	"github.com/lanyard-project/lanyard/internal/clusters/vnet"
)

const (
	kubeletConfig     = "/etc/kubernetes/kubelet.yaml"
	kubeletKubeconfig = "/var/lib/kubelet/kubeconfig"
	proxyConfig       = "/etc/kubernetes/kube-proxy.yaml"
	proxyKubeconfig   = "/var/lib/kube-proxy/kubeconfig"
	containerdConfig  = "/etc/containerd/config.toml"
)

// object is a configuration file's content before it is encoded.
type object = map[string]any

// files writes the node's configuration.
func (n *Node) files() error {
	s := n.settings
	contents := map[string][]byte{}
	var err error
	if contents[kubeletConfig], err = yaml.Marshal(n.kubeletConfig()); err != nil {
		return fmt.Errorf("encoding kubelet configuration: %w", err)
	}
	if contents[proxyConfig], err = yaml.Marshal(n.proxyConfig()); err != nil {
		return fmt.Errorf("encoding kube-proxy configuration: %w", err)
	}
	if contents[cniFile], err = json.MarshalIndent(n.cniConfig(), "", "  "); err != nil {
		return fmt.Errorf("encoding network configuration: %w", err)
	}
	contents[containerdConfig] = []byte(n.containerdConfig())
	// The virtual network's own name server; there is no other.
	contents["/etc/resolv.conf"] = []byte("nameserver " + vnet.Platform().String() + "\n")
	contents["/etc/ssl/certs/ca-certificates.crt"] = s.CACertificates
	for path, content := range contents {
		if err := s.Disk.Write(path, content, 0o644); err != nil {
			return err
		}
	}
	if err := n.provide(); err != nil {
		return err
	}
	// It may hold a client secret.
	return s.Disk.Write("/etc/kubernetes/azure.json", s.AzureJSON, 0o600)
}

func (n *Node) kubelet() []string {
	args := []string{
		binDir + "/kubelet",
		"--config=" + kubeletConfig,
		"--kubeconfig=" + kubeletKubeconfig,
		"--hostname-override=" + n.settings.Name,
		"--node-ip=" + n.settings.Address.String(),
		"--node-labels=" + encodeLabels(ownLabels(n.settings.Labels)),
	}
	if n.settings.ExternalCloud {
		args = append(args, "--cloud-provider=external")
	}
	return append(args, n.providerFlags()...)
}

func (n *Node) kubeletConfig() object {
	s := n.settings
	c := object{
		"apiVersion":               "kubelet.config.k8s.io/v1beta1",
		"kind":                     "KubeletConfiguration",
		"address":                  s.Address.String(),
		"healthzBindAddress":       "127.0.0.1",
		"containerRuntimeEndpoint": "unix://" + socket,
		"cgroupDriver":             "cgroupfs",
		"failCgroupV1":             false,
		"failSwapOn":               false,
		"authentication": object{
			"anonymous": object{"enabled": false},
			"webhook":   object{"enabled": true},
			"x509":      object{"clientCAFile": certsDir + "/ca.crt"},
		},
		"authorization":     object{"mode": "Webhook"},
		"tlsCertFile":       certsDir + "/" + kubeletKey + ".crt",
		"tlsPrivateKeyFile": certsDir + "/" + kubeletKey + ".key",
		"clusterDomain":     "cluster.local",
		"resolvConf":        "/etc/resolv.conf",
		"providerID":        s.ProviderID,
		"volumePluginDir":   "/etc/kubernetes/volumeplugins",
		// Interception and masquerading are set up by those who own them.
		"makeIPTablesUtilChains": false,
		"serializeImagePulls":    false,
		// Images can't be pulled again, so none is ever collected; and the
		// disk is the host's, which may be fuller than a node's would be.
		"imageGCHighThresholdPercent": 100,
		"evictionHard":                object{"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
		"oomScoreAdj":                 oomScore(-999),
	}
	if s.MaxPods > 0 {
		c["maxPods"] = s.MaxPods
	}
	if s.DNS.IsValid() {
		c["clusterDNS"] = []string{s.DNS.String()}
	}
	if taints := encodeTaints(s.Taints); len(taints) > 0 {
		c["registerWithTaints"] = taints
	}
	return c
}

func (n *Node) proxyConfig() object {
	s := n.settings
	c := object{
		"apiVersion":         "kubeproxy.config.k8s.io/v1alpha1",
		"kind":               "KubeProxyConfiguration",
		"mode":               "nftables",
		"hostnameOverride":   s.Name,
		"bindAddress":        s.Address.String(),
		"healthzBindAddress": s.Address.String() + ":10256",
		"metricsBindAddress": "127.0.0.1:10249",
		"clientConnection":   object{"kubeconfig": proxyKubeconfig},
		// The kernel's limits are the machine's, not the node's.
		"conntrack":   object{"maxPerCore": 0, "min": 0},
		"oomScoreAdj": oomScore(-999),
	}
	maps.Copy(c, n.localPods())
	return c
}

func (n *Node) containerdConfig() string {
	return fmt.Sprintf(`version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
# Snapshotters that need other file systems, and a folder that nobody asked for.
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs", "io.containerd.differ.v1.erofs",
  "io.containerd.internal.v1.opt",
]

[grpc]
  address = %q

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = %q

[plugins.'io.containerd.cri.v1.runtime']
  # Where root may not lower a process's OOM score, runc fails to try.
  restrict_oom_score_adj = %t

  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["/opt/cni/bin"]
    conf_dir = "/etc/cni/net.d"

  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      BinaryName = %q
      SystemdCgroup = false
`, socket, n.settings.PauseImage, !mayLowerOOMScore(), binDir+"/runc")
}

// oomScore is the score if this machine allows it, else none.
func oomScore(score int) int {
	if mayLowerOOMScore() {
		return score
	}
	return 0
}

// mayLowerOOMScore reports whether we have CAP_SYS_RESOURCE; some virtual
// machines take it even from root.
func mayLowerOOMScore() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0
}

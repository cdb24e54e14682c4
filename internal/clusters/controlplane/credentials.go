package controlplane

import (
	"net/netip"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/clusters/pki"
)

// User names that Kubernetes' own roles are bound to.
const (
	controllerManager = "system:kube-controller-manager"
	scheduler         = "system:kube-scheduler"
	// CloudController is whom the cloud controller manager is. Its role is one
	// that the engine makes: Kubernetes has none for it.
	CloudController = "system:cloud-controller-manager"
	// KubeletClient is whom the API server is to the kubelets. It has the role
	// system:kubelet-api-admin by a binding that the engine makes.
	KubeletClient = "kube-apiserver-kubelet-client"
)

// certificates issues what the control plane needs.
func (cp *ControlPlane) certificates(c clock.PassiveClock) error {
	dir := cp.settings.Disk.Path(pkiDir)
	first := cp.settings.ServiceCIDR.Masked().Addr().Next()
	serving := pki.Request{
		CommonName: "kube-apiserver", Server: true,
		Names: append([]string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"}, cp.settings.Names...),
		Addresses: []netip.Addr{
			cp.settings.Address, first, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback(),
		},
	}
	for name, r := range map[string]pki.Request{
		"apiserver":                serving,
		"apiserver-kubelet-client": {CommonName: KubeletClient},
		"controller-manager":       {CommonName: controllerManager},
		"scheduler":                {CommonName: scheduler},
		cloudController:            {CommonName: CloudController},
		simulator:                  {CommonName: Simulator},
	} {
		if err := cp.Authority.Ensure(pki.In(dir, name), r); err != nil {
			return err
		}
	}
	// An authority of its own: whoever it certifies may speak for any user to
	// an extension API server.
	front, err := pki.EnsureAuthority(pki.In(dir, "front-proxy-ca"), "front-proxy-ca", c)
	if err != nil {
		return err
	}
	return front.Ensure(pki.In(dir, "front-proxy-client"), pki.Request{CommonName: frontProxy})
}

// cloudController names the files of the cloud controller manager.
const cloudController = "cloud-controller-manager"

// frontProxy is the only name that extension API servers accept as proxy.
const frontProxy = "front-proxy-client"

// kubeconfigs are written with the paths that the programs see.
func (cp *ControlPlane) kubeconfigs() error {
	for _, name := range []string{"controller-manager", "scheduler", cloudController, simulator} {
		kubeconfig, err := pki.ProgramKubeconfig(cp.Server(), pkiDir+"/ca.crt", pki.In(pkiDir, name))
		if err != nil {
			return err
		}
		if err := cp.settings.Disk.Write("/etc/kubernetes/"+name+".conf", kubeconfig, 0o600); err != nil {
			return err
		}
	}
	return nil
}

package controlplane

import (
	"fmt"

	"github.com/lanyard-project/lanyard/internal/clusters/cgroup"
	"github.com/lanyard-project/lanyard/internal/clusters/machine"
)

// readyFile lets the controllers start. Before the API server has made
// Kubernetes' own roles they would be refused, and try again only seconds later.
const readyFile = "/run/lanyard/api-server-ready"

// StartControllers lets the controllers start, when the API server is ready.
func (cp *ControlPlane) StartControllers(m machine.Machine) error {
	if err := (machine.Disk{Dir: m.Path("/")}).Write(readyFile, nil, 0o644); err != nil {
		return fmt.Errorf("letting the controllers start: %w", err)
	}
	return nil
}

// Machine is the control plane as a machine.
func (cp *ControlPlane) Machine(id, network string, group cgroup.Group) (machine.Spec, error) {
	sockets, err := cp.settings.Etcd.binds()
	if err != nil {
		return machine.Spec{}, err
	}
	former, err := cp.formerTokenKeys()
	if err != nil {
		return machine.Spec{}, err
	}
	binds := append(cp.settings.Disk.Binds(), machine.Bind{Source: cp.settings.Binaries, Target: binDir, ReadOnly: true})
	binds = append(binds, cp.settings.Cloud.binds()...)
	binds = append(binds, cp.settings.simulatorBinds()...)
	return machine.Spec{
		ID: id, Hostname: "control-plane", Network: network, Cgroup: group,
		Binds:    append(binds, sockets...),
		Log:      cp.settings.Disk.Dir + ".log",
		UnitLogs: "/var/log",
		Units: append([]machine.Unit{
			{Name: "kube-apiserver", Args: cp.apiServer(former), Ready: "tcp:" + cp.HostPort(), StopSeconds: 5},
			{Name: "kube-controller-manager", Args: cp.controllerManager(), After: readyFile, StopSeconds: 3},
			{Name: "kube-scheduler", Args: cp.scheduler(), After: readyFile, StopSeconds: 3},
		}, append(cp.settings.Cloud.units(), cp.settings.simulatorUnits()...)...),
	}, nil
}

func (cp *ControlPlane) apiServer(formerKeys []string) []string {
	s := cp.settings
	args := []string{
		binDir + "/kube-apiserver",
		"--bind-address=" + s.Address.String(),
		"--advertise-address=" + s.Address.String(),
		"--secure-port=" + port,
		"--service-cluster-ip-range=" + s.ServiceCIDR.String(),
		"--tls-cert-file=" + pkiDir + "/apiserver.crt",
		"--tls-private-key-file=" + pkiDir + "/apiserver.key",
		"--client-ca-file=" + pkiDir + "/ca.crt",
		"--anonymous-auth=false",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--profiling=false",
		"--service-account-issuer=" + s.Issuer,
		"--service-account-key-file=" + pkiDir + "/sa.key",
		"--service-account-signing-key-file=" + pkiDir + "/sa.key",
		"--kubelet-certificate-authority=" + pkiDir + "/ca.crt",
		"--kubelet-client-certificate=" + pkiDir + "/apiserver-kubelet-client.crt",
		"--kubelet-client-key=" + pkiDir + "/apiserver-kubelet-client.key",
		"--kubelet-preferred-address-types=InternalIP",
		"--requestheader-client-ca-file=" + pkiDir + "/front-proxy-ca.crt",
		"--requestheader-allowed-names=" + frontProxy,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + pkiDir + "/front-proxy-client.crt",
		"--proxy-client-key-file=" + pkiDir + "/front-proxy-client.key",
		// Webhooks and aggregated APIs are called at their pods' addresses, to which the VNet has routes: no kube-proxy runs here
		// that could translate a service's.
		"--enable-aggregator-routing=true",
		// Compaction is etcd's own business: the API server would keep a key
		// outside its prefix for it, and several share one etcd.
		"--etcd-compaction-interval=0",
	}
	if s.KeysURL != "" {
		args = append(args, "--service-account-jwks-uri="+s.KeysURL)
	}
	for _, key := range formerKeys {
		args = append(args, "--service-account-key-file="+key)
	}
	args = append(args, s.Guard.args()...)
	args = append(args, s.Etcd.args()...)
	return append(args, s.ExtraArgs...)
}

// The controllers have no port (their health is that they run): several
// clusters share the VNet's loopback interface. One of each runs, so there is
// no leader to elect.

func (cp *ControlPlane) controllerManager() []string {
	return []string{
		binDir + "/kube-controller-manager",
		"--kubeconfig=/etc/kubernetes/controller-manager.conf",
		"--secure-port=0",
		"--leader-elect=false",
		"--cluster-name=" + cp.settings.Name,
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + pkiDir + "/sa.key",
		"--root-ca-file=" + pkiDir + "/ca.crt",
		"--cluster-signing-cert-file=" + pkiDir + "/ca.crt",
		"--cluster-signing-key-file=" + pkiDir + "/ca.key",
		"--profiling=false",
		// With a service account a controller, the first seconds are many
		// small requests; the default limit makes pods wait for their service
		// accounts.
		"--kube-api-qps=100",
		"--kube-api-burst=200",
	}
}

func (cp *ControlPlane) scheduler() []string {
	return []string{
		binDir + "/kube-scheduler",
		"--kubeconfig=/etc/kubernetes/scheduler.conf",
		"--secure-port=0",
		"--leader-elect=false",
		"--profiling=false",
	}
}

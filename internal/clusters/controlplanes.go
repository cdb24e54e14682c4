package clusters

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lanyard-project/lanyard/internal/clusters/controlplane"
	"github.com/lanyard-project/lanyard/internal/clusters/machine"
	"github.com/lanyard-project/lanyard/internal/clusters/vnet"
)

// readyTimeout bounds how long a control plane or node may take to be ready,
// on a busy machine, before it counts as broken.
const readyTimeout = 3 * time.Minute

// Etcd is how a cluster reaches its part of etcd.
type Etcd = controlplane.Etcd

// Guard is whom an API server asks about users that Kubernetes doesn't know.
type Guard = controlplane.Guard

// ControlPlane is a cluster without its nodes.
type ControlPlane struct {
	// ID is a short, stable key.
	ID     string
	VNetID string
	// Name and ResourceGroup are the cluster's for people, in kubeconfigs.
	Name          string
	ResourceGroup string
	ServiceCIDR   netip.Prefix
	DNSIP         netip.Addr
	// KubernetesVersion is that of its programs; the default one if there are
	// none of it.
	KubernetesVersion string
	Etcd              Etcd
	// ServiceAccountIssuer is the "iss" of service account tokens, and
	// ServiceAccountKeysURL where its discovery document says the keys are;
	// the API server's own address if "".
	ServiceAccountIssuer  string
	ServiceAccountKeysURL string
	// Hostnames are names besides localhost and the Kubernetes ones that
	// clients may use for the API server.
	Hostnames []string
	// Guard knows the users of a cluster with Microsoft Entra integration.
	Guard *Guard `json:",omitempty"`
	// APIServerArgs are more flags of kube-apiserver.
	APIServerArgs []string
	// Cloud gives the cluster a cloud controller manager, if the engine has the
	// program. Its Program and Identity are the engine's to say.
	Cloud *controlplane.Cloud `json:",omitempty"`
}

// ControlPlaneStatus is what came of it.
type ControlPlaneStatus struct {
	// APIServerAddress is where the API server listens in the VNet.
	APIServerAddress netip.AddrPort
	// CACertificate is the cluster's authority, in PEM.
	CACertificate []byte
	// ServiceAccountKey verifies service account tokens, in PEM. See also
	// ServiceAccountKeys.
	ServiceAccountKey []byte
}

// clusterRecord is a ControlPlane with what the engine decided.
type clusterRecord struct {
	ControlPlane
	Address netip.Addr
	// Started is whether it was ready once; Stopped whether it was stopped since.
	Started bool `json:",omitempty"`
	Stopped bool `json:",omitempty"`
	// Certificates and TokenKeys name the latest rotations.
	Certificates string `json:",omitempty"`
	TokenKeys    string `json:",omitempty"`
}

func (c ControlPlane) check() error {
	if err := checkID("cluster", c.ID); err != nil {
		return err
	}
	if !c.ServiceCIDR.IsValid() || !c.ServiceCIDR.Addr().Is4() {
		return fmt.Errorf("cluster %s has no IPv4 range for services", c.ID)
	}
	if c.DNSIP.IsValid() && !c.ServiceCIDR.Contains(c.DNSIP) {
		return fmt.Errorf("DNS address %s of cluster %s is not in its range for services %s", c.DNSIP, c.ID, c.ServiceCIDR)
	}
	if c.ServiceAccountIssuer == "" || c.Etcd.Prefix == "" || len(c.Etcd.Endpoints) == 0 {
		return fmt.Errorf("cluster %s needs a service account issuer and an etcd prefix and endpoint", c.ID)
	}
	return nil
}

// EnsureControlPlane runs the cluster's control plane and waits until it
// answers and can take pods.
func (e *Engine) EnsureControlPlane(ctx context.Context, c ControlPlane) (ControlPlaneStatus, error) {
	if err := c.check(); err != nil {
		return ControlPlaneStatus{}, err
	}
	defer e.locks.exclusive("cluster/" + c.ID)()
	status, err := e.ensureControlPlane(ctx, c)
	if err != nil {
		return ControlPlaneStatus{}, fmt.Errorf("ensuring control plane of cluster %s: %w", c.ID, err)
	}
	return status, nil
}

func (e *Engine) ensureControlPlane(ctx context.Context, c ControlPlane) (ControlPlaneStatus, error) {
	record, err := e.recordCluster(c)
	if err != nil {
		return ControlPlaneStatus{}, err
	}
	fabric := e.fabric(c.VNetID)
	if err := fabric.EnsureAddress(record.Address); err != nil {
		return ControlPlaneStatus{}, err
	}
	if err := e.ensureIdentityDir(record.ControlPlane); err != nil {
		return ControlPlaneStatus{}, err
	}
	cp, err := controlplane.Prepare(e.controlPlaneSettings(record), e.options.Clock)
	if err != nil {
		return ControlPlaneStatus{}, err
	}
	id := controlPlaneMachine(c.ID)
	spec, err := cp.Machine(id, fabric.Path, e.group(id))
	if err != nil {
		return ControlPlaneStatus{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if e.hosts.Differs(spec) {
		// Other programs or other flags: it starts again with them.
		if err := e.powerOffMachine(ctx, id); err != nil {
			return ControlPlaneStatus{}, err
		}
	}
	m, err := e.hosts.Ensure(ctx, spec)
	if err != nil {
		return ControlPlaneStatus{}, err
	}
	api, err := e.client(record)
	if err != nil {
		return ControlPlaneStatus{}, err
	}
	defer api.close()
	err = api.ready(ctx)
	if err == nil {
		err = cp.StartControllers(m)
	}
	if err == nil {
		err = api.admitsPods(ctx)
	}
	if err != nil {
		return ControlPlaneStatus{}, fmt.Errorf("%w; kube-apiserver's last words: %s", err, lastWords(e.controlPlaneDisk(c.ID), "/var/log/kube-apiserver.log"))
	}
	record.Started, record.Stopped = true, false
	if err := e.saveCluster(record); err != nil {
		return ControlPlaneStatus{}, err
	}
	return e.status(cp, record)
}

func (e *Engine) status(cp *controlplane.ControlPlane, record clusterRecord) (ControlPlaneStatus, error) {
	ca, err := cp.Authority.CertificatePEM()
	if err != nil {
		return ControlPlaneStatus{}, err
	}
	key, err := cp.TokenKeyPEM()
	if err != nil {
		return ControlPlaneStatus{}, err
	}
	at, err := netip.ParseAddrPort(cp.HostPort())
	return ControlPlaneStatus{APIServerAddress: at, CACertificate: ca, ServiceAccountKey: key}, err
}

// recordCluster keeps the cluster's record, and gives a new one an address.
func (e *Engine) recordCluster(c ControlPlane) (clusterRecord, error) {
	// Held while the address is chosen and written: no two get the same one.
	defer e.locks.exclusive("vnet/" + c.VNetID)()
	if err := e.knownVNet(c.VNetID); err != nil {
		return clusterRecord{}, err
	}
	record, err := e.cluster(c.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		record.Address, err = e.freeAddress(c.VNetID)
	case err == nil && record.VNetID != c.VNetID:
		err = fmt.Errorf("it is in virtual network %s and can't move to %s", record.VNetID, c.VNetID)
	}
	if err != nil {
		return clusterRecord{}, err
	}
	record.ControlPlane = c
	return record, save(filepath.Join(e.clusterDir(c.ID), "cluster.json"), record)
}

// freeAddress finds the first platform address that no API server of the
// network has.
func (e *Engine) freeAddress(vnetID string) (netip.Addr, error) {
	in, err := e.clustersIn(vnetID)
	if err != nil {
		return netip.Addr{}, err
	}
	var taken []netip.Addr
	for _, c := range in {
		record, err := e.cluster(c.ID)
		if err != nil {
			return netip.Addr{}, err
		}
		taken = append(taken, record.Address)
	}
	for a := vnet.FirstAPIServer(); a.Compare(vnet.LastAPIServer()) <= 0; a = a.Next() {
		if !slices.Contains(taken, a) {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("virtual network %s has no address left for another cluster", vnetID)
}

// DeleteControlPlane ends the cluster with all its nodes. Its data in etcd are
// the caller's to delete.
func (e *Engine) DeleteControlPlane(ctx context.Context, id string) error {
	if err := checkID("cluster", id); err != nil {
		return err
	}
	defer e.locks.exclusive("cluster/" + id)()
	return e.deleteControlPlane(ctx, id)
}

func (e *Engine) deleteControlPlane(ctx context.Context, id string) error {
	nodes, err := names(filepath.Join(e.clusterDir(id), "nodes"), "")
	if err != nil {
		return err
	}
	for _, name := range nodes {
		if err := e.removeNode(ctx, id, name); err != nil {
			return fmt.Errorf("deleting cluster %s: %w", id, err)
		}
	}
	if err := e.removeMachine(ctx, controlPlaneMachine(id)); err != nil {
		return fmt.Errorf("deleting cluster %s: %w", id, err)
	}
	record, err := e.cluster(id)
	if err == nil {
		err = e.fabric(record.VNetID).RemoveAddress(record.Address)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("deleting cluster %s: %w", id, err)
	}
	if err := os.RemoveAll(e.identityDir(id)); err != nil {
		return fmt.Errorf("deleting cluster %s: %w", id, err)
	}
	if err := os.RemoveAll(e.clusterDir(id)); err != nil {
		return fmt.Errorf("deleting cluster %s: %w", id, err)
	}
	return nil
}

// removeMachine cuts a machine's power and forgets it.
func (e *Engine) removeMachine(ctx context.Context, id string) error {
	if err := e.hosts.Stop(ctx, id, 0); err != nil {
		return err
	}
	if err := e.group(id).Remove(ctx); err != nil {
		return err
	}
	return e.hosts.Remove(id)
}

func (e *Engine) cluster(id string) (clusterRecord, error) {
	if err := checkID("cluster", id); err != nil {
		return clusterRecord{}, err
	}
	var record clusterRecord
	if err := load(filepath.Join(e.clusterDir(id), "cluster.json"), &record); err != nil {
		return clusterRecord{}, fmt.Errorf("cluster %s: %w", id, err)
	}
	return record, nil
}

func (e *Engine) controlPlaneDisk(id string) machine.Disk {
	return machine.Disk{Dir: filepath.Join(e.clusterDir(id), "control-plane")}
}

func (e *Engine) controlPlaneSettings(r clusterRecord) controlplane.Settings {
	return controlplane.Settings{
		Name: r.Name, Disk: e.controlPlaneDisk(r.ID), Binaries: e.programsOf(r.KubernetesVersion),
		Address: r.Address, ServiceCIDR: r.ServiceCIDR, Etcd: r.Etcd,
		Issuer: r.ServiceAccountIssuer, KeysURL: r.ServiceAccountKeysURL,
		Names: r.Hostnames, Guard: r.Guard, ExtraArgs: r.APIServerArgs, Cloud: e.cloud(r.ControlPlane), Simulator: e.options.Simulator,
	}
}

package controlplane

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/clusters/machine"
	"github.com/lanyard-project/lanyard/internal/clusters/pki"
)

// port is where every API server listens; it has an address of its own.
const port = "443"

const (
	pkiDir = "/etc/kubernetes/pki"
	binDir = "/opt/lanyard/bin"
)

// Settings say what a control plane is like.
type Settings struct {
	// Name is the cluster's name, for people.
	Name string
	// Disk holds its keys, certificates and logs.
	Disk machine.Disk
	// Binaries is the host's folder of the Kubernetes programs.
	Binaries string
	// Address is the API server's, in the VNet.
	Address     netip.Addr
	ServiceCIDR netip.Prefix
	Etcd        Etcd
	// Issuer is the "iss" of the cluster's service account tokens; KeysURL is
	// where its discovery document says the keys are, if not "".
	Issuer  string
	KeysURL string
	// Names are more names that the API server's certificate is good for.
	Names []string
	// Guard knows users of whom Kubernetes doesn't; nil if there are none.
	Guard *Guard
	// ExtraArgs are appended to those of the API server.
	ExtraArgs []string
	// Cloud is none for a cluster without a cloud controller manager.
	Cloud *Cloud
	// Simulator is the host's program that stands for the kubelets of simulated nodes, KWOK; "" for none.
	Simulator string
}

// ControlPlane is a control plane whose files are in place.
type ControlPlane struct {
	settings Settings
	// Authority issues the certificates of the cluster.
	Authority *pki.Authority
	// TokenKey verifies the cluster's service account tokens.
	TokenKey *rsa.PublicKey
}

// Prepare makes keys, certificates and kubeconfigs, and keeps those that are
// good.
func Prepare(s Settings, c clock.PassiveClock) (*ControlPlane, error) {
	if err := s.Disk.Ensure("control-plane"); err != nil {
		return nil, err
	}
	cp, err := Open(s, c)
	if err != nil {
		return nil, err
	}
	if err := dropRetired(s, c.Now()); err != nil {
		return nil, err
	}
	if err := cp.certificates(c); err != nil {
		return nil, err
	}
	if err := s.Etcd.write(s.Disk); err != nil {
		return nil, err
	}
	if err := s.Guard.write(s); err != nil {
		return nil, err
	}
	if err := s.Cloud.write(s.Disk); err != nil {
		return nil, err
	}
	return cp, cp.kubeconfigs()
}

// Open opens the cluster's authority and token key, or makes them.
func Open(s Settings, c clock.PassiveClock) (*ControlPlane, error) {
	dir := s.Disk.Path(pkiDir)
	authority, err := pki.EnsureAuthority(pki.In(dir, "ca"), "ca", c)
	if err != nil {
		return nil, err
	}
	key, err := pki.EnsureSigningKey(filepath.Join(dir, tokenKey))
	if err != nil {
		return nil, err
	}
	return &ControlPlane{settings: s, Authority: authority, TokenKey: key}, nil
}

// Server is the API server's URL in the VNet.
func (cp *ControlPlane) Server() string {
	return "https://" + cp.HostPort()
}

// HostPort is the API server's address and port in the VNet.
func (cp *ControlPlane) HostPort() string {
	return net.JoinHostPort(cp.settings.Address.String(), port)
}

// TokenKeyPEM is the token key in PEM.
func (cp *ControlPlane) TokenKeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(cp.TokenKey)
	if err != nil {
		return nil, fmt.Errorf("encoding token key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

package controlplane

import (
	"github.com/lanyard-project/lanyard/internal/clusters/machine"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// Cloud is how the cluster's cloud controller manager reaches the cloud.
type Cloud struct {
	// Program is the host's file of the program.
	Program string
	// Identity is the host's folder of the socket IdentitySocket, which gives the
	// tokens of the control plane's managed identity to whoever reaches it: this
	// machine alone.
	Identity string
	// Config is azure.json, which may hold the secret of a service principal; none
	// leaves the one that is there.
	Config secret.String `json:"-"`
	// CACertificates are trusted, in PEM.
	CACertificates []byte
}

// IdentitySocket is the socket's name in its folder.
const IdentitySocket = "identity.sock"

const (
	cloudConfig   = "/etc/kubernetes/azure.json"
	cloudProvider = "/opt/lanyard/cloud-provider"
	identityDir   = "/run/identity"
)

func (c *Cloud) write(disk machine.Disk) error {
	if c == nil {
		return nil
	}
	if err := disk.Write("/etc/ssl/certs/ca-certificates.crt", c.CACertificates, 0o644); err != nil {
		return err
	}
	if c.Config.IsZero() {
		return nil
	}
	return WriteCloudConfig(disk, c.Config)
}

// WriteCloudConfig gives a control plane its azure.json.
func WriteCloudConfig(disk machine.Disk, config secret.String) error {
	return disk.Write(cloudConfig, []byte(config.Reveal()), 0o600)
}

func (c *Cloud) binds() []machine.Bind {
	if c == nil {
		return nil
	}
	return []machine.Bind{{Source: c.Program, Target: cloudProvider, ReadOnly: true}, {Source: c.Identity, Target: identityDir, ReadOnly: true}}
}

func (c *Cloud) units() []machine.Unit {
	if c == nil {
		return nil
	}
	return []machine.Unit{{Name: "cloud-controller-manager", After: readyFile, StopSeconds: 3, Args: []string{
		cloudProvider, "controller-manager",
		"--kubeconfig=/etc/kubernetes/" + cloudController + ".conf",
		"--cloud-config=" + cloudConfig,
		"--identity-socket=" + identityDir + "/" + IdentitySocket,
	}}}
}

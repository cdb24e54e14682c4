package node

import (
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

// Where AKS has them, too.
const (
	providerName   = "acr-credential-provider"
	providerDir    = "/var/lib/kubelet/credential-provider"
	providerConfig = "/var/lib/kubelet/credential-provider-config.yaml"
)

// Registries say how a node signs in to container registries.
type Registries struct {
	// Program is the host's file of the kubelet's credential provider, which each
	// node has a copy of. Without one, images of public registries alone are pulled.
	Program string
	// Domain is what the registries' names end in: azurecr.io.
	Domain string
}

// provide puts the credential provider and its configuration on the disk.
func (n *Node) provide() error {
	r := n.settings.Registries
	if r.Program == "" {
		return nil
	}
	program, err := os.ReadFile(r.Program)
	if err != nil {
		return fmt.Errorf("giving the node its credential provider: %w", err)
	}
	config, err := yaml.Marshal(object{
		"apiVersion": "kubelet.config.k8s.io/v1",
		"kind":       "CredentialProviderConfig",
		"providers": []object{{
			"name":                 providerName,
			"apiVersion":           "credentialprovider.kubelet.k8s.io/v1",
			"matchImages":          []string{"*." + r.Domain},
			"defaultCacheDuration": "0s",
			"args":                 []string{"/etc/kubernetes/azure.json"},
		}},
	})
	if err != nil {
		return fmt.Errorf("encoding the configuration of the credential provider: %w", err)
	}
	if err := n.settings.Disk.Write(providerConfig, config, 0o644); err != nil {
		return err
	}
	return n.settings.Disk.Write(providerDir+"/"+providerName, program, 0o755)
}

// providerFlags tell the kubelet of it.
func (n *Node) providerFlags() []string {
	if n.settings.Registries.Program == "" {
		return nil
	}
	return []string{"--image-credential-provider-config=" + providerConfig, "--image-credential-provider-bin-dir=" + providerDir}
}

package local

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/lanyard-project/lanyard/internal/clusters/images"
)

const (
	// PauseImage holds a pod's namespaces.
	PauseImage = "registry.k8s.io/pause:3.10"
	// DNSImage is the name server of clusters.
	DNSImage = "registry.k8s.io/coredns/coredns:v1.13.1"
	// MICImage and NMIImage are what the chart's default values name.
	MICImage = "localhost/lanyard/mic:0.1.0"
	NMIImage = "localhost/lanyard/nmi:0.1.0"
	// DemoImage is the name that seed 003's demo.yaml asks for. Our nodes serve
	// our own program under it.
	DemoImage = "mcr.microsoft.com/oss/azure/aad-pod-identity/demo:v1.6.3"
	// CheckImage is what az aks check-acr runs on a node.
	CheckImage = "mcr.microsoft.com/aks/canipull:v0.1.0"

	// platformOrigin is lanyardd's front as nodes and pods reach it.
	platformOrigin = "https://168.63.129.16"
)

// nonRoot is the user of images that need no privilege.
const nonRoot = "65532:65532"

// imageFiles are the archives that every node imports, by file name. They stand
// for what nodes have from their start, and for public registries, which nobody
// reaches from here.
func (c *Cloud) imageFiles() []string {
	names := c.NodeImages
	if names == nil {
		names = []string{"pause", "coredns", "mic", "nmi", "demo", "canipull"}
	}
	var files []string
	for _, name := range names {
		files = append(files, filepath.Join(c.ImagesDir(), name+".tar"))
	}
	return files
}

// PackImages packs our binaries. The demo image knows this cloud as an image
// for Azure knows Azure: by its endpoint and by the authority that it trusts,
// which is why lanyardd has to have started once.
func (c *Cloud) PackImages() error {
	authority, err := os.ReadFile(c.CAFile())
	if err != nil {
		return err
	}
	mic := images.Program(MICImage, filepath.Join(c.Build, "bin", "mic"))
	mic.User = nonRoot
	demo := images.Program(DemoImage, filepath.Join(c.Build, "bin", "demo"))
	demo.User = nonRoot
	demo.Files = append(demo.Files, images.Certificates(authority))
	demo.Env = append(demo.Env, "ARM_ENDPOINT="+platformOrigin)
	check := images.Program(CheckImage, filepath.Join(c.Build, "bin", "acr-credential-provider"))
	check.Entrypoint = append(check.Entrypoint, "check")
	for name, image := range map[string]images.Image{
		"pause":   images.Program(PauseImage, filepath.Join(c.Build, "kube", "pause")),
		"coredns": images.Program(DNSImage, filepath.Join(c.Build, "kube", "coredns")),
		"mic":     mic,
		"nmi":     images.Program(NMIImage, filepath.Join(c.Build, "bin", "nmi")),
		"demo":    demo,

		"canipull": check,
	} {
		if _, err := images.PackFile(filepath.Join(c.ImagesDir(), name+".tar"), image); err != nil {
			return fmt.Errorf("packing %s: %w", image.Ref, err)
		}
	}
	return nil
}

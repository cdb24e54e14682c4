package rig

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/clusters/images"
)

// Predecessor is aad-pod-identity 1.8.17, built from its Go module, in images of the names that its chart asks for.
type Predecessor struct {
	module, dir string
	archives    []string
}

const predecessorImage = "mcr.microsoft.com/oss/azure/aad-pod-identity/"

// NewPredecessor says where its images will be: flags for Start. Pack makes them, once the cloud's authority is known.
func NewPredecessor(t testing.TB) *Predecessor {
	t.Helper()
	root := sourceTree(t)
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/Azure/aad-pod-identity")
	list.Dir, list.Env = filepath.Join(root, "tools", "aad-pod-identity"), append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("looking for the module of aad-pod-identity: %v", err)
	}
	dir := t.TempDir()
	return &Predecessor{
		module: strings.TrimSpace(string(out)), dir: dir,
		archives: []string{filepath.Join(dir, "mic.tar"), filepath.Join(dir, "nmi.tar")},
	}
}

// Flags make the cloud's nodes have the images.
func (p *Predecessor) Flags() []string {
	return []string{"--node-image=" + p.archives[0], "--node-image=" + p.archives[1]}
}

// Chart is its own chart, of its last release.
func (p *Predecessor) Chart() string {
	return filepath.Join(p.module, "charts", "aad-pod-identity-4.1.18.tgz")
}

// Pack makes the images: mic with the authority that it is to trust, nmi with Debian's iptables, which it calls.
func (p *Predecessor) Pack(t testing.TB, c *Cloud) {
	t.Helper()
	authority, err := os.ReadFile(c.CAFile())
	if err != nil {
		t.Fatal(err)
	}
	built := filepath.Join(c.Build, "aad-pod-identity")
	mic := images.Program(predecessorImage+"mic:v1.8.17", filepath.Join(built, "mic"))
	mic.Files = append(mic.Files, images.Certificates(authority))
	nmi := images.Program(predecessorImage+"nmi:v1.8.17", filepath.Join(built, "nmi"))
	nmi.Files = append(nmi.Files, iptables(t)...)
	nmi.Env = []string{"PATH=/usr/sbin", "XTABLES_LIBDIR=/usr/lib/xtables"}
	for i, image := range []images.Image{mic, nmi} {
		if _, err := images.PackFile(p.archives[i], image); err != nil {
			t.Fatalf("packing %s (built by make aad-pod-identity): %v", image.Ref, err)
		}
	}
}

// iptables is the program with the libraries and extensions that it loads. It is installed where it isn't there.
func iptables(t testing.TB) []images.File {
	t.Helper()
	const program = "/usr/sbin/xtables-nft-multi"
	if _, err := os.Stat(program); err != nil {
		install := exec.CommandContext(t.Context(), "sh", "-c", "apt-get update -q && apt-get install -y --no-install-recommends iptables")
		install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("installing iptables: %v: %s", err, out)
		}
	}
	files := []images.File{{Path: "/usr/sbin/iptables", Mode: 0o755, Source: program}}
	out, err := exec.CommandContext(t.Context(), "ldd", program).Output()
	if err != nil {
		t.Fatalf("asking for the libraries of iptables: %v", err)
	}
	for word := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(word, "/") {
			files = append(files, images.File{Path: word, Mode: 0o755, Source: word})
		}
	}
	extensions, err := filepath.Glob("/usr/lib/*/xtables/lib*t_*.so")
	if err != nil || len(extensions) == 0 {
		t.Fatalf("iptables has no extensions: %v", err)
	}
	for _, extension := range extensions {
		files = append(files, images.File{Path: "/usr/lib/xtables/" + filepath.Base(extension), Source: extension})
	}
	return files
}

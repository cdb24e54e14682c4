package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// program is what the nodes need from the operating system, by Debian package.
type program struct{ name, pkg, why string }

func programs() []program {
	return []program{
		{"nft", "nftables", "kube-proxy programs Services with it"},
		{"mount", "mount", "the kubelet mounts volumes with it"},
		{"ip", "iproute2", "nodes are looked at with it"},
	}
}

// Preflight reports in one sentence what the machine lacks for running nodes.
// Missing Debian packages are installed when apt-get is there, and said on out.
func Preflight(ctx context.Context, out io.Writer) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("clusters need Linux, and this is %s: run it on a Debian 12 machine", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("nodes are network namespaces and containers, and making them needs root: run the same command with sudo")
	}
	if _, err := os.Stat("/sys/fs/cgroup"); err != nil {
		return errors.New("the machine has no cgroup hierarchy at /sys/fs/cgroup, and the kubelet needs one: mount it or use another machine")
	}
	var missing []string
	for _, p := range programs() {
		if _, err := exec.LookPath(p.name); err != nil {
			missing = append(missing, p.pkg)
			fmt.Fprintf(out, "%s is missing (%s)\n", p.name, p.why)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	install := "apt-get install -y --no-install-recommends " + strings.Join(missing, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("the machine lacks %s: install the packages of these names", strings.Join(missing, ", "))
	}
	fmt.Fprintf(out, "installing with: %s\n", install)
	for _, command := range []string{"apt-get update -q", install} {
		c := exec.CommandContext(ctx, "sh", "-c", command)
		c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("installing %s failed (%w); run `%s` yourself: %s", strings.Join(missing, ", "), err, install, lastLine(output))
		}
	}
	return nil
}

// Programs are the files that make has to have built, below the build folder.
func Programs(build string) []string {
	files := []string{"bin/lanyardd", "bin/cloud-provider", "bin/mic", "bin/nmi", "bin/demo", "bin/acr-credential-provider", "tools/helm"}
	for _, name := range []string{"kube", "kubectl", "containerd", "containerd-shim-runc-v2", "runc", "pause", "coredns", "cni/ptp", "cni/bridge", "cni/host-local"} {
		files = append(files, "kube/"+name)
	}
	for i, f := range files {
		files[i] = filepath.Join(build, f)
	}
	return files
}

// CheckPrograms reports a program that isn't built yet.
func CheckPrograms(build string) error {
	for _, file := range Programs(build) {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("%s isn't built: run `make build kube tools/helm`", file)
		}
	}
	return nil
}

func lastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return lines[len(lines)-1]
}

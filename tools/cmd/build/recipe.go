package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// release is what a module says of itself: the version that go.mod requires
// and when that version was made.
type release struct {
	version string // v1.34.4
	time    time.Time
}

// recipe says how one program is made.
type recipe struct {
	name  string   // as progress and stamps call it
	group string   // "kube", "tools" or "bench", or its own name
	about string   // what it is and how large, for the one who waits
	out   string   // where it goes, below build/
	links []string // further names beside out, by which it tells its programs apart

	dir     string // the folder of its go.mod, below the repository's root
	modfile string // what it has instead of go.mod there, with a .sum of its own
	module  string // the module whose release it shows as its version
	pkg     string // the main package
	tags    string
	symbols func(release) map[string]string // values for -X, by symbol

	// c is set for a program with C in it: it is linked statically all the
	// same, with these libraries as pkg-config knows them.
	c []clib
}

// clib is a C library with its Debian package.
type clib struct{ name, debian string }

// flags are the arguments of go build, without the output.
func (r recipe) flags(rel release) []string {
	// Build IDs and version control stamps would make equal inputs give
	// unequal bytes. -s -w drop symbol and debug tables, a third of the size.
	ld := []string{"-s", "-w", "-buildid="}
	tags := r.tags
	if r.c != nil {
		ld = append(ld, "-linkmode", "external", "-extldflags", "-static")
		tags = strings.Join([]string{tags, "netgo", "osusergo"}, ",")
	}
	if r.symbols != nil {
		values := r.symbols(rel)
		for _, symbol := range slices.Sorted(maps.Keys(values)) {
			ld = append(ld, "-X", symbol+"="+values[symbol])
		}
	}
	flags := []string{"-trimpath", "-buildvcs=false", "-ldflags", strings.Join(ld, " ")}
	if tags != "" {
		flags = append(flags, "-tags", tags)
	}
	return append(flags, r.requirements()...)
}

// requirements are the flags that say which versions of modules are meant.
func (r recipe) requirements() []string {
	if r.modfile == "" {
		return nil
	}
	return []string{"-modfile=" + r.modfile}
}

// env is the environment that decides the content of the program.
func (r recipe) env() []string {
	cgo := "CGO_ENABLED=0"
	if r.c != nil {
		cgo = "CGO_ENABLED=1"
	}
	// GOFLAGS of the one who calls would change the result behind our back;
	// GOWORK would mix the modules' dependencies.
	return []string{cgo, "GOFLAGS=", "GOWORK=off"}
}

const (
	kubeVersion       = "k8s.io/component-base/version."
	containerdVersion = "github.com/containerd/containerd/v2/version."
	cniVersion        = "github.com/containernetworking/plugins/pkg/utils/buildversion."
)

// kubernetes fills the version that /version serves and that clients compare.
// A Go module carries no commit; Kubernetes shows an empty one as "unknown".
func kubernetes(rel release) map[string]string {
	major, rest, _ := strings.Cut(strings.TrimPrefix(rel.version, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	return map[string]string{
		kubeVersion + "gitVersion":   rel.version,
		kubeVersion + "gitMajor":     major,
		kubeVersion + "gitMinor":     minor,
		kubeVersion + "gitCommit":    "",
		kubeVersion + "gitTreeState": "archive",
		kubeVersion + "buildDate":    rel.time.UTC().Format(time.RFC3339),
	}
}

func containerd(rel release) map[string]string {
	return map[string]string{containerdVersion + "Version": rel.version}
}

func cni(rel release) map[string]string {
	return map[string]string{cniVersion + "BuildVersion": rel.version}
}

func helm(rel release) map[string]string {
	return map[string]string{"helm.sh/helm/v3/internal/version.version": rel.version}
}

const gatekeeperModule = "github.com/open-policy-agent/gatekeeper/v3"

func gatekeeper(rel release) map[string]string {
	return map[string]string{gatekeeperModule + "/pkg/version.Version": rel.version}
}

func golangciLint(rel release) map[string]string {
	return map[string]string{
		"main.version": strings.TrimPrefix(rel.version, "v"),
		"main.date":    rel.time.UTC().Format(time.RFC3339),
	}
}

// recipes lists everything that can be built, the longest first, so that what
// is shared is compiled there.
func recipes() []recipe {
	kube := recipe{
		name: "kube", about: "Kubernetes' programs and etcd in one", out: "kube/kube",
		links: []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet"},
		dir:   "kube", module: "k8s.io/kubernetes", pkg: "./cmd/kube",
		tags:    "selinux,notest,grpcnotrace", // as Kubernetes' own release builds
		symbols: kubernetes,
	}
	all := []recipe{
		kube,
		{name: "pause", about: "process 1 of a pod", out: "kube/pause", dir: "kube", pkg: "./cmd/pause"},
	}
	for _, p := range []struct{ name, tags string }{
		{"containerd", "urfave_cli_no_docs,static_build"},
		{"ctr", "urfave_cli_no_docs,static_build"},
		{"containerd-shim-runc-v2", "urfave_cli_no_docs,static_build,no_grpc"}, // small: one runs beside every pod
	} {
		all = append(all, recipe{
			name: p.name, about: "container runtime", out: "kube/" + p.name,
			dir: "kube/containerd", module: "github.com/containerd/containerd/v2",
			pkg: "github.com/containerd/containerd/v2/cmd/" + p.name, tags: p.tags, symbols: containerd,
		})
	}
	all = append(all, recipe{
		name: "runc", about: "starts containers", out: "kube/runc",
		dir: "kube/runc", module: "github.com/opencontainers/runc", pkg: "github.com/opencontainers/runc",
		tags: "seccomp,urfave_cli_no_docs",
		c:    []clib{{name: "libseccomp", debian: "libseccomp-dev"}},
	})
	for _, p := range []string{"main/ptp", "main/bridge", "main/loopback", "ipam/host-local", "meta/portmap"} {
		name := p[strings.Index(p, "/")+1:]
		all = append(all, recipe{
			name: "cni-" + name, about: "CNI plugin", out: "kube/cni/" + name,
			dir: "kube/cni", module: "github.com/containernetworking/plugins",
			pkg: "github.com/containernetworking/plugins/plugins/" + p, symbols: cni,
		})
	}
	all = append(all, recipe{
		name: "coredns", about: "the name server of clusters", out: "kube/coredns",
		dir: "kube/coredns", module: "github.com/coredns/coredns", pkg: ".",
	})
	for i := range all {
		all[i].group = "kube"
	}
	// The release before, for who wants clusters that can be upgraded: not in the
	// group, since it takes as long as all the rest.
	previous := kube
	previous.name, previous.group = "kube-previous", "kube-previous"
	previous.about, previous.out, previous.modfile = "the release of Kubernetes before", "kube-previous/kube", "previous.mod"
	all = append(all, previous)
	// What mic and nmi take the place of, for the test that they do.
	for _, p := range []string{"mic", "nmi"} {
		all = append(all, recipe{
			name: "aad-pod-identity-" + p, group: "aad-pod-identity", about: "what Lanyard takes over from", out: "aad-pod-identity/" + p,
			dir: "tools/aad-pod-identity", module: "github.com/Azure/aad-pod-identity", pkg: "github.com/Azure/aad-pod-identity/cmd/" + p,
		})
	}
	return append(all,
		recipe{
			name: "helm", group: "tools", about: "installs charts", out: "tools/helm",
			dir: "tools/helm", module: "helm.sh/helm/v3", pkg: "helm.sh/helm/v3/cmd/helm", symbols: helm,
		},
		recipe{
			name: "controller-gen", group: "tools", about: "generates CRDs and deep copies", out: "tools/controller-gen",
			dir: "tools/controller-gen", module: "sigs.k8s.io/controller-tools", pkg: "sigs.k8s.io/controller-tools/cmd/controller-gen",
		},
		recipe{
			name: "golangci-lint", group: "tools", about: "lint", out: "tools/golangci-lint",
			dir: "tools/golangci-lint", module: "github.com/golangci/golangci-lint/v2", pkg: "github.com/golangci/golangci-lint/v2/cmd/golangci-lint",
			symbols: golangciLint,
		},
		recipe{ // in no group of others': benchmarks and simulated pools have a use for it
			name: "kwok", group: "bench", about: "simulates nodes", out: "tools/kwok",
			dir: "tools/kwok", module: "sigs.k8s.io/kwok", pkg: "sigs.k8s.io/kwok/cmd/kwok",
		},
		recipe{ // in no group: one end-to-end test builds it
			name: "gatekeeper", group: "gatekeeper", about: "an admission webhook, for an end-to-end test", out: "e2e/gatekeeper",
			dir: "tools/gatekeeper", module: gatekeeperModule, pkg: gatekeeperModule, symbols: gatekeeper,
		},
	)
}

// pick finds the recipes that the arguments name, by name or group, each once.
func pick(all []recipe, names []string) ([]recipe, error) {
	var picked []recipe
	known := map[string]bool{}
	wanted := map[string]bool{}
	for _, n := range names {
		wanted[n] = true
	}
	for _, r := range all {
		known[r.name], known[r.group] = true, true
		if wanted[r.name] || wanted[r.group] {
			picked = append(picked, r)
		}
	}
	for _, n := range names {
		if !known[n] {
			return nil, fmt.Errorf("nothing is called %q here", n)
		}
	}
	return picked, nil
}

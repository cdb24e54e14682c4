package clusters

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/clusters/cgroup"
	"github.com/lanyard-project/lanyard/internal/clusters/machine"
	"github.com/lanyard-project/lanyard/internal/clusters/node"
	"github.com/lanyard-project/lanyard/internal/clusters/vnet"
)

// Init must be called first in main of every program that makes an Engine: the
// engine re-executes that program as the init of machines, and then Init does
// not return.
func Init() { machine.Main() }

// Options are what an Engine needs; all are required but Clock.
type Options struct {
	// DataDir holds records, keys, certificates, and the disks of nodes. The
	// engine owns it: Teardown empties it.
	DataDir string
	// RunDir holds network namespaces and locks. Its last element also names
	// the engine's cgroup, so it must be unique on the machine, for example
	// /run/lanyard-1a2b3c4d.
	RunDir string
	// KubeDir holds the programs: kube-apiserver and so on, containerd, runc,
	// ctr, cni/. An engine that is to stop what runs, and no more, needs none.
	KubeDir string
	// KubeDirs hold the programs of further Kubernetes versions, by version.
	KubeDirs map[string]string
	// Registries say how nodes sign in to container registries.
	Registries node.Registries
	// CloudProvider is the program of the clusters' cloud controller managers; none
	// leaves clusters without one.
	CloudProvider string
	// Simulator is the program that stands for the kubelets of simulated nodes,
	// KWOK; none leaves clusters without simulated nodes.
	Simulator string
	// Clock is the real time, by default: certificates are checked by programs
	// that look at the machine's clock, so a clock that a test moves has no
	// place here.
	Clock clock.PassiveClock
	Log   *slog.Logger
}

// Engine runs the clusters of this machine.
type Engine struct {
	options Options
	hosts   *machine.Host
	groups  cgroup.Group
	locks   locks

	troubles troubles
}

// New makes an Engine. It starts nothing; see Adopt.
func New(o Options) (*Engine, error) {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if err := preflight(o); err != nil {
		return nil, err
	}
	for _, dir := range []string{o.DataDir, o.RunDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("creating folder of clusters: %w", err)
		}
	}
	hierarchies, err := cgroup.Hierarchies()
	if err != nil {
		return nil, err
	}
	return &Engine{
		options: o,
		hosts:   &machine.Host{Dir: filepath.Join(o.RunDir, "machines"), Log: o.Log},
		groups:  cgroup.Group{Hierarchies: hierarchies, Path: filepath.Base(o.RunDir)},
		locks:   locks{held: map[string]*lock{}},
	}, nil
}

// programs that nodes and control planes are made of.
func programs() []string {
	return []string{
		"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy",
		"containerd", "containerd-shim-runc-v2", "ctr", "runc", "cni/ptp", "cni/bridge", "cni/host-local", "cni/loopback", "cni/portmap",
	}
}

// preflight says in one sentence what this machine lacks.
func preflight(o Options) error {
	if os.Geteuid() != 0 {
		return errors.New("running clusters needs root: start again with sudo")
	}
	for _, p := range []string{o.DataDir, o.RunDir} {
		if !filepath.IsAbs(p) {
			return fmt.Errorf("running clusters needs absolute paths, not %q", p)
		}
	}
	if o.KubeDir == "" {
		return nil
	}
	if !filepath.IsAbs(o.KubeDir) {
		return fmt.Errorf("running clusters needs absolute paths, not %q", o.KubeDir)
	}
	for _, p := range programs() {
		if _, err := os.Stat(filepath.Join(o.KubeDir, p)); err != nil {
			return fmt.Errorf("running clusters needs the Kubernetes programs, and %s is missing in %s: build them with make kube", p, o.KubeDir)
		}
	}
	if o.CloudProvider != "" {
		if _, err := os.Stat(o.CloudProvider); err != nil || !filepath.IsAbs(o.CloudProvider) {
			return fmt.Errorf("running clusters needs their cloud provider, and %s isn't one: build it with make build", o.CloudProvider)
		}
	}
	for _, tool := range []struct{ program, pkg string }{{"nft", "nftables"}, {"mount", "mount"}} {
		if !installed(tool.program) {
			return fmt.Errorf("running clusters needs the program %s: install it with apt-get install %s", tool.program, tool.pkg)
		}
	}
	return nil
}

// installed looks where nodes will look.
func installed(program string) bool {
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if _, err := os.Stat(filepath.Join(dir, program)); err == nil {
			return true
		}
	}
	return false
}

var (
	validID   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)
	validNode = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

func checkID(kind, id string) error {
	if !validID.MatchString(id) {
		return fmt.Errorf("%s ID %q must be 1 to 40 lower-case letters, digits and hyphens", kind, id)
	}
	return nil
}

// programsOf is the folder of a Kubernetes version's programs.
func (e *Engine) programsOf(version string) string {
	if dir, ok := e.options.KubeDirs[version]; ok {
		return dir
	}
	return e.options.KubeDir
}

func (e *Engine) vnetRecord(id string) string {
	return filepath.Join(e.options.DataDir, "vnets", id+".json")
}

func (e *Engine) clusterDir(id string) string {
	return filepath.Join(e.options.DataDir, "clusters", id)
}

func (e *Engine) nodeDir(cluster, name string) string {
	return filepath.Join(e.clusterDir(cluster), "nodes", name)
}

func (e *Engine) netDir() string { return filepath.Join(e.options.RunDir, "net") }

func (e *Engine) fabric(vnetID string) vnet.Fabric {
	return vnet.Fabric{Namespace: vnet.Namespace{Path: filepath.Join(e.netDir(), "vnet."+vnetID)}}
}

func (e *Engine) nodeNamespace(cluster, name string) vnet.Namespace {
	return vnet.Namespace{Path: filepath.Join(e.netDir(), nodeMachine(cluster, name))}
}

// CgroupFolder is where nodes have the cgroup version 2 hierarchy on a machine
// that has both versions: a container sees the first only. Else it is "".
func (e *Engine) CgroupFolder() string {
	for _, h := range e.groups.Hierarchies {
		if h.Version == 2 && len(e.groups.Hierarchies) > 1 {
			return h.Mountpoint
		}
	}
	return ""
}

func (e *Engine) group(machineID string) cgroup.Group {
	return cgroup.Group{Hierarchies: e.groups.Hierarchies, Path: e.groups.Path + "/" + machineID}
}

// The names of machines; their prefixes say in which order to stop them.
const (
	nodePrefix         = "node."
	controlPlanePrefix = "control-plane."
)

func controlPlaneMachine(cluster string) string { return controlPlanePrefix + cluster }

func nodeMachine(cluster, name string) string { return nodePrefix + cluster + "." + name }

package clusters_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"net/netip"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// creation is what another process is told to create.
type creation struct {
	DataDir, RunDir, KubeDir string
	VNet                     clusters.VNet
	ControlPlane             clusters.ControlPlane
	EtcdKey                  string
	Node                     clusters.Node
}

const createCommand = "create-cluster"

// create is that process.
func create(path string) int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	b, err := os.ReadFile(path)
	var c creation
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err == nil {
		err = c.run(context.Background(), log)
	}
	if err != nil {
		log.Error("creating cluster", "error", err)
		return 1
	}
	return 0
}

func (c creation) run(ctx context.Context, log *slog.Logger) error {
	e, err := clusters.New(clusters.Options{DataDir: c.DataDir, RunDir: c.RunDir, KubeDir: c.KubeDir, Log: log})
	if err != nil {
		return err
	}
	if err := e.EnsureVNet(ctx, c.VNet); err != nil {
		return err
	}
	c.ControlPlane.Etcd.Key = secret.New(c.EtcdKey)
	if _, err := e.EnsureControlPlane(ctx, c.ControlPlane); err != nil {
		return err
	}
	return e.EnsureNode(ctx, c.Node)
}

// TestCreationSurvivesKill kills the creating process at ever later moments.
// The one that may finish leaves exactly one machine of each.
func TestCreationSurvivesKill(t *testing.T) {
	l := newLab(t)
	c := creation{
		DataDir: l.data, RunDir: l.run, KubeDir: l.kube,
		VNet:         clusters.VNet{ID: "v1", AddressPrefixes: []netip.Prefix{netip.MustParsePrefix("10.224.0.0/12")}},
		ControlPlane: l.controlPlane("c1", "v1"), Node: l.node("c1", 0),
	}
	c.EtcdKey = c.ControlPlane.Etcd.Key.Reveal()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "creation.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	killed := 0
	for _, after := range []time.Duration{50, 100, 150, 200, 300, 500, 1000, 3000, 2000, 400, 200, 100} {
		ctx, cancel := context.WithTimeout(t.Context(), after*time.Millisecond)
		out, err := exec.CommandContext(ctx, os.Args[0], createCommand, path).CombinedOutput()
		if ctx.Err() != nil {
			killed++
		} else if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		cancel()
	}
	t.Logf("killed %d times", killed)
	if killed < 6 {
		t.Errorf("only %d of the creations were killed: the test proves little", killed)
	}
	l.timed("the one that may finish", func() error { return c.run(t.Context(), slog.New(slog.DiscardHandler)) })

	// A child that an init has just made looks like the init until it is another program.
	want := map[string]int{"control-plane.c1": 1, "node.c1." + c.Node.Name: 1}
	eventually(t, func() string { return cmp.Diff(want, l.inits()) }, "machines and how often they run (-want +got)")
}

// inits counts the processes that say they are a machine's init.
func (l *lab) inits() map[string]int {
	l.t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		l.t.Fatal(err)
	}
	inits := map[string]int{}
	for _, p := range processes {
		cmdline, _ := os.ReadFile(p)
		if _, id, ok := strings.Cut(string(cmdline), l.run+"/machines/"); ok {
			inits[strings.TrimRight(id, "\x00")]++
		}
	}
	return inits
}

package machine_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanyard-project/lanyard/internal/clusters/cgroup"
	"github.com/lanyard-project/lanyard/internal/clusters/machine"
	"github.com/lanyard-project/lanyard/internal/clusters/vnet"
)

func TestMain(m *testing.M) {
	machine.Main()
	os.Exit(m.Run())
}

// script is a unit that says what it sees, then stays.
const script = `set -e
cd /data
hostname > hostname
ls / | tr '\n' ' ' > root
cat /proc/sys/vm/overcommit_memory > setting
(echo 1 > /proc/sys/kernel/panic) 2>/dev/null && echo written > panic || echo refused > panic
cat /proc/self/cgroup > cgroup
cat /proc/self/mountinfo > mountinfo
cat /proc/net/dev > dev
sleep 1000 &
touch up
wait`

func TestMachine(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("machines need root: run the tests with sudo")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	run, data := t.TempDir(), t.TempDir()
	ns := vnet.Namespace{Path: filepath.Join(run, "net")}
	if err := ns.Create(); err != nil {
		t.Fatal(err)
	}
	hierarchies, err := cgroup.Hierarchies()
	if err != nil {
		t.Fatal(err)
	}
	top := "lanyard-test-" + filepath.Base(filepath.Dir(run))
	group := cgroup.Group{Hierarchies: hierarchies, Path: top + "/m1"}
	host := &machine.Host{Dir: filepath.Join(run, "m"), Log: slog.New(slog.DiscardHandler)}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := errors.Join(host.Stop(ctx, "m1", 0), cgroup.Group{Hierarchies: hierarchies, Path: top}.Remove(ctx), ns.Delete()); err != nil {
			t.Error(err)
		}
	})
	panicBefore := read(t, "/proc/sys/kernel/panic")
	spec := machine.Spec{
		ID: "m1", Hostname: "aks-test-0", Network: ns.Path, Cgroup: group,
		Binds:          []machine.Bind{{Source: data, Target: "/data"}},
		KernelSettings: map[string]string{"vm/overcommit_memory": "42"},
		Log:            filepath.Join(data, "init.log"),
		UnitLogs:       "/data/log",
		Units: []machine.Unit{
			{Name: "first", Args: []string{"/bin/sh", "-c", script}, StopSeconds: 1},
			{Name: "gated", Args: []string{"/bin/sh", "-c", "touch /data/gated; exec sleep 1000"}, After: "/data/gate", StopSeconds: 1},
		},
	}
	m, err := host.Ensure(ctx, spec)
	if err != nil {
		t.Fatalf("%v\n%s", err, read(t, spec.Log))
	}
	await(t, ctx, filepath.Join(data, "up"))

	if got := read(t, filepath.Join(data, "hostname")); got != "aks-test-0\n" {
		t.Errorf("host name inside is %q", got)
	}
	if got, want := read(t, filepath.Join(data, "root")), "bin data dev home lib lib64 mnt opt proc root run sbin srv sys tmp usr "; got != want {
		t.Errorf("root inside is %q, want %q", got, want)
	}
	if got := read(t, filepath.Join(data, "setting")); got != "42\n" {
		t.Errorf("kernel setting inside is %q", got)
	}
	if got := read(t, filepath.Join(data, "panic")); got != "refused\n" {
		t.Errorf("writing a kernel setting of the host was %q", got)
	}
	if got := read(t, "/proc/sys/kernel/panic"); got != panicBefore {
		t.Errorf("kernel.panic of the host changed from %q to %q", panicBefore, got)
	}
	// A pod that may write /proc/sysrq-trigger of its node must not reboot the host.
	for _, name := range []string{"bus", "fs", "irq", "sysrq-trigger"} {
		if _, err := os.Stat("/proc/" + name); err != nil {
			continue
		}
		readOnly := false
		for line := range strings.Lines(read(t, filepath.Join(data, "mountinfo"))) {
			fields := strings.Fields(line)
			readOnly = readOnly || fields[4] == "/proc/"+name && strings.HasPrefix(fields[5], "ro")
		}
		if !readOnly {
			t.Errorf("/proc/%s of the host can be written inside", name)
		}
	}
	for line := range strings.Lines(read(t, filepath.Join(data, "cgroup"))) {
		if !strings.HasSuffix(line, ":/system\n") {
			t.Errorf("cgroup inside is %q, want /system", line)
		}
	}
	if got := read(t, filepath.Join(data, "dev")); strings.Contains(got, "eth0") {
		t.Errorf("the machine sees the host's interfaces:\n%s", got)
	}
	if got := read(t, "/proc/self/mountinfo"); strings.Contains(got, filepath.Join(run, "m")) {
		t.Errorf("a mount of the machine is seen on the host:\n%s", got)
	}

	// Another host value finds the same machine, and a unit comes back.
	other := &machine.Host{Dir: host.Dir, Log: host.Log}
	if again, err := other.Ensure(ctx, spec); err != nil || again != m {
		t.Fatalf("ensuring again: %+v, %v; want %+v", again, err, m)
	}
	if _, err := os.Stat(filepath.Join(data, "gated")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a gated unit started before its gate opened: %v", err)
	}
	if err := os.WriteFile(filepath.Join(data, "gate"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, ctx, filepath.Join(data, "gated"))
	remove(t, filepath.Join(data, "up"))
	killUnit(t, group, "sh")
	await(t, ctx, filepath.Join(data, "up"))

	// Its end is the end of everything in it.
	if err := unix.Kill(m.PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := group.Kill(ctx); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := host.Running(ctx, "m1"); ok || err != nil {
		t.Fatalf("running after its init was killed: %v, %v", ok, err)
	}
	remove(t, filepath.Join(data, "up"))
	if _, err := host.Ensure(ctx, spec); err != nil {
		t.Fatal(err)
	}
	await(t, ctx, filepath.Join(data, "up"))
	start := time.Now()
	if err := host.Stop(ctx, "m1", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	t.Logf("stopped in %v", time.Since(start))
	if pids, err := group.Processes(); err != nil || len(pids) > 0 {
		t.Errorf("processes after stop: %v, %v", pids, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func await(t *testing.T, ctx context.Context, path string) {
	t.Helper()
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waiting for %s: %v", path, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// killUnit kills the process of the group with that name.
func killUnit(t *testing.T, g cgroup.Group, name string) {
	t.Helper()
	pids, err := g.Processes()
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if comm, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm")); err == nil && strings.TrimSpace(string(comm)) == name {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no process %s in %v", name, pids)
}

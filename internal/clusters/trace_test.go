package clusters_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
)

// host is what must be the same on the machine after as before.
type host struct {
	Links    []string
	Routes   []string
	Rules    string
	Settings map[string]string
}

// fingerprint reads the machine's own network and kernel settings.
func fingerprint(t *testing.T) host {
	t.Helper()
	h := host{Settings: map[string]string{}}
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		h.Links = append(h.Links, l.Attrs().Name+" "+l.Attrs().OperState.String())
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range routes {
		h.Routes = append(h.Routes, r.String())
	}
	rules, err := exec.Command("nft", "list", "ruleset").CombinedOutput()
	if err != nil {
		t.Fatal(err, string(rules))
	}
	h.Rules = string(rules)
	err = filepath.WalkDir("/proc/sys", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || counts(path) {
			return nil
		}
		if b, err := os.ReadFile(path); err == nil {
			h.Settings[strings.TrimPrefix(path, "/proc/sys/")] = string(b)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// counts reports whether a file below /proc/sys is no setting but a state that
// changes by itself.
func counts(path string) bool {
	for _, part := range []string{"-nr", "-state", "/random/", "nr_open", "ns_last_pid", "/pty/nr", "conntrack_count", "/binfmt_misc/", "netdev_rss_key", "tcp_fastopen_key", "/flush", "/fs/quota", "/perf_event_max_sample_rate"} {
		if strings.Contains(path, part) {
			return true
		}
	}
	return false
}

// machines reads the processes of the machines, as the engine recorded them.
func (l *lab) machines() map[string]int {
	l.t.Helper()
	files, err := filepath.Glob(filepath.Join(l.run, "machines", "*", "pid"))
	if err != nil {
		l.t.Fatal(err)
	}
	pids := map[string]int{}
	for _, f := range files {
		var id struct{ PID int }
		b, err := os.ReadFile(f)
		if err == nil {
			err = json.Unmarshal(b, &id)
		}
		if err != nil {
			l.t.Fatal(err)
		}
		pids[filepath.Base(filepath.Dir(f))] = id.PID
	}
	return pids
}

// noTrace fails if anything of the engine is left on the machine. What runs beside the test may be seen in passing, and is
// waited for.
func (l *lab) noTrace(before host) {
	l.t.Helper()
	eventually(l.t, func() string {
		left := l.traces()
		if diff := cmp.Diff(before, fingerprint(l.t)); diff != "" {
			left = append(left, "the machine changed (-before +after):\n"+diff)
		}
		return strings.Join(left, "\n")
	}, "traces are left")
}

// traces are what there is of the engine on the machine.
func (l *lab) traces() (left []string) {
	l.t.Helper()
	name := filepath.Base(l.run)
	if _, err := os.Stat(l.run); !os.IsNotExist(err) {
		left = append(left, fmt.Sprintf("folder %s: %v", l.run, err))
	}
	for _, pattern := range []string{"/sys/fs/cgroup/" + name, "/sys/fs/cgroup/*/" + name} {
		groups, _ := filepath.Glob(pattern)
		left = append(left, groups...)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		l.t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, name) || strings.Contains(line, l.data) {
			left = append(left, "mount "+line)
		}
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		l.t.Fatal(err)
	}
	for _, p := range processes {
		cmdline, _ := os.ReadFile(p + "/cmdline")
		group, _ := os.ReadFile(p + "/cgroup")
		if strings.Contains(string(cmdline), l.run+"/machines") || strings.Contains(string(group), "/"+name) {
			left = append(left, fmt.Sprintf("process %s: %q", filepath.Base(p), cmdline))
		}
	}
	return left
}

// eventually waits until there is nothing wrong any more.
func eventually(t *testing.T, wrong func() string, what string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		is := wrong()
		if is == "" {
			return
		}
		if time.Now().After(end) {
			t.Errorf("%s:\n%s", what, is)
			return
		}
	}
}

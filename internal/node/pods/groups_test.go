package pods

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestReadGroup(t *testing.T) {
	for info, want := range map[string]string{
		`{"config":{"linux":{"cgroup_parent":"/kubepods/besteffort/pod1"}}}`:           "/kubepods/besteffort/pod1",
		`{"config":{"linux":{"cgroup_parent":"/kubepods.slice/kubepods-pod1.slice"}}}`: "/kubepods.slice/kubepods-pod1.slice",
		`{"config":{"linux":{"cgroup_parent":"kubepods-burstable-pod1_2.slice"}}}`:     "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice",
		`{"config":{"linux":{"cgroup_parent":"../../etc"}}}`:                           "/etc", // never above the hierarchy
		`{"config":{"linux":{}}}`: "", `{"config":{"linux":{"cgroup_parent":"/"}}}`: "", `{`: "", "": "",
	} {
		got, err := readGroup(info)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v, want %q", info, got, err, want)
		}
	}
}

// number is what the kernel calls a group: the number of its directory.
func number(t *testing.T, directory string) uint64 {
	t.Helper()
	if err := os.MkdirAll(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(directory)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

func TestSandboxOfAGroup(t *testing.T) {
	mount := t.TempDir()
	s := NewSandboxes(&gate{}, mount, slog.New(slog.DiscardHandler))
	s.add(Sandbox{ID: "a", UID: "u1", HostNetwork: true, Cgroup: "/kubepods/podu1"})
	s.add(Sandbox{ID: "b", UID: "u2"}) // isn't proven by its group
	own := netip.MustParseAddr("10.0.1.5")
	s.add(Sandbox{ID: "c", UID: "u3", Cgroup: "/kubepods/podu3", Address: own})
	third := number(t, filepath.Join(mount, "kubepods/podu3/container"))
	if got, ok := s.At(Binding{Group: third, Address: own}); !ok || got.UID != "u3" {
		t.Errorf("a group with its pod's address is of %+v", got)
	}
	if got, ok := s.At(Binding{Group: third, Address: netip.MustParseAddr("10.0.1.6")}); ok {
		t.Errorf("a group with another address is of %+v", got)
	}
	pod := number(t, filepath.Join(mount, "kubepods/podu1"))
	for name, want := range map[string]string{
		"kubepods/podu1": "u1", "kubepods/podu1/container": "u1", "kubepods/podu1/container/nested": "u1",
		"kubepods": "", "kubepods/podu2/container": "", "system": "",
	} {
		group := number(t, filepath.Join(mount, name))
		if got, _ := s.At(Binding{Group: group}); got.UID != want {
			t.Errorf("%s is of %q, want %q", name, got.UID, want)
		}
	}
	s.remove("a")
	if got, ok := s.At(Binding{Group: pod}); ok {
		t.Errorf("a pod that went away is still %+v", got)
	}
}

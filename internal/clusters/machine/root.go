package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/lanyard-project/lanyard/internal/clusters/cgroup"
)

// noExec are the flags of file systems that hold no programs.
const noExec = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// root builds the machine's root file system step by step; the first error
// sticks.
type root struct {
	dir string
	err error
}

// enterRoot makes the root and moves into it; nothing else of the host's file
// system stays in sight, nor any mount of it alive.
func enterRoot(dir string, spec Spec) error {
	r := &root{dir: filepath.Join(dir, rootDir)}
	r.mountAt(r.dir, "tmpfs", "tmpfs", unix.MS_NOSUID, "mode=0755")
	r.system()
	r.devices()
	r.processes(spec.KernelSettings)
	r.kernel(spec.Cgroup.Hierarchies)
	for _, b := range spec.Binds {
		r.bind(b)
	}
	if r.err != nil {
		return r.err
	}
	if err := os.Chdir(r.dir); err != nil {
		return fmt.Errorf("entering root: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("changing root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leaving the host's root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return fmt.Errorf("entering root: %w", err)
	}
	// Shared among the machine's own containers, as a node's root is; the
	// host's mounts are in another namespace and another peer group.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("sharing mounts: %w", err)
	}
	return nil
}

// system is the operating system's programs, read-only, and empty places.
func (r *root) system() {
	r.bind(Bind{Source: "/usr", Target: "/usr", ReadOnly: true})
	for _, name := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		st, err := os.Lstat(name)
		switch {
		case err != nil:
		case st.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(name)
			if err == nil {
				err = os.Symlink(to, r.dir+name)
			}
			r.fail("linking "+name, err)
		default:
			r.bind(Bind{Source: name, Target: name, ReadOnly: true})
		}
	}
	for _, d := range []string{"/run", "/tmp"} {
		r.mount(d, "tmpfs", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755")
	}
	r.fail("opening /tmp", os.Chmod(r.dir+"/tmp", fs.ModeSticky|0o777))
	for _, d := range []string{"/root", "/home", "/opt", "/mnt", "/srv"} {
		r.fail("creating "+d, os.MkdirAll(r.dir+d, 0o755))
	}
}

// devices are the host's, but terminals and shared memory are the machine's own.
func (r *root) devices() {
	r.bind(Bind{Source: "/dev", Target: "/dev", ReadOnly: true})
	r.mount("/dev/pts", "devpts", "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620")
	r.mount("/dev/shm", "tmpfs", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777")
}

// processes mounts /proc with the kernel's settings and triggers read-only but
// for the network's, which are the namespace's own.
func (r *root) processes(settings map[string]string) {
	r.mount("/proc", "proc", "proc", noExec, "")
	sys := r.dir + "/proc/sys"
	r.mountAt(sys, sys, "", unix.MS_BIND|unix.MS_REC, "")
	r.mountAt(sys, "", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|noExec, "")
	r.mountAt(sys+"/net", sys+"/net", "", unix.MS_BIND, "")
	r.mountAt(sys+"/net", "", "", unix.MS_BIND|unix.MS_REMOUNT|noExec, "")
	// The rest of what reaches the kernel that the host runs on, as for a container:
	// one write to sysrq-trigger, a usual way to crash a node, would reboot the host.
	for _, name := range []string{"bus", "fs", "irq", "sysrq-trigger"} {
		at := r.dir + "/proc/" + name
		if _, err := os.Stat(at); errors.Is(err, fs.ErrNotExist) {
			continue // this kernel has none
		}
		r.mountAt(at, at, "", unix.MS_BIND|unix.MS_REC, "")
		r.mountAt(at, "", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|noExec, "")
	}
	shown := r.dir + "/run/kernel-settings"
	r.fail("creating kernel settings", os.MkdirAll(shown, 0o755))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		at := filepath.Join(sys, name)
		if _, err := os.Stat(at); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		file := filepath.Join(shown, filepath.Base(name))
		r.fail("creating kernel setting", os.WriteFile(file, []byte(settings[name]+"\n"), 0o644))
		r.mountAt(at, file, "", unix.MS_BIND, "")
	}
}

// kernel mounts /sys as the machine's network namespace has it, and the cgroup
// hierarchies, whose root is the machine's own group.
func (r *root) kernel(hierarchies []cgroup.Hierarchy) {
	r.mount("/sys", "sysfs", "sysfs", unix.MS_RDONLY|noExec, "")
	if _, err := os.Stat("/sys/fs/bpf"); err == nil {
		// the machine's own, as systemd mounts one: programs that are pinned there end with the machine
		r.mount("/sys/fs/bpf", "bpf", "bpf", noExec, "mode=0700")
	}
	if len(hierarchies) != 1 || hierarchies[0].Mountpoint != "/sys/fs/cgroup" {
		r.mount("/sys/fs/cgroup", "tmpfs", "tmpfs", noExec, "mode=0755")
	}
	for _, h := range hierarchies {
		if h.Version == 2 {
			r.mount(h.Mountpoint, "cgroup2", "cgroup2", noExec, "")
		} else {
			r.mount(h.Mountpoint, "cgroup", "cgroup", noExec, h.Options)
		}
	}
}

func (r *root) bind(b Bind) {
	if r.err != nil {
		return
	}
	st, err := os.Stat(b.Source)
	if err != nil {
		r.fail("binding", err)
		return
	}
	at := filepath.Join(r.dir, b.Target)
	if st.IsDir() {
		err = os.MkdirAll(at, 0o755)
	} else if err = os.MkdirAll(filepath.Dir(at), 0o755); err == nil {
		err = os.WriteFile(at, nil, 0o600)
	}
	r.fail("creating place for "+b.Target, err)
	r.mountAt(at, b.Source, "", unix.MS_BIND, "")
	if b.ReadOnly {
		r.mountAt(at, "", "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
}

func (r *root) mount(target, source, fstype string, flags uintptr, data string) {
	if r.err == nil {
		if _, err := os.Stat(r.dir + target); err != nil {
			r.fail("creating "+target, os.MkdirAll(r.dir+target, 0o755))
		}
	}
	r.mountAt(r.dir+target, source, fstype, flags, data)
}

func (r *root) mountAt(at, source, fstype string, flags uintptr, data string) {
	if r.err != nil {
		return
	}
	r.fail("mounting "+at, unix.Mount(source, at, fstype, flags, data))
}

func (r *root) fail(doing string, err error) {
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("%s: %w", doing, err)
	}
}

package machine

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanyard-project/lanyard/internal/clusters/cgroup"
)

const (
	// processName is how an init is called in the process list.
	processName = "lanyard-machine"
	// stageEnter joins namespaces and groups, on one thread, and executes
	// itself again so that all threads of the init are where that one was.
	stageEnter = "enter"
	stageInit  = "init"

	searchPath = "/opt/lanyard/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	lockEnv    = "LANYARD_MACHINE_LOCK"
)

// systemGroup is where the machine's own daemons live, so that its root group
// is free to have children with controllers, as version 2 demands.
const systemGroup = "system"

// Main takes over when this program was re-executed as a machine's init; it
// then never returns. Every program that starts machines calls it first.
func Main() {
	if os.Args[0] != processName || len(os.Args) != 3 {
		return
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	var err error
	switch stage, dir := os.Args[1], os.Args[2]; stage {
	case stageEnter:
		runtime.LockOSThread()
		err = enter(dir)
	case stageInit:
		err = runInit(dir, log)
	default:
		err = fmt.Errorf("unknown stage %q", stage)
	}
	if err != nil {
		log.Error("machine init failed", "error", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// enter runs as the first process of the machine's PID and mount namespaces,
// still with the host's files in sight.
func enter(dir string) error {
	lock, err := takeLock(filepath.Join(dir, lockFile))
	if err != nil {
		return err
	}
	// /proc is still the host's, so this is our number there.
	who, err := identify("self")
	if err != nil {
		return err
	}
	who.Started = time.Now()
	if err := who.write(filepath.Join(dir, pidFile)); err != nil {
		return fmt.Errorf("writing who this machine is: %w", err)
	}
	spec, err := readSpec(dir)
	if err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := joinNetwork(spec.Network); err != nil {
		return err
	}
	if err := joinGroup(spec.Cgroup); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(spec.Hostname)); err != nil {
		return fmt.Errorf("setting host name: %w", err)
	}
	env := append(os.Environ(), lockEnv+"="+strconv.Itoa(lock))
	err = unix.Exec("/proc/self/exe", []string{processName, stageInit, dir}, env)
	return fmt.Errorf("executing init: %w", err)
}

// takeLock opens the lock for as long as the init lives, over its execution.
func takeLock(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_RDWR, 0o600)
	if err != nil {
		return 0, fmt.Errorf("opening machine lock: %w", err)
	}
	// One that only looks holds the lock, shared, for microseconds.
	for range 100 {
		if err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
		_ = unix.Nanosleep(&unix.Timespec{Nsec: 2_000_000}, nil)
	}
	if err != nil {
		return 0, fmt.Errorf("locking machine (another init runs it): %w", err)
	}
	return fd, nil
}

func joinNetwork(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening network namespace %s: %w", path, err)
	}
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("joining network namespace %s: %w", path, err)
	}
	return nil
}

// joinGroup makes the machine's group the root of what it sees, then moves
// into a group below it.
func joinGroup(g cgroup.Group) error {
	if err := g.Ensure(); err != nil {
		return err
	}
	if err := g.Join(); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("creating cgroup namespace: %w", err)
	}
	system := cgroup.Group{Hierarchies: g.Hierarchies, Path: g.Path + "/" + systemGroup}
	if err := system.Ensure(); err != nil {
		return err
	}
	if err := system.Join(); err != nil {
		return err
	}
	// Version 2 hands controllers on only from a group without processes,
	// which the machine's root is from now on.
	return system.Ensure()
}

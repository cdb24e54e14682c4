package cgroup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Group is a path below the root of every hierarchy.
type Group struct {
	Hierarchies []Hierarchy
	Path        string
}

// Ensure makes the group in every hierarchy.
func (g Group) Ensure() error {
	for _, h := range g.Hierarchies {
		dir := h.Mountpoint
		for name := range strings.SplitSeq(g.Path, "/") {
			if h.Version == 2 {
				enableControllers(dir)
			}
			dir = filepath.Join(dir, name)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("creating cgroup: %w", err)
			}
			if h.Version == 1 && h.has("cpuset") {
				if err := inheritCPUSet(dir); err != nil {
					return fmt.Errorf("creating cgroup %s: %w", dir, err)
				}
			}
		}
	}
	return nil
}

// enableControllers hands the controllers of a version 2 group to its
// children. Not every controller can be: one that a version 1 hierarchy holds
// is missing, one that a real-time process blocks is refused; kubelet says
// which one it misses, so neither is an error here.
func enableControllers(dir string) {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return
	}
	for _, c := range strings.Fields(string(b)) {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0)
	}
}

// inheritCPUSet fills what version 1 leaves empty in a new group; no process
// can join before.
func inheritCPUSet(dir string) error {
	for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
		own, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(own)) > 0 {
			continue
		}
		parent, err := os.ReadFile(filepath.Join(filepath.Dir(dir), f))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, f), parent, 0); err != nil {
			return err
		}
	}
	return nil
}

// Join moves the calling process, with all its threads, into the group.
func (g Group) Join() error {
	for _, h := range g.Hierarchies {
		if err := os.WriteFile(filepath.Join(h.dir(g.Path), "cgroup.procs"), []byte("0"), 0); err != nil {
			return fmt.Errorf("joining cgroup %s: %w", h.dir(g.Path), err)
		}
	}
	return nil
}

// Processes lists the processes in the group and below, in any hierarchy.
func (g Group) Processes() ([]int, error) {
	var pids []int
	for _, h := range g.Hierarchies {
		err := filepath.WalkDir(h.dir(g.Path), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return ignoreGone(err)
			}
			b, err := os.ReadFile(filepath.Join(path, "cgroup.procs"))
			if err != nil {
				return ignoreGone(err)
			}
			for _, f := range strings.Fields(string(b)) {
				if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
					pids = append(pids, pid)
				}
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("listing processes of cgroup %s: %w", g.Path, err)
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// Kill ends every process in the group and waits until it is empty.
func (g Group) Kill(ctx context.Context) error {
	for {
		pids, err := g.Processes()
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			g.kill(pid)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d processes of cgroup %s to end: %w", len(pids), g.Path, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// kill ends one process, if it still is the one that was listed: a process ID
// can be another's by now, a file descriptor of it cannot.
func (g Group) kill(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil || !strings.Contains(string(b), ":/"+g.Path) {
		return
	}
	_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
}

// Remove ends what runs in the group and removes it from every hierarchy.
func (g Group) Remove(ctx context.Context) error {
	if err := g.Kill(ctx); err != nil {
		return err
	}
	for _, h := range g.Hierarchies {
		for {
			err := removeTree(h.dir(g.Path))
			if err == nil {
				break
			}
			// The kernel empties a group a moment after its last process ended.
			if !errors.Is(err, unix.EBUSY) {
				return fmt.Errorf("removing cgroup: %w", err)
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("removing cgroup: %w", err)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

// removeTree removes a group, its children first: the files in it are the
// kernel's and need no removing.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ignoreGone(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return ignoreGone(unix.Rmdir(dir))
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}

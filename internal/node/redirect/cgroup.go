package redirect

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Cgroup is a group in the version 2 hierarchy. The zero value is none.
type Cgroup struct {
	Path  string
	ID    uint64
	Level uint32 // 0 is the root
}

// FindCgroup looks a group up below the place where the version 2 hierarchy is mounted.
func FindCgroup(mount, group string) (Cgroup, error) {
	group = path.Clean("/" + group)
	info, err := os.Stat(filepath.Join(mount, group))
	if err != nil {
		return Cgroup{}, fmt.Errorf("finding cgroup %s: %w", group, err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() {
		return Cgroup{}, fmt.Errorf("finding cgroup %s: not a directory of a cgroup file system", group)
	}
	level := uint32(0)
	if group != "/" {
		level = uint32(strings.Count(group, "/")) //nolint:gosec // a path isn't 4 billion levels deep
	}
	return Cgroup{Path: group, ID: stat.Ino, Level: level}, nil
}

// OwnCgroup is this process's path in the version 2 hierarchy, as seen from the root of its cgroup namespace: a
// container with a namespace of its own sees "/".
func OwnCgroup() (string, error) {
	file, err := os.Open("/proc/thread-self/cgroup")
	if err != nil {
		return "", fmt.Errorf("reading the own cgroup: %w", err)
	}
	defer file.Close()
	return ownCgroup(file)
}

func ownCgroup(r io.Reader) (string, error) {
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		if group, ok := strings.CutPrefix(scanner.Text(), "0::"); ok {
			return group, nil
		}
	}
	if err := scanner.Err(); err != nil {
		return "", fmt.Errorf("reading the own cgroup: %w", err)
	}
	return "", errors.New("the machine has no cgroup version 2 hierarchy")
}

// KubepodsAbove finds the pods' common group in the path of one pod's group, for either cgroup driver.
func KubepodsAbove(group string) (string, bool) {
	segments := strings.Split(group, "/")
	for i, segment := range segments {
		if segment == "kubepods" || segment == "kubepods.slice" {
			return strings.Join(segments[:i+1], "/"), true
		}
	}
	return "", false
}

// EnterCgroupNamespace puts the calling thread, which the caller has locked, into another cgroup namespace
// (/proc/1/ns/cgroup is the host's, for a container that shares its process IDs). From there paths are whole, and the kernel
// counts a rule's cgroup levels from the namespace of whoever adds it. It takes CAP_SYS_ADMIN.
func EnterCgroupNamespace(file string) error {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening cgroup namespace %s: %w", file, err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("entering cgroup namespace %s: %w", file, err)
	}
	return nil
}

// CgroupMount finds where the version 2 hierarchy is mounted: the whole of it, as far as the process's namespace goes.
func CgroupMount() (string, error) {
	file, err := os.Open("/proc/thread-self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("finding the cgroup mount: %w", err)
	}
	defer file.Close()
	return cgroupMount(file)
}

func cgroupMount(r io.Reader) (string, error) {
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		before, after, ok := strings.Cut(scanner.Text(), " - ")
		fields := strings.Fields(before)
		if ok && len(fields) > 4 && fields[3] == "/" && strings.HasPrefix(after, "cgroup2 ") {
			return fields[4], nil
		}
	}
	if err := scanner.Err(); err != nil {
		return "", fmt.Errorf("finding the cgroup mount: %w", err)
	}
	return "", errors.New("no cgroup version 2 file system is mounted")
}

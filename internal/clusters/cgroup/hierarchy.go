package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Hierarchy is one mounted cgroup hierarchy.
type Hierarchy struct {
	// Mountpoint is where the machine has it.
	Mountpoint string
	// Version is 1 or 2.
	Version int
	// Options are the mount options that select a version 1 hierarchy, for
	// example "cpu,cpuacct" or "none,name=systemd".
	Options string
}

// Hierarchies lists the hierarchies of the machine in mount order.
func Hierarchies() ([]Hierarchy, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("listing cgroup hierarchies: %w", err)
	}
	hs := parse(string(b))
	if len(hs) == 0 {
		return nil, fmt.Errorf("listing cgroup hierarchies: none is mounted below /sys/fs/cgroup")
	}
	return hs, nil
}

// parse reads mountinfo: fields, " - ", file system type, source, superblock options.
func parse(mountinfo string) []Hierarchy {
	var hs []Hierarchy
	seen := map[string]bool{}
	for line := range strings.Lines(mountinfo) {
		mount, super, ok := strings.Cut(strings.TrimSpace(line), " - ")
		fields, tail := strings.Fields(mount), strings.Fields(super)
		if !ok || len(fields) < 5 || len(tail) < 3 {
			continue
		}
		at := fields[4]
		if !strings.HasPrefix(at, "/sys/fs/cgroup") || seen[at] {
			continue
		}
		switch tail[0] {
		case "cgroup2":
			hs = append(hs, Hierarchy{Mountpoint: at, Version: 2})
		case "cgroup":
			hs = append(hs, Hierarchy{Mountpoint: at, Version: 1, Options: selectors(tail[2])})
		default:
			continue
		}
		seen[at] = true
	}
	return hs
}

// selectors keeps those superblock options that say which hierarchy it is.
func selectors(options string) string {
	var keep []string
	named := false
	for o := range strings.SplitSeq(options, ",") {
		switch {
		case o == "rw", o == "ro", o == "xattr", o == "clone_children", strings.HasPrefix(o, "release_agent="), strings.HasPrefix(o, "cpuset_v2_mode"):
		case strings.HasPrefix(o, "name="):
			named = true
			keep = append(keep, o)
		default:
			keep = append(keep, o)
		}
	}
	if named && len(keep) == 1 {
		keep = append([]string{"none"}, keep...)
	}
	return strings.Join(keep, ",")
}

// has reports whether a version 1 hierarchy carries a controller.
func (h Hierarchy) has(controller string) bool {
	for o := range strings.SplitSeq(h.Options, ",") {
		if o == controller {
			return true
		}
	}
	return false
}

func (h Hierarchy) dir(group string) string {
	return filepath.Join(h.Mountpoint, group)
}

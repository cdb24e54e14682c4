package local

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
)

// Footprint is what a machine shows of clusters and networks: the things that
// must be as before once everything stopped. Each entry is one line of text.
type Footprint map[string]bool

// TakeFootprint looks at the machine: processes started from the build folder,
// mounts, network links, routes, nft tables, cgroups, network sysctls and /run.
func TakeFootprint(build string) (Footprint, error) {
	f := Footprint{}
	for _, look := range []func(string) error{f.processes, f.mounts, f.network, f.cgroups, f.sysctls, f.run} {
		if err := look(build); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Left lists what is in f and wasn't in before, and what was and isn't any more.
func (f Footprint) Left(before Footprint) []string {
	var left []string
	for line := range f {
		if !before[line] {
			left = append(left, "left behind: "+line)
		}
	}
	for line := range before {
		if !f[line] {
			left = append(left, "gone or changed: "+line)
		}
	}
	sort.Strings(left)
	return left
}

func (f Footprint) add(format string, args ...any) { f[fmt.Sprintf(format, args...)] = true }

// processes adds those whose program lies in the build folder, but for the caller.
func (f Footprint) processes(build string) error {
	exes, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		return err
	}
	for _, exe := range exes {
		target, err := os.Readlink(exe)
		pid := filepath.Base(filepath.Dir(exe))
		if err != nil || pid == fmt.Sprint(os.Getpid()) {
			continue
		}
		if strings.HasPrefix(target, build) {
			f.add("process %s %s", pid, target)
		}
	}
	return nil
}

func (f Footprint) mounts(string) error {
	data, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for scanner := bufio.NewScanner(bytes.NewReader(data)); scanner.Scan(); {
		fields := strings.Fields(scanner.Text())
		f.add("mount %s (%s)", fields[1], fields[2])
	}
	return nil
}

func (f Footprint) network(string) error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("listing links: %w", err)
	}
	for _, link := range links {
		f.add("link %s %s", link.Attrs().Name, link.Type())
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("listing routes: %w", err)
	}
	for _, route := range routes {
		f.add("route %v via %v dev %d", route.Dst, route.Gw, route.LinkIndex)
	}
	tables, err := (&nftables.Conn{}).ListTables()
	if err != nil {
		return fmt.Errorf("listing nft tables: %w", err)
	}
	for _, table := range tables {
		f.add("nft table %d %s", table.Family, table.Name)
	}
	return nil
}

func (f Footprint) cgroups(string) error {
	return filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // a cgroup that went away while walking
		}
		if entry.IsDir() {
			f.add("cgroup %s", path)
		}
		return nil
	})
}

// sysctls adds the network settings with their values, but for those of single
// interfaces (they go with the interface) and for counters.
func (f Footprint) sysctls(string) error {
	return filepath.WalkDir("/proc/sys/net", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		if strings.Contains(path, "nf_conntrack_count") || strings.HasSuffix(path, "/stat_refresh") {
			return nil
		}
		if data, err := os.ReadFile(path); err == nil {
			f.add("sysctl %s = %s", strings.TrimPrefix(path, "/proc/sys/"), strings.TrimSpace(string(data)))
		}
		return nil
	})
}

func (f Footprint) run(string) error {
	entries, err := os.ReadDir("/run")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		f.add("/run/%s", entry.Name())
	}
	return nil
}

package local

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
)

// Footprint is what a machine shows of clusters and networks: the things that
// must be as before once everything stopped. Each entry is one line of text.
//
// What only a cloud of ours makes is looked for by its name (processes, mounts,
// cgroups, /run), so that other programs that come and go don't matter. What we
// promise never to touch is compared whole: links, routes, nft tables and
// network sysctls of the machine.
type Footprint map[string]bool

// Footprint looks at the machine.
func (c *Cloud) Footprint() (Footprint, error) {
	f := Footprint{}
	for _, look := range []func(*Cloud) error{f.processes, f.mounts, f.network, f.cgroups, f.sysctls, f.run} {
		if err := look(c); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Left lists what is in f and wasn't in before, and what was and isn't any more.
// A sysctl that is new is no change: it came with a kernel module that was loaded
// on first use.
func (f Footprint) Left(before Footprint) []string {
	known := map[string]bool{}
	for line := range before {
		known[setting(line)] = true
	}
	var left []string
	for line := range f {
		if name := setting(line); name != "" && !known[name] {
			continue
		}
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

// setting is the name in the line of a sysctl, "" in others.
func setting(line string) string {
	name, _, _ := strings.Cut(line, " = ")
	if !strings.HasPrefix(name, "sysctl ") {
		return ""
	}
	return name
}

func (f Footprint) add(format string, args ...any) { f[fmt.Sprintf(format, args...)] = true }

// processes adds those that were started for this cloud: their command line
// names one of its folders, or they are in one of its cgroups.
func (f Footprint) processes(c *Cloud) error {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	for _, folder := range folders {
		pid := filepath.Base(folder)
		if pid == strconv.Itoa(os.Getpid()) {
			continue
		}
		cmdline, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		if err != nil || len(cmdline) == 0 {
			continue // it has ended meanwhile, or has and waits for its parent to notice
		}
		groups, _ := os.ReadFile(filepath.Join(folder, "cgroup"))
		if bytes.Contains(cmdline, []byte(c.DataDir())) || bytes.Contains(groups, []byte("/"+filepath.Base(c.RunDir()))) {
			f.add("process %s %s", pid, bytes.ReplaceAll(bytes.TrimRight(cmdline, "\x00"), []byte{0}, []byte{' '}))
		}
	}
	return nil
}

func (f Footprint) mounts(c *Cloud) error {
	data, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for scanner := bufio.NewScanner(bytes.NewReader(data)); scanner.Scan(); {
		fields := strings.Fields(scanner.Text())
		if strings.HasPrefix(fields[1], c.Dir+"/") || strings.HasPrefix(fields[1], c.RunDir()) {
			f.add("mount %s (%s)", fields[1], fields[2])
		}
	}
	return nil
}

func (f Footprint) network(*Cloud) error {
	links, err := whole(netlink.LinkList)
	if err != nil {
		return fmt.Errorf("listing links: %w", err)
	}
	for _, link := range links {
		f.add("link %s %s", link.Attrs().Name, link.Type())
	}
	routes, err := whole(func() ([]netlink.Route, error) { return netlink.RouteList(nil, netlink.FAMILY_ALL) })
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

// whole asks again when something changed while the kernel was listing.
func whole[T any](list func() ([]T, error)) (all []T, err error) {
	for range 100 {
		if all, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return all, err
}

// cgroups adds those of this cloud's tree, whose root is named after RunDir.
func (f Footprint) cgroups(c *Cloud) error {
	roots, err := filepath.Glob("/sys/fs/cgroup/*")
	if err != nil {
		return err
	}
	for _, root := range append(roots, "/sys/fs/cgroup") {
		ours := filepath.Join(root, filepath.Base(c.RunDir()))
		if _, err := os.Stat(ours); err == nil {
			f.add("cgroup %s", ours)
		}
	}
	return nil
}

// sysctls adds the network settings with their values, but for counters.
func (f Footprint) sysctls(*Cloud) error {
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

func (f Footprint) run(c *Cloud) error {
	if _, err := os.Stat(c.RunDir()); err == nil {
		f.add("%s", c.RunDir())
	}
	return nil
}

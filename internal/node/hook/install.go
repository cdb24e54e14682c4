package hook

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Config says what goes where.
type Config struct {
	// Folder is where programs and maps are pinned, in a BPF file system.
	Folder string
	// Cgroup is the directory of the group above all pods.
	Cgroup string
	// Metadata is where pods connect, Agent where they are led.
	Metadata, Agent netip.AddrPort

	network uint64 // the node's, as the kernel numbers it
}

// maps are the programs' memory.
type maps struct {
	agents      *ebpf.Map // cgroups that are let through
	sockets     *ebpf.Map // notes by socket, between connect and the first packet
	connections *ebpf.Map // notes by address, port and scope, until the agent asks
}

const (
	agentsMap      = "agents"
	connectionsMap = "connections"
	// notes that nobody comes for give way to newer ones
	mostNotes = 65536
)

// Supported reports what the kernel lacks.
func Supported() error {
	need := func(what string, err error) error {
		if err == nil {
			return nil
		}
		return fmt.Errorf("the kernel can't do %s, or the right to is missing (CAP_BPF): %w", what, err)
	}
	return errors.Join(
		need("programs at connect that know their cgroup", features.HaveProgramHelper(ebpf.CGroupSockAddr, asm.FnGetCurrentCgroupId)),
		need("programs at connect that know their network", features.HaveProgramHelper(ebpf.CGroupSockAddr, asm.FnGetNetnsCookie)),
		need("programs on sockets' events", features.HaveProgramHelper(ebpf.SockOps, asm.FnGetSocketCookie)),
		need("maps that forget", features.HaveMapType(ebpf.LRUHash)),
	)
}

// Install loads and attaches the programs in the place of those that are there, if any: pods find the old ones or the new ones in
// force, never none.
func Install(config Config) error {
	if err := Supported(); err != nil {
		return err
	}
	if err := checkFolder(config.Folder); err != nil {
		return err
	}
	m, err := openMaps(config.Folder)
	if err != nil {
		return err
	}
	defer m.close()
	if config.network, err = ownNetwork(); err != nil {
		return err
	}
	for _, s := range specs(config, m) {
		if err := attach(config, s); err != nil {
			return fmt.Errorf("installing the hook %s: %w", s.name, err)
		}
	}
	return nil
}

// Remove takes everything away, for an uninstaller.
func Remove(folder string) error {
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("removing the hooks: %w", err)
	}
	return nil
}

// checkFolder makes the folder and insists on a BPF file system: what is pinned elsewhere isn't.
func checkFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("making the folder for hooks: %w", err)
	}
	var info unix.Statfs_t
	if err := unix.Statfs(folder, &info); err != nil {
		return fmt.Errorf("looking at %s: %w", folder, err)
	}
	if info.Type != unix.BPF_FS_MAGIC {
		return fmt.Errorf("%s is in no BPF file system: mount one (mount -t bpf bpf /sys/fs/bpf)", folder)
	}
	return nil
}

// ownNetwork is the number of the network namespace that the process is in, which is the node's.
func ownNetwork() (uint64, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("opening a socket: %w", err)
	}
	defer func() { _ = unix.Close(socket) }()
	number, err := unix.GetsockoptUint64(socket, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil {
		return 0, fmt.Errorf("asking for the number of the node's network (Linux 5.14 or later tells it): %w", err)
	}
	return number, nil
}

func openMaps(folder string) (maps, error) {
	var m maps
	for _, make := range []struct {
		into **ebpf.Map
		spec ebpf.MapSpec
	}{
		{&m.agents, ebpf.MapSpec{Name: agentsMap, Type: ebpf.Hash, KeySize: numberSize, ValueSize: 1, MaxEntries: 64}},
		{&m.sockets, ebpf.MapSpec{Name: "sockets", Type: ebpf.LRUHash, KeySize: numberSize, ValueSize: noteSize, MaxEntries: mostNotes}},
		{&m.connections, ebpf.MapSpec{Name: connectionsMap, Type: ebpf.LRUHash, KeySize: keySize, ValueSize: noteSize, MaxEntries: mostNotes}},
	} {
		make.spec.Pinning = ebpf.PinByName // an existing one that fits is taken over
		opened, err := ebpf.NewMapWithOptions(&make.spec, ebpf.MapOptions{PinPath: folder})
		if err != nil {
			m.close()
			return maps{}, fmt.Errorf("making the map %s: %w", make.spec.Name, err)
		}
		*make.into = opened
	}
	return m, nil
}

func (m maps) close() {
	for _, opened := range []*ebpf.Map{m.agents, m.sockets, m.connections} {
		if opened != nil {
			_ = opened.Close() // the pinned one stays
		}
	}
}

func attach(config Config, s spec) error {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: s.name, Type: s.kind, AttachType: s.attach, Instructions: s.code, License: "MIT",
	})
	if err != nil {
		return fmt.Errorf("loading: %w", err)
	}
	defer program.Close()
	pin := filepath.Join(config.Folder, s.name)
	if old, err := link.LoadPinnedLink(pin, nil); err == nil {
		defer old.Close()
		if here, err := attachedTo(old, config.Cgroup); err == nil && here && old.Update(program) == nil {
			return nil
		}
	}
	attached, err := link.AttachCgroup(link.CgroupOptions{Path: config.Cgroup, Attach: s.attach, Program: program})
	if err != nil {
		return fmt.Errorf("attaching to %s: %w", config.Cgroup, err)
	}
	defer attached.Close()
	// the new one first, then the old one's pin
	if err := os.Remove(pin); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("replacing: %w", err)
	}
	if err := attached.Pin(pin); err != nil {
		return fmt.Errorf("pinning: %w", err)
	}
	return nil
}

// attachedTo reports whether a link is on the group of a directory.
func attachedTo(old link.Link, directory string) (bool, error) {
	info, err := old.Info()
	if err != nil || info.Cgroup() == nil {
		return false, err
	}
	var stat unix.Stat_t
	if err := unix.Stat(directory, &stat); err != nil {
		return false, err
	}
	return info.Cgroup().CgroupId == stat.Ino, nil
}

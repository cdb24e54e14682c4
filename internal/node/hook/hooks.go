package hook

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

var (
	// ErrNotInstalled says that the hooks aren't there.
	ErrNotInstalled = errors.New("the hooks are not installed")
	// ErrNoNote says that no program saw the connection begin.
	ErrNoNote = errors.New("no hook saw this connection begin")
)

// Hooks are installed programs, as the agent uses them. They are safe for concurrent use.
type Hooks struct {
	agents, connections *ebpf.Map
	cgroup              uint64
}

// Open finds the hooks and enters the agent's own cgroup as the one that may reach the metadata service.
func Open(folder string, cgroup uint64) (*Hooks, error) {
	h := &Hooks{cgroup: cgroup}
	for name, into := range map[string]**ebpf.Map{agentsMap: &h.agents, connectionsMap: &h.connections} {
		opened, err := ebpf.LoadPinnedMap(filepath.Join(folder, name), nil)
		if err != nil {
			h.Close()
			if errors.Is(err, os.ErrNotExist) {
				return nil, ErrNotInstalled
			}
			return nil, fmt.Errorf("opening the hooks' map %s: %w", name, err)
		}
		*into = opened
	}
	if err := h.enter(); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// enter leaves this agent's cgroup as the only one: an agent before may have been in another, which can't be used again.
func (h *Hooks) enter() error {
	var gone []uint64
	var key uint64
	var value uint8
	for all := h.agents.Iterate(); all.Next(&key, &value); {
		if key != h.cgroup {
			gone = append(gone, key)
		}
	}
	for _, key := range gone {
		if err := h.agents.Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("forgetting an earlier agent: %w", err)
		}
	}
	if err := h.agents.Put(h.cgroup, uint8(1)); err != nil {
		return fmt.Errorf("exempting the agent: %w", err)
	}
	return nil
}

// Close closes them; what is installed stays.
func (h *Hooks) Close() {
	for _, opened := range []*ebpf.Map{h.agents, h.connections} {
		if opened != nil {
			_ = opened.Close()
		}
	}
}

// longest is how old a note may be: as long as Linux tries to connect, and a bit.
const longest = 3 * time.Minute

// GroupsOf gives the cgroups of the pod that has an address and a network of its own, if it is known; again reads them anew.
type GroupsOf func(address netip.Addr, again bool) []uint64

// Group gives the cgroup of whoever began the connection that comes from an address and port, once. Of a pod with a network of its
// own the notes of its cgroups count, whatever others have written of its address; else what the node's network says.
func (h *Hooks) Group(from netip.AddrPort, groupsOf GroupsOf) (uint64, error) {
	address := from.Addr().Unmap()
	for _, again := range []bool{false, true} {
		for _, scope := range groupsOf(address, again) {
			if group, err := h.take(address, from.Port(), scope); !errors.Is(err, ErrNoNote) {
				_, _ = h.take(address, from.Port(), anybodyScope)
				return group, err
			}
		}
	}
	group, err := h.take(address, from.Port(), nodeScope)
	if errors.Is(err, ErrNoNote) {
		return h.take(address, from.Port(), anybodyScope)
	}
	return group, err
}

func (h *Hooks) take(address netip.Addr, port uint16, scope uint64) (uint64, error) {
	key := make([]byte, keySize)
	copy(key, address.AsSlice())
	binary.NativeEndian.PutUint32(key[4:], uint32(port))
	binary.NativeEndian.PutUint64(key[8:], scope)
	note := make([]byte, noteSize)
	if err := h.connections.LookupAndDelete(key, &note); err != nil {
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return 0, ErrNoNote
		}
		return 0, fmt.Errorf("asking the hooks: %w", err)
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, fmt.Errorf("reading the clock: %w", err)
	}
	began := time.Duration(binary.NativeEndian.Uint64(note[8:])) //nolint:gosec // nanoseconds since the start of the machine
	if time.Duration(now.Nano())-began > longest {
		return 0, ErrNoNote
	}
	return binary.NativeEndian.Uint64(note), nil
}

package pods

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"

	"github.com/lanyard-project/lanyard/internal/node/redirect"
)

// Sandbox is one life of a pod on this node, as the runtime records it.
type Sandbox struct {
	ID                   string
	UID, Namespace, Name string
	HostNetwork          bool
	// Cgroup is the pod's group in the version 2 hierarchy, if the pod is proven by it.
	Cgroup string
	// Address is the pod's, if it has a network of its own.
	Address netip.Addr
	// Bindings prove the pod. Empty if Unproven says why there are none.
	Bindings []Binding
	// Port is the pod's place on a bridge, if that is where its bindings are.
	Port     redirect.Port
	Unproven string
}

// Gate enforces bindings in the network.
type Gate interface {
	Admit(iface int, address netip.Addr, port redirect.Port) error
	Expel(iface int, address netip.Addr, port redirect.Port) error
}

// Sandboxes are the running sandboxes of this node, by what proves them. It is safe for concurrent use.
type Sandboxes struct {
	gate   Gate
	log    *slog.Logger
	groups *groups

	mu        sync.RWMutex
	byID      map[string]Sandbox
	byBinding map[Binding]string // sandbox ID; "" when two claim it
	synced    bool
	changed   chan struct{}
}

// NewSandboxes makes an empty index over a gate that admits nobody yet. cgroups is where the version 2 hierarchy is mounted;
// without it (""), pods in the node's network are proven by nothing.
func NewSandboxes(gate Gate, cgroups string, log *slog.Logger) *Sandboxes {
	return &Sandboxes{
		gate: gate, log: log, groups: newGroups(cgroups),
		byID: map[string]Sandbox{}, byBinding: map[Binding]string{}, changed: make(chan struct{}),
	}
}

// At gives the sandbox whose packets come from a binding.
func (s *Sandboxes) At(binding Binding) (Sandbox, bool) {
	if binding.Group != 0 {
		sandbox, ok := s.in(binding.Group)
		return sandbox, ok && (sandbox.HostNetwork || sandbox.Address == binding.Address)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	sandbox, ok := s.byID[s.byBinding[binding]]
	return sandbox, ok
}

// in gives the sandbox below whose cgroup a group lies, by what is in the file system. A group that isn't known is looked for: the
// groups of containers come and go without anybody telling.
func (s *Sandboxes) in(group uint64) (Sandbox, bool) {
	if sandbox, ok := s.byGroup(group); ok {
		return sandbox, ok
	}
	s.mu.RLock()
	all := make(map[string]string)
	for id, sandbox := range s.byID {
		if sandbox.Cgroup != "" {
			all[id] = sandbox.Cgroup
		}
	}
	s.mu.RUnlock()
	s.groups.look(group, all)
	return s.byGroup(group)
}

// GroupsOf gives the cgroups of the pod that has an address and a network of its own, if it is known; again reads them anew.
func (s *Sandboxes) GroupsOf(address netip.Addr, again bool) []uint64 {
	s.mu.RLock()
	with := map[string]string{} // a former owner of the address may still be there
	for id, sandbox := range s.byID {
		if !sandbox.HostNetwork && sandbox.Address == address && sandbox.Cgroup != "" {
			with[id] = sandbox.Cgroup
		}
	}
	s.mu.RUnlock()
	if len(with) == 0 {
		return nil
	}
	return s.groups.of(with, again)
}

func (s *Sandboxes) byGroup(group uint64) (Sandbox, bool) {
	id, ok := s.groups.owner(group)
	if !ok {
		return Sandbox{}, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	sandbox, ok := s.byID[id]
	return sandbox, ok
}

// Known reports whether any sandbox sends from the interface, or from the address. It tells a forged source from a pod
// that isn't known yet.
func (s *Sandboxes) Known(binding Binding) (iface, address bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for known := range s.byBinding {
		iface = iface || known.Interface == binding.Interface
		address = address || known.Address == binding.Address
	}
	return iface, address
}

// Changed is closed at the next change. Take it before looking, so that no change slips through.
func (s *Sandboxes) Changed() <-chan struct{} {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.changed
}

// Synced reports whether the runtime's sandboxes have been read in full at least once.
func (s *Sandboxes) Synced() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.synced
}

// Len gives the number of sandboxes and of bindings.
func (s *Sandboxes) Len() (sandboxes, bindings int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.byID), len(s.byBinding)
}

// has reports whether a sandbox is known. Its record never changes while it runs.
func (s *Sandboxes) has(id string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.byID[id]
	return ok
}

// add enters a sandbox: first the index, then the gate, so that a proven connection always finds its pod.
func (s *Sandboxes) add(sandbox Sandbox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.byID[sandbox.ID]; ok {
		return
	}
	s.byID[sandbox.ID] = sandbox
	for _, binding := range sandbox.Bindings {
		if other, taken := s.byBinding[binding]; taken {
			// nobody is proven by what two claim; the next full reading sorts it out
			s.log.Warn("two sandboxes claim one binding", "binding", binding, "sandbox", sandbox.ID, "other", other)
			s.byBinding[binding] = ""
			s.expel(binding, s.byID[other].Port)
			continue
		}
		s.byBinding[binding] = sandbox.ID
		if err := s.gate.Admit(binding.Interface, binding.Address, sandbox.Port); err != nil {
			s.log.Error("admitting a pod failed, the next full reading tries again", "pod", sandbox.podName(), "error", err)
			s.drop(sandbox)
		}
	}
	s.notify()
}

// remove forgets a sandbox: first the gate, then the index. It reports whether others went with it, who are to be read again.
func (s *Sandboxes) remove(id string) (others bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sandbox, ok := s.byID[id]
	if !ok {
		return false
	}
	before := len(s.byID)
	s.drop(sandbox)
	s.notify()
	return before-len(s.byID) > 1
}

// drop takes a sandbox out. Whoever claimed a binding with it goes too: the next full reading finds out who is right. The
// lock is held.
func (s *Sandboxes) drop(sandbox Sandbox) {
	delete(s.byID, sandbox.ID)
	s.groups.forget(sandbox.ID)
	for _, binding := range sandbox.Bindings {
		s.expel(binding, sandbox.Port)
		owner, known := s.byBinding[binding]
		if owner == sandbox.ID || owner == "" {
			delete(s.byBinding, binding)
		}
		if !known || owner != "" {
			continue
		}
		for _, other := range s.byID {
			if slices.Contains(other.Bindings, binding) {
				s.drop(other)
			}
		}
	}
}

// keep forgets every sandbox that isn't listed, and marks the index as complete.
func (s *Sandboxes) keep(ids []string) {
	s.mu.RLock()
	var gone []string
	for id := range s.byID {
		if !slices.Contains(ids, id) {
			gone = append(gone, id)
		}
	}
	s.mu.RUnlock()
	for _, id := range gone {
		s.remove(id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.synced {
		s.synced = true
		s.notify()
	}
}

func (s *Sandboxes) expel(binding Binding, port redirect.Port) {
	if err := s.gate.Expel(binding.Interface, binding.Address, port); err != nil {
		// the interface goes with the pod, so that the binding is dead anyway
		s.log.Error("expelling a binding failed", "binding", binding, "error", err)
	}
}

func (s *Sandboxes) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s Sandbox) podName() string { return fmt.Sprintf("%s/%s", s.Namespace, s.Name) }

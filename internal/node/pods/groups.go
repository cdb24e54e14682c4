package pods

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// groups knows which cgroups are below which sandbox's. The kernel's number of a group is that of its directory and is never
// used again, so what is known stays true.
type groups struct {
	mount string

	mu       sync.RWMutex
	byNumber map[uint64]string // sandbox ID
	looking  sync.Mutex
}

func newGroups(mount string) *groups {
	return &groups{mount: mount, byNumber: map[uint64]string{}}
}

func (g *groups) owner(number uint64) (string, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	id, ok := g.byNumber[number]
	return id, ok
}

// look reads the groups of sandboxes (ID to path) until the number is among them. Others who ask meanwhile wait, and find it done.
func (g *groups) look(number uint64, sandboxes map[string]string) {
	if g.mount == "" {
		return
	}
	g.looking.Lock()
	defer g.looking.Unlock()
	for id, group := range sandboxes {
		if _, ok := g.owner(number); ok {
			return
		}
		found := map[uint64]string{}
		below(filepath.Join(g.mount, group), id, found, 0)
		g.mu.Lock()
		for n := range found {
			g.byNumber[n] = id
		}
		g.mu.Unlock()
	}
}

// of gives the known groups of sandboxes; again reads them first.
func (g *groups) of(sandboxes map[string]string, again bool) []uint64 {
	if again {
		g.look(0, sandboxes) // which is no group's number
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	var numbers []uint64
	for number, id := range g.byNumber {
		if _, ok := sandboxes[id]; ok {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// below collects a directory's number and those below it. A pod that may make groups of its own, which takes a privileged one,
// can't make this endless. What can't be read isn't there (any more).
func below(directory, id string, found map[uint64]string, depth int) {
	const deepest, most = 8, 1024
	info, err := os.Lstat(directory)
	if err != nil || !info.IsDir() || depth > deepest || len(found) >= most {
		return
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		found[stat.Ino] = id
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if entry.IsDir() {
			below(filepath.Join(directory, entry.Name()), id, found, depth+1)
		}
	}
}

func (g *groups) forget(id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for number, owner := range g.byNumber {
		if owner == id {
			delete(g.byNumber, number)
		}
	}
}

// readGroup finds the pod's cgroup in the runtime's record, as the kubelet named it.
func readGroup(info string) (string, error) {
	var r struct {
		Config struct {
			Linux struct {
				CgroupParent string `json:"cgroup_parent"`
			} `json:"linux"`
		} `json:"config"`
	}
	if err := json.Unmarshal([]byte(info), &r); err != nil {
		return "", fmt.Errorf("reading the runtime's record: %w", err)
	}
	group := r.Config.Linux.CgroupParent
	if strings.HasSuffix(group, ".slice") && !strings.Contains(group, "/") {
		group = expandSlice(group)
	}
	if group = path.Clean("/" + group); group == "/" {
		return "", errors.New("the runtime has no record of the pod's cgroup")
	}
	return group, nil
}

// expandSlice spells a slice's place out as systemd does: a-b.slice lies in a.slice.
func expandSlice(slice string) string {
	var whole, prefix strings.Builder
	for part := range strings.SplitSeq(strings.TrimSuffix(slice, ".slice"), "-") {
		if prefix.Len() > 0 {
			prefix.WriteByte('-')
		}
		prefix.WriteString(part)
		whole.WriteString("/" + prefix.String() + ".slice")
	}
	return whole.String()
}

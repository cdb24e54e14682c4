package machine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

// identity names a process for ever: a process ID is used again, the same ID
// with the same start time in the same boot is not.
type identity struct {
	PID       int
	StartTime string
	Boot      string
	// Started is when the process said so itself, for people and comparisons.
	Started time.Time
}

// identify reads who a process is from the given proc entry ("self" or an ID).
func identify(entry string) (identity, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", entry, "stat"))
	if err != nil {
		return identity{}, fmt.Errorf("identifying process %s: %w", entry, err)
	}
	var id identity
	if _, err := fmt.Sscanf(string(stat), "%d ", &id.PID); err != nil {
		return identity{}, fmt.Errorf("identifying process %s: %w", entry, err)
	}
	// The second field is a name in parentheses that may contain anything;
	// the start time is field 22, the 20th behind it.
	i := bytes.LastIndexByte(stat, ')')
	fields := strings.Fields(string(stat[i+1:]))
	if i < 0 || len(fields) < 20 {
		return identity{}, fmt.Errorf("identifying process %s: short stat", entry)
	}
	id.StartTime = fields[19]
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return identity{}, fmt.Errorf("identifying this boot: %w", err)
	}
	id.Boot = strings.TrimSpace(string(boot))
	return id, nil
}

func (id identity) write(path string) error {
	b, err := json.Marshal(id)
	if err != nil {
		return err
	}
	return renameio.WriteFile(path, b, 0o600)
}

func readIdentity(path string) (identity, error) {
	var id identity
	b, err := os.ReadFile(path)
	if err != nil {
		return id, err
	}
	if err := json.Unmarshal(b, &id); err != nil {
		return id, fmt.Errorf("reading %s: %w", path, err)
	}
	return id, nil
}

// alive reports whether the process still is who it was.
func (id identity) alive() bool {
	now, err := identify(fmt.Sprint(id.PID))
	return err == nil && now.PID == id.PID && now.StartTime == id.StartTime && now.Boot == id.Boot
}

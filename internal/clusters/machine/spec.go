package machine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/lanyard-project/lanyard/internal/clusters/cgroup"
)

// Spec says what a machine is made of.
type Spec struct {
	// ID names the machine; it is a file name.
	ID       string
	Hostname string
	// Network is the path of the network namespace it lives in.
	Network string
	// Cgroup is the machine's own group; inside it is the root of all groups.
	Cgroup cgroup.Group
	// Binds are the folders and files of the host that it sees.
	Binds []Bind
	// KernelSettings are values that the machine finds below /proc/sys. They
	// change nothing: programs that insist on a setting of the whole kernel
	// find it there, and the host's stays as it is.
	KernelSettings map[string]string
	// Units are its programs, in the order in which they start.
	Units []Unit
	// Log is the host's path of the init's own log file.
	Log string
	// UnitLogs is the folder, as the machine sees it, of the units' log files.
	UnitLogs string
}

// Bind shows a folder or file of the host to the machine.
type Bind struct {
	Source   string
	Target   string
	ReadOnly bool
}

// Unit is one program.
type Unit struct {
	Name string
	Args []string
	Env  []string
	// Ready says when the next unit may start: "unix:PATH" when a socket
	// accepts, "tcp:ADDRESS" likewise, "" at once.
	Ready string
	// After is a file that must exist before the unit starts, if not "". Who
	// supervises the machine from outside makes it.
	After string
	// StopSeconds is how long the unit may take to end before it is killed.
	StopSeconds int
}

const (
	specFile = "spec.json"
	lockFile = "lock"
	pidFile  = "pid"
	rootDir  = "root"
)

func readSpec(dir string) (Spec, error) {
	b, err := os.ReadFile(filepath.Join(dir, specFile))
	if err != nil {
		return Spec{}, fmt.Errorf("reading machine spec: %w", err)
	}
	var s Spec
	if err := json.Unmarshal(b, &s); err != nil {
		return Spec{}, fmt.Errorf("reading machine spec of %s: %w", dir, err)
	}
	return s, nil
}

package machine

import (
	"encoding/json"
	"os"
	"time"

	"github.com/google/renameio/v2"
)

// unitStates is where a machine's init says how its units fare; /run is the
// machine's own and ends with it.
const unitStates = "/run/lanyard/units.json"

// UnitState tells of a unit that has ended at least once by itself.
type UnitState struct {
	Name string
	// How and when it ended last, and how often it did.
	How   string
	Ended time.Time
	Times int
	// Running is whether it was started again.
	Running bool
}

// ReadUnitStates reads what a running machine's init says; nothing if it has
// nothing to say.
func ReadUnitStates(m Machine) []UnitState {
	raw, err := os.ReadFile(m.Path(unitStates))
	if err != nil {
		return nil
	}
	var states []UnitState
	if json.Unmarshal(raw, &states) != nil {
		return nil
	}
	return states
}

// tell writes the states of the units that ended.
func (s *supervisor) tell() {
	var states []UnitState
	for i, p := range s.units {
		if p.times > 0 {
			states = append(states, UnitState{Name: s.spec.Units[i].Name, How: p.how, Ended: p.ended, Times: p.times, Running: p.pid != 0})
		}
	}
	if len(states) == 0 {
		return
	}
	raw, err := json.Marshal(states)
	if err == nil {
		err = os.MkdirAll("/run/lanyard", 0o755)
	}
	if err == nil {
		err = renameio.WriteFile(unitStates, raw, 0o644)
	}
	if err != nil {
		s.log.Warn("telling how the units fare", "error", err)
	}
}

package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// garbage is how much may lie about before it is collected where less than that lives.
// A collection costs what it costs to look at all that lives, and by default it comes
// when as much again was allocated: with a small heap, that is many times a second.
const garbage = 128 << 20

// leaveGarbage lets a heap that is smaller grow by that much between collections, and
// leaves larger ones to the default. It does nothing where the environment says how
// memory is to be used.
func leaveGarbage() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	var collected func(*mark)
	collected = func(m *mark) {
		metrics.Read(live)
		debug.SetGCPercent(percent(live[0].Value.Uint64()))
		runtime.SetFinalizer(m, collected) // the next collection finds it unused again
	}
	collected(&mark{})
}

// mark is something that every collection finds unused.
type mark struct{ _ *mark }

// least is what a heap is taken to be at least: with more percent the runtime would let a
// process that has just begun come to more than garbage before its first collection.
const least = 4 << 20

// percent is what of the living heap may be allocated before the next collection.
func percent(live uint64) int { return int(max(100, 100*garbage/max(live, least))) } //nolint:gosec // at most 3200

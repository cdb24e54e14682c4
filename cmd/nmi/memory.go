package main

import (
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// spendMemory lets garbage be collected a quarter as often as usual: the heap is a few MiB, so the default would collect dozens
// of times a second under load. It spends no more than keeps the whole process below 40 MiB on a usual node; where there is
// more to remember, the bound grows with it, because one that is close to what lives makes the collector run all the time. It
// never ends.
func spendMemory() {
	const (
		usual = 24 << 20
		room  = 3 // times what lives
		look  = 10 * time.Second
	)
	debug.SetGCPercent(400)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for limit := int64(0); ; time.Sleep(look) {
		metrics.Read(live)
		if wanted := max(usual, room*int64(live[0].Value.Uint64())); wanted != limit { //nolint:gosec // no heap is that large
			limit = wanted
			debug.SetMemoryLimit(limit)
		}
	}
}

package main

import "testing"

func TestSmallHeapsAreCollectedLessOften(t *testing.T) {
	for live, want := range map[uint64]int{0: 3200, 1 << 20: 3200, 4 << 20: 3200, 32 << 20: 400, 128 << 20: 100, 4 << 30: 100} {
		if got := percent(live); got != want {
			t.Errorf("%d bytes live: %d percent, want %d", live, got, want)
		}
	}
}

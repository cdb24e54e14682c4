package local

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFootprintShowsWhatACloudLeavesBehind(t *testing.T) {
	c := &Cloud{Dir: t.TempDir(), Build: t.TempDir(), Listen: "127.0.0.1:1"}
	before, err := c.Footprint()
	if err != nil {
		t.Fatal(err)
	}
	// A process that names the data folder, as lanyardd and etcd do, and a folder in /run.
	defer end(t, pretend(t, c))
	if err := os.MkdirAll(c.RunDir(), 0o700); err != nil {
		t.Fatalf("making %s: %v (the tests need root)", c.RunDir(), err)
	}
	defer os.RemoveAll(c.RunDir())
	after, err := c.Footprint()
	if err != nil {
		t.Fatal(err)
	}
	var process, run bool
	for _, line := range after.Left(before) {
		process = process || strings.Contains(line, "left behind: process") && strings.Contains(line, c.DataDir())
		run = run || line == "left behind: "+c.RunDir()
	}
	if !process || !run {
		t.Errorf("process seen: %t, run folder seen: %t", process, run)
	}
}

func TestFootprintDifferenceNamesBothSides(t *testing.T) {
	before := Footprint{"route a": true, "sysctl x = 0": true}
	after := Footprint{"route a": true, "sysctl x = 1": true, "sysctl of.a.module.loaded.since = 7": true}
	want := []string{"gone or changed: sysctl x = 0", "left behind: sysctl x = 1"}
	if diff := cmp.Diff(want, after.Left(before)); diff != "" {
		t.Error(diff)
	}
}

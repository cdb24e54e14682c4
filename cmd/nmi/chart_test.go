package main

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
)

// What the chart's own test has written down as the arguments of its programs.
func TestArgumentsOfTheChart(t *testing.T) {
	content, err := os.ReadFile("../../internal/cluster/chart/testdata/arguments.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	for line := range strings.Lines(string(content)) {
		var arguments []string
		if err := json.Unmarshal([]byte(line), &arguments); err != nil {
			t.Fatal(err)
		}
		if arguments[0] != "nmi" {
			continue
		}
		own++
		if err := run(t.Context(), append(arguments[1:], "--version"), io.Discard); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if own == 0 {
		t.Error("there are no arguments for nmi")
	}
}

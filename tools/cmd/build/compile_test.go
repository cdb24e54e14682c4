package main

import (
	"strings"
	"testing"
	"time"
)

func TestReadCountsPackagesAndKeepsComplaints(t *testing.T) {
	output := strings.Join([]string{
		"go: downloading k8s.io/api v0.34.4",
		"internal/goarch",
		"k8s.io/api/core/v1",
		"# k8s.io/api/core/v1",
		"./types.go:1:1: syntax error",
	}, "\n")
	var p progress
	said := read(strings.NewReader(output), &p)
	if want := "# k8s.io/api/core/v1\n./types.go:1:1: syntax error\n"; said != want {
		t.Errorf("complaints = %q, want %q", said, want)
	}
	if p.packages != 2 || p.downloads != 1 {
		t.Errorf("%d packages, %d downloads; want 2 and 1", p.packages, p.downloads)
	}
}

func TestElapsed(t *testing.T) {
	tests := []struct {
		name    string
		seconds float64
		want    string
	}{
		{"seconds", 5.26, "5.3s"},
		{"minutes", 344, "5m44s"},
		{"an hour", 3600, "60m00s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := elapsed(time.Duration(tt.seconds * float64(time.Second))); got != tt.want {
				t.Errorf("elapsed = %q, want %q", got, tt.want)
			}
		})
	}
}

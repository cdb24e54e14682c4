package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPick(t *testing.T) {
	tests := []struct {
		name  string
		names []string
		want  []string
		fails bool
	}{
		{"by name", []string{"helm"}, []string{"helm"}, false},
		{"in the list's order", []string{"helm", "kube"}, nil, false},
		{"once", []string{"tools", "helm"}, []string{"helm", "controller-gen", "golangci-lint"}, false},
		{"unknown", []string{"helm", "kubeadm"}, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			picked, err := pick(recipes(), tt.names)
			if (err != nil) != tt.fails {
				t.Fatalf("pick(%q) error = %v", tt.names, err)
			}
			var got []string
			for _, r := range picked {
				got = append(got, r.name)
			}
			if tt.want != nil && !slices.Equal(got, tt.want) {
				t.Errorf("pick(%q) = %q, want %q", tt.names, got, tt.want)
			}
			if tt.want == nil && !tt.fails && (got[0] != "kube" || got[len(got)-1] != "helm") {
				t.Errorf("pick(%q) = %q, want kube first and helm last", tt.names, got)
			}
		})
	}
}

func TestKubernetesVersionIsWhatClientsCompare(t *testing.T) {
	made := time.Date(2026, 2, 10, 12, 53, 36, 0, time.UTC)
	got := kubernetes(release{version: "v1.34.4", time: made})
	want := map[string]string{
		"gitVersion": "v1.34.4", "gitMajor": "1", "gitMinor": "34",
		"gitCommit": "", "gitTreeState": "archive", "buildDate": "2026-02-10T12:53:36Z",
	}
	for symbol, value := range want {
		if v, ok := got[kubeVersion+symbol]; !ok || v != value {
			t.Errorf("%s = %q (%v), want %q", symbol, v, ok, value)
		}
	}
}

func TestFlagsAreReproducible(t *testing.T) {
	for _, r := range recipes() {
		t.Run(r.name, func(t *testing.T) {
			rel := release{version: "v1.2.3", time: time.Unix(1, 0)}
			first := r.flags(rel)
			for range 20 {
				if again := r.flags(rel); !slices.Equal(first, again) {
					t.Fatalf("flags differ between calls: %q and %q", first, again)
				}
			}
			if !slices.Contains(first, "-trimpath") || !strings.Contains(first[3], "-buildid=") {
				t.Errorf("flags = %q, want trimmed paths and no build ID", first)
			}
		})
	}
}

package etcdserver

import (
	"slices"
	"testing"
)

// TestMemoryOfEtcdIsAsItsStarterWasTold: a container's limit counts for both.
func TestMemoryOfEtcdIsAsItsStarterWasTold(t *testing.T) {
	for name, value := range map[string]string{"GOMEMLIMIT": "200MiB", "GOGC": "70", "ETCD_NAME": "other"} {
		t.Setenv(name, value)
	}
	got := environment()
	for entry, want := range map[string]bool{"GOMEMLIMIT=200MiB": true, "GOGC=70": true, "ETCD_NAME=other": false} {
		if slices.Contains(got, entry) != want {
			t.Errorf("%s: want %t in %q", entry, want, got)
		}
	}
}

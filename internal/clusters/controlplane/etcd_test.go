package controlplane

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/clusters/machine"
)

func TestEtcdBinds(t *testing.T) {
	bind := machine.Bind{Source: "/run/lanyard/etcd", Target: "/run/lanyard/etcd", ReadOnly: true}
	tests := []struct {
		name      string
		endpoints []string
		want      []machine.Bind
		fails     bool
	}{
		{name: "plain", endpoints: []string{"unix:///run/lanyard/etcd/a.sock"}, want: []machine.Bind{bind}},
		{name: "TLS, two in a folder", endpoints: []string{"unixs:///run/lanyard/etcd/a.sock", "unixs:///run/lanyard/etcd/b.sock"}, want: []machine.Bind{bind}},
		{name: "TCP is out of reach", endpoints: []string{"https://127.0.0.1:2379"}, fails: true},
		{name: "relative path", endpoints: []string{"unix://etcd:2379"}, fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Etcd{Endpoints: tt.endpoints}.binds()
			if (err != nil) != tt.fails {
				t.Fatalf("error is %v", err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("binds (-want +got):\n%s", diff)
			}
		})
	}
}

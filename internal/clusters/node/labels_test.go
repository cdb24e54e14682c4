package node

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOwnLabels(t *testing.T) {
	tests := []struct {
		label string
		own   bool
	}{
		{"agentpool", true},
		{"kubernetes.azure.com/cluster", true},
		{"example.com/kubernetes.io", true},
		{"kubernetes.io/os", true},
		{"topology.kubernetes.io/zone", true},
		{"node.kubernetes.io/instance-type", true},
		{"kubernetes.io/role", false},
		{"node-role.kubernetes.io/agent", false},
		{"node-restriction.kubernetes.io/team", false},
		{"k8s.io/anything", false},
	}
	for _, tt := range tests {
		t.Run(tt.label, func(t *testing.T) {
			if _, own := ownLabels(map[string]string{tt.label: "v"})[tt.label]; own != tt.own {
				t.Errorf("a node may give itself this label: %v, want %v", own, tt.own)
			}
		})
	}
}

func TestEncodeTaints(t *testing.T) {
	got := encodeTaints([]string{"dedicated=web:NoSchedule", "CriticalAddonsOnly=true:NoExecute", "empty:PreferNoSchedule"})
	want := []object{
		{"key": "dedicated", "value": "web", "effect": "NoSchedule"},
		{"key": "CriticalAddonsOnly", "value": "true", "effect": "NoExecute"},
		{"key": "empty", "value": "", "effect": "PreferNoSchedule"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("taints (-want +got):\n%s", diff)
	}
}

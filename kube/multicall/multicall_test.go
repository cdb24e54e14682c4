package multicall

import (
	"slices"
	"testing"
)

func TestChoose(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want []string // nil: no program
	}{
		{"by link name", []string{"/opt/kubelet", "--v=2"}, []string{"kubelet", "--v=2"}},
		{"by first argument", []string{"/opt/kube", "etcd", "--name", "x"}, []string{"etcd", "--name", "x"}},
		{"link name wins over argument", []string{"etcd", "kubelet"}, []string{"etcd", "kubelet"}},
		{"no argument", []string{"kube"}, nil},
		{"unknown argument", []string{"kube", "kubeadm"}, nil},
		{"nothing at all", nil, nil},
	}
	all := map[string]Program{}
	for _, name := range []string{"etcd", "kubelet"} {
		all[name] = func([]string) int { return 0 }
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got, ok := Choose(all, tt.args)
			if ok != (tt.want != nil) || !slices.Equal(got, tt.want) {
				t.Errorf("Choose(%q) = %q, %v; want %q", tt.args, got, ok, tt.want)
			}
		})
	}
}

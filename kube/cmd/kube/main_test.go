package main

import (
	"reflect"
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
		{"unknown argument", []string{"kube", "kubectl"}, nil},
		{"nothing at all", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, got, ok := choose(programs(), tt.args)
			if ok != (tt.want != nil) || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("choose(%q) = %q, %v; want %q", tt.args, got, ok, tt.want)
			}
		})
	}
}

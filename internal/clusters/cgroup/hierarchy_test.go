package cgroup

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name string
		in   string
		want []Hierarchy
	}{
		{
			name: "version 2 alone",
			in:   "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
			want: []Hierarchy{{Mountpoint: "/sys/fs/cgroup", Version: 2}},
		},
		{
			name: "hybrid",
			in: "30 25 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" +
				"31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
				"32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n" +
				"33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			want: []Hierarchy{
				{Mountpoint: "/sys/fs/cgroup/cpu,cpuacct", Version: 1, Options: "cpu,cpuacct"},
				{Mountpoint: "/sys/fs/cgroup/systemd", Version: 1, Options: "none,name=systemd"},
				{Mountpoint: "/sys/fs/cgroup/unified", Version: 2},
			},
		},
		{
			name: "others' mounts and broken lines are left alone",
			in:   "31 30 0:27 / /mnt/cgroup rw - cgroup cgroup rw,cpu\n\nnonsense\n1 2 3 - cgroup\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, parse(tt.in)); diff != "" {
				t.Errorf("parse (-want +got):\n%s", diff)
			}
		})
	}
}

package csinode

import (
	"path/filepath"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A disk is one of the folders of disks: nothing else of the node is given to a pod.
func TestOnlyDisksArePublished(t *testing.T) {
	n := &node{name: "node", dir: t.TempDir()}
	for _, id := range []string{"", ".", "..", "/", "../etc", "a/b", "/etc"} {
		_, err := n.NodePublishVolume(t.Context(), &csi.NodePublishVolumeRequest{
			VolumeId: "v", PublishContext: map[string]string{DiskKey: id}, TargetPath: filepath.Join(t.TempDir(), "target"),
		})
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("disk %q: %v", id, err)
		}
	}
}

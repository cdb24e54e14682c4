package csinode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Driver is the driver's name, that of Azure's.
const Driver = "disk.csi.azure.com"

// DiskKey is the member of a publish context that has a disk's unique ID.
const DiskKey = "diskUniqueId"

const (
	// attachedDir is where disks appear.
	attachedDir = "/var/lib/lanyard/disks"
	// appearLimit is how long an attached disk may take to appear.
	appearLimit = 30 * time.Second
	// most is how many disks a node takes, as a small machine of Azure does.
	most = 8
	// content is the folder of a disk that pods see: not the disk itself, so that
	// no pod can replace it.
	content = "content"
)

// node serves CSI's identity and node services.
type node struct {
	csi.UnimplementedIdentityServer
	csi.UnimplementedNodeServer
	name string
	dir  string // attachedDir, but in tests
}

func (n *node) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: Driver, VendorVersion: "1"}, nil
}

func (n *node) GetPluginCapabilities(context.Context, *csi.GetPluginCapabilitiesRequest) (*csi.GetPluginCapabilitiesResponse, error) {
	return &csi.GetPluginCapabilitiesResponse{}, nil
}

func (n *node) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{}, nil
}

func (n *node) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: n.name, MaxVolumesPerNode: most}, nil
}

func (n *node) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	return &csi.NodeGetCapabilitiesResponse{}, nil
}

// NodePublishVolume implements csi.NodeServer. It can be repeated.
func (n *node) NodePublishVolume(ctx context.Context, r *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	id, target := r.GetPublishContext()[DiskKey], r.GetTargetPath()
	switch {
	case r.GetVolumeCapability().GetBlock() != nil:
		return nil, status.Error(codes.InvalidArgument, "raw block volumes aren't supported: use volumeMode Filesystem")
	case !isDisk(id) || target == "":
		return nil, status.Errorf(codes.InvalidArgument, "volume %s has no attached disk or no target path", r.GetVolumeId())
	}
	disk := filepath.Join(n.dir, id)
	if err := appear(ctx, disk); err != nil {
		return nil, status.Errorf(codes.DeadlineExceeded, "disk of volume %s isn't on node %s: %v", r.GetVolumeId(), n.name, err)
	}
	source := filepath.Join(disk, content)
	if err := os.MkdirAll(source, 0o777); err != nil {
		return nil, status.Errorf(codes.Internal, "preparing the disk of volume %s: %v", r.GetVolumeId(), err)
	}
	if err := bind(source, target, r.GetReadonly()); err != nil {
		return nil, status.Errorf(codes.Internal, "mounting volume %s: %v", r.GetVolumeId(), err)
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

// isDisk reports whether an ID can be that of a disk: a plain name.
func isDisk(id string) bool {
	return id != "" && id != "." && id != ".." && !strings.ContainsRune(id, filepath.Separator)
}

// appear waits for a disk.
func appear(ctx context.Context, disk string) error {
	ctx, cancel := context.WithTimeout(ctx, appearLimit)
	defer cancel()
	for {
		st, err := os.Lstat(disk)
		if err == nil && st.IsDir() {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// bind shows source at target, once.
func bind(source, target string, readOnly bool) error {
	if err := os.MkdirAll(target, 0o750); err != nil {
		return err
	}
	here, err := mounted(target)
	if err != nil {
		return err
	}
	if !here {
		if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("binding %s: %w", source, err)
		}
	}
	if !readOnly {
		return nil
	}
	if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("making %s read-only: %w", target, err)
	}
	return nil
}

// mounted reports whether something is mounted at a folder: a bind of the same file
// system has the same device, so the mount's own ID is looked at.
func mounted(target string) (bool, error) {
	var own, parent unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, target, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_MNT_ID, &own); err != nil {
		return false, fmt.Errorf("looking at %s: %w", target, err)
	}
	if err := unix.Statx(unix.AT_FDCWD, filepath.Dir(target), unix.AT_SYMLINK_NOFOLLOW, unix.STATX_MNT_ID, &parent); err != nil {
		return false, fmt.Errorf("looking at %s: %w", target, err)
	}
	return own.Mnt_id != parent.Mnt_id, nil
}

// NodeUnpublishVolume implements csi.NodeServer. It can be repeated.
func (n *node) NodeUnpublishVolume(_ context.Context, r *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	target := r.GetTargetPath()
	if _, err := os.Lstat(target); errors.Is(err, os.ErrNotExist) {
		return &csi.NodeUnpublishVolumeResponse{}, nil
	}
	if err := unix.Unmount(target, unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) {
		return nil, status.Errorf(codes.Internal, "unmounting volume %s: %v", r.GetVolumeId(), err)
	}
	if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, status.Errorf(codes.Internal, "removing the mount point of volume %s: %v", r.GetVolumeId(), err)
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

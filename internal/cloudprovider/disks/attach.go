package disks

import (
	"context"
	"errors"
	"fmt"
	"slices"

	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cloudprovider "k8s.io/cloud-provider"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/cloudprovider/csinode"
	"github.com/lanyard-project/lanyard/internal/cloudprovider/machines"
)

// finalizer keeps an attachment until its disk is detached.
const finalizer = "external-attacher/disk-csi-azure-com"

// attachOrDetach brings about what an attachment says.
func (c *Controller) attachOrDetach(ctx context.Context, name string) error {
	a, err := c.attachments.Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if a.Spec.Attacher != driver || a.Spec.Source.PersistentVolumeName == nil {
		return nil
	}
	if a.DeletionTimestamp != nil {
		return c.detach(ctx, a.DeepCopy())
	}
	if a.Status.Attached {
		return nil
	}
	return c.attach(ctx, a.DeepCopy())
}

func (c *Controller) attach(ctx context.Context, a *storagev1.VolumeAttachment) error {
	client := c.client.StorageV1().VolumeAttachments()
	if !slices.Contains(a.Finalizers, finalizer) {
		a.Finalizers = append(a.Finalizers, finalizer)
		var err error
		if a, err = client.Update(ctx, a, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("keeping attachment %s: %w", a.Name, err)
		}
	}
	metadata, failed := c.attachDisk(ctx, a)
	if failed != nil {
		a.Status.AttachError = volumeError(failed)
	} else {
		a.Status.Attached, a.Status.AttachmentMetadata, a.Status.AttachError = true, metadata, nil
	}
	if _, err := client.UpdateStatus(ctx, a, metav1.UpdateOptions{}); err != nil {
		return errors.Join(failed, fmt.Errorf("noting the state of attachment %s: %w", a.Name, err))
	}
	return failed
}

func (c *Controller) attachDisk(ctx context.Context, a *storagev1.VolumeAttachment) (map[string]string, error) {
	machine, disk, err := c.sides(a)
	if err != nil {
		return nil, err
	}
	if err := c.arm.attach(ctx, machine, disk); err != nil {
		return nil, err
	}
	unique, err := c.arm.uniqueID(ctx, disk)
	if err != nil {
		return nil, err
	}
	return map[string]string{csinode.DiskKey: unique}, nil
}

// sides are the machine and the disk of an attachment.
func (c *Controller) sides(a *storagev1.VolumeAttachment) (machine, disk armid.ID, err error) {
	volume, err := c.volumes.Get(*a.Spec.Source.PersistentVolumeName)
	if err != nil {
		return armid.ID{}, armid.ID{}, err
	}
	if disk, err = diskOf(volume); err != nil {
		return armid.ID{}, armid.ID{}, err
	}
	node, err := c.nodes.Get(a.Spec.NodeName)
	if apierrors.IsNotFound(err) {
		return armid.ID{}, disk, cloudprovider.InstanceNotFound
	}
	if err == nil {
		machine, err = machines.ID(node)
	}
	return machine, disk, err
}

// detach takes the disk away and lets the attachment go. A node or volume that is
// gone has nothing attached.
func (c *Controller) detach(ctx context.Context, a *storagev1.VolumeAttachment) error {
	if !slices.Contains(a.Finalizers, finalizer) {
		return nil
	}
	client := c.client.StorageV1().VolumeAttachments()
	machine, disk, err := c.sides(a)
	if err == nil {
		err = c.arm.detach(ctx, machine, disk)
	}
	if err != nil && !apierrors.IsNotFound(err) && !errors.Is(err, cloudprovider.InstanceNotFound) {
		a.Status.DetachError = volumeError(err)
		_, noted := client.UpdateStatus(ctx, a, metav1.UpdateOptions{})
		return errors.Join(err, noted)
	}
	a.Finalizers = slices.DeleteFunc(a.Finalizers, func(f string) bool { return f == finalizer })
	if _, err := client.Update(ctx, a, metav1.UpdateOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("letting attachment %s go: %w", a.Name, err)
	}
	return nil
}

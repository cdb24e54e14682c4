package disks

import (
	"context"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/cloudprovider/csinode"
)

const (
	driver = csinode.Driver
	// selectedNode is set when a pod that waits for its volume has been scheduled.
	selectedNode  = "volume.kubernetes.io/selected-node"
	provisionedBy = "pv.kubernetes.io/provisioned-by"

	defaultSKU = "StandardSSD_LRS"
	gibibyte   = 1 << 30
)

// provision makes a disk and a volume for a claim that wants one.
func (c *Controller) provision(ctx context.Context, namespace, name string) error {
	claim, err := c.claims.PersistentVolumeClaims(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	class := c.classOf(claim)
	if class == nil || claim.Spec.VolumeName != "" || claim.DeletionTimestamp != nil {
		return nil
	}
	if m := class.VolumeBindingMode; m != nil && *m == storagev1.VolumeBindingWaitForFirstConsumer && claim.Annotations[selectedNode] == "" {
		return nil
	}
	volumeName := "pvc-" + string(claim.UID)
	if _, err := c.volumes.Get(volumeName); err == nil {
		return nil // it is about to be bound
	}
	volume, err := c.makeDisk(ctx, claim, class, volumeName)
	if err != nil {
		err = fmt.Errorf("failed to provision volume with StorageClass %q: %w", class.Name, err)
		c.recorder.Event(claim, corev1.EventTypeWarning, "ProvisioningFailed", told(err))
		return err
	}
	if _, err := c.client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("making volume %s: %w", volumeName, err)
	}
	c.recorder.Eventf(claim, corev1.EventTypeNormal, "ProvisioningSucceeded", "Successfully provisioned volume %s", volumeName)
	return nil
}

// parameter reads a class's parameter, whose name is spelt in any casing.
func parameter(class *storagev1.StorageClass, names ...string) string {
	for key, value := range class.Parameters {
		for _, name := range names {
			if strings.EqualFold(key, name) {
				return value
			}
		}
	}
	return ""
}

func (c *Controller) makeDisk(ctx context.Context, claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass, name string) (*corev1.PersistentVolume, error) {
	if claim.Spec.VolumeMode != nil && *claim.Spec.VolumeMode == corev1.PersistentVolumeBlock {
		return nil, fmt.Errorf("raw block volumes aren't supported: use volumeMode Filesystem")
	}
	for _, mode := range claim.Spec.AccessModes {
		if mode == corev1.ReadWriteMany {
			return nil, fmt.Errorf("a disk is at one node: access mode %s isn't supported", mode)
		}
	}
	wanted := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	size := (wanted.Value() + gibibyte - 1) / gibibyte
	sku := parameter(class, "skuName", "storageAccountType")
	if sku == "" {
		sku = defaultSKU
	}
	group := parameter(class, "resourceGroup")
	if group == "" {
		group = c.settings.ResourceGroup
	}
	disk, err := c.arm.create(ctx, group, name, armcompute.Disk{
		Location: to.Ptr(c.settings.Location), SKU: &armcompute.DiskSKU{Name: to.Ptr(armcompute.DiskStorageAccountTypes(sku))},
		Tags: map[string]*string{
			"k8s-azure-created-by": to.Ptr("kubernetes-azure-dd"), "kubernetes.io-created-for-pv-name": to.Ptr(name),
			"kubernetes.io-created-for-pvc-name": to.Ptr(claim.Name), "kubernetes.io-created-for-pvc-namespace": to.Ptr(claim.Namespace),
		},
		Properties: &armcompute.DiskProperties{
			CreationData: &armcompute.CreationData{CreateOption: to.Ptr(armcompute.DiskCreateOptionEmpty)}, DiskSizeGB: to.Ptr(int32(size)),
		},
	})
	if err != nil {
		return nil, err
	}
	policy := corev1.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		policy = *class.ReclaimPolicy
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{provisionedBy: driver}},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: policy, AccessModes: claim.Spec.AccessModes, MountOptions: class.MountOptions, StorageClassName: class.Name,
			Capacity: corev1.ResourceList{corev1.ResourceStorage: *resource.NewQuantity(size*gibibyte, resource.BinarySI)},
			ClaimRef: &corev1.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
				Driver: driver, VolumeHandle: disk.String(), VolumeAttributes: map[string]string{"skuname": sku, "requestedsizegib": fmt.Sprint(size)},
			}},
		},
	}, nil
}

// reclaim deletes the disk of a volume that its claim has let go of.
func (c *Controller) reclaim(ctx context.Context, name string) error {
	volume, err := c.volumes.Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if volume.Status.Phase != corev1.VolumeReleased || volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete ||
		volume.Annotations[provisionedBy] != driver || volume.Spec.CSI == nil || volume.DeletionTimestamp != nil {
		return nil
	}
	disk, err := diskOf(volume)
	if err != nil {
		return err
	}
	if err := c.arm.remove(ctx, disk); err != nil {
		c.recorder.Event(volume, corev1.EventTypeWarning, "VolumeFailedDelete", told(err))
		return fmt.Errorf("deleting the disk of volume %s: %w", name, err)
	}
	if err := c.client.CoreV1().PersistentVolumes().Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting volume %s: %w", name, err)
	}
	return nil
}

// diskOf is the disk of a volume.
func diskOf(volume *corev1.PersistentVolume) (armid.ID, error) {
	if volume.Spec.CSI == nil || volume.Spec.CSI.Driver != driver {
		return armid.ID{}, fmt.Errorf("volume %s isn't of driver %s", volume.Name, driver)
	}
	id, err := armid.Parse(volume.Spec.CSI.VolumeHandle)
	if err != nil || !id.Is("Microsoft.Compute/disks") {
		return armid.ID{}, fmt.Errorf("the handle of volume %s isn't the ID of a managed disk: %q", volume.Name, volume.Spec.CSI.VolumeHandle)
	}
	return id, nil
}

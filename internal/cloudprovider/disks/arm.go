package disks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// clients speak to ARM.
type clients struct {
	subscription string
	disks        *armcompute.DisksClient
	machines     *armcompute.VirtualMachineScaleSetVMsClient
	// one change of machines at a time: each sends all of a machine's disks.
	one sync.Mutex
}

func newClients(subscription string, credential azcore.TokenCredential, options *arm.ClientOptions) (*clients, error) {
	c := &clients{subscription: subscription}
	var failed [2]error
	c.disks, failed[0] = armcompute.NewDisksClient(subscription, credential, options)
	c.machines, failed[1] = armcompute.NewVirtualMachineScaleSetVMsClient(subscription, credential, options)
	if err := errors.Join(failed[:]...); err != nil {
		return nil, fmt.Errorf("making clients for disks: %w", err)
	}
	return c, nil
}

func poll() *runtime.PollUntilDoneOptions {
	return &runtime.PollUntilDoneOptions{Frequency: time.Second}
}

func isNotFound(err error) bool {
	var response *azcore.ResponseError
	return errors.As(err, &response) && response.StatusCode == http.StatusNotFound
}

func (c *clients) id(group, name string) armid.ID {
	return armid.ResourceGroup(c.subscription, group).Extension("Microsoft.Compute", "disks", name)
}

func (c *clients) create(ctx context.Context, group, name string, disk armcompute.Disk) (armid.ID, error) {
	poller, err := c.disks.BeginCreateOrUpdate(ctx, group, name, disk, nil)
	if err == nil {
		_, err = poller.PollUntilDone(ctx, poll())
	}
	if err != nil {
		return armid.ID{}, err
	}
	return c.id(group, name), nil
}

func (c *clients) remove(ctx context.Context, disk armid.ID) error {
	poller, err := c.disks.BeginDelete(ctx, disk.ResourceGroup(), disk.Name(), nil)
	if err == nil {
		_, err = poller.PollUntilDone(ctx, poll())
	}
	if isNotFound(err) {
		return nil
	}
	return err
}

// uniqueID is what the node knows a disk by.
func (c *clients) uniqueID(ctx context.Context, disk armid.ID) (string, error) {
	got, err := c.disks.Get(ctx, disk.ResourceGroup(), disk.Name(), nil)
	if err != nil {
		return "", err
	}
	if got.Properties == nil || got.Properties.UniqueID == nil {
		return "", fmt.Errorf("disk %s has no unique ID", disk)
	}
	return *got.Properties.UniqueID, nil
}

// attach puts the disk on the machine.
func (c *clients) attach(ctx context.Context, machine, disk armid.ID) error {
	return c.change(ctx, machine, func(has []*armcompute.DataDisk) ([]*armcompute.DataDisk, bool) {
		luns := map[int32]bool{}
		for _, d := range has {
			if holds(d, disk) {
				return has, false
			}
			if d.Lun != nil {
				luns[*d.Lun] = true
			}
		}
		lun := int32(0)
		for luns[lun] {
			lun++
		}
		return append(has, &armcompute.DataDisk{
			Lun: to.Ptr(lun), Name: to.Ptr(disk.Name()), CreateOption: to.Ptr(armcompute.DiskCreateOptionTypesAttach), Caching: to.Ptr(armcompute.CachingTypesReadOnly),
			ManagedDisk: &armcompute.ManagedDiskParameters{ID: to.Ptr(disk.String())},
		}), true
	})
}

// detach takes it away; a machine that is gone has none.
func (c *clients) detach(ctx context.Context, machine, disk armid.ID) error {
	err := c.change(ctx, machine, func(has []*armcompute.DataDisk) ([]*armcompute.DataDisk, bool) {
		kept := []*armcompute.DataDisk{}
		for _, d := range has {
			if !holds(d, disk) {
				kept = append(kept, d)
			}
		}
		return kept, len(kept) != len(has)
	})
	if isNotFound(err) {
		return nil
	}
	return err
}

func holds(d *armcompute.DataDisk, disk armid.ID) bool {
	return d.ManagedDisk != nil && d.ManagedDisk.ID != nil && strings.EqualFold(*d.ManagedDisk.ID, disk.String())
}

func (c *clients) change(ctx context.Context, machine armid.ID, change func([]*armcompute.DataDisk) ([]*armcompute.DataDisk, bool)) error {
	c.one.Lock()
	defer c.one.Unlock()
	got, err := c.machines.Get(ctx, machine.ResourceGroup(), machine.Parent().Name(), machine.Name(), nil)
	if err != nil {
		return err
	}
	var has []*armcompute.DataDisk
	if p := got.Properties; p != nil && p.StorageProfile != nil {
		has = p.StorageProfile.DataDisks
	}
	next, changed := change(has)
	if !changed {
		return nil
	}
	poller, err := c.machines.BeginUpdate(ctx, machine.ResourceGroup(), machine.Parent().Name(), machine.Name(), armcompute.VirtualMachineScaleSetVM{
		Location: got.Location, Properties: &armcompute.VirtualMachineScaleSetVMProperties{StorageProfile: &armcompute.StorageProfile{DataDisks: next}},
	}, nil)
	if err == nil {
		_, err = poller.PollUntilDone(ctx, poll())
	}
	return err
}

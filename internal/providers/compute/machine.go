package compute

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/store"
)

// virtualMachines are documents with a power state: nothing runs behind them.
// They carry identities, hold their disks and interfaces, and are what roles are
// scoped to.
func (p *Provider) virtualMachines() shape.Kind {
	t := document("virtualMachines", apiVersions())
	t.NamePattern, t.NameRule = machineName(), "The name can be up to 64 characters long and must begin and end with a letter or a number."
	t.Actions = append(powerActions(), providers.Action{Name: "instanceView", Method: http.MethodGet, Permission: machineType + "/instanceView/read", Run: machineView})
	return shape.Kind{
		Type:     t,
		Identity: true,
		Rules: shape.Rules{
			Required: []string{"hardwareProfile.vmSize", "storageProfile"},
			Server:   []string{"vmId", "timeCreated", "instanceView"},
			Fixed:    []string{"osProfile.computerName", "osProfile.adminUsername", "availabilitySet.id", "storageProfile.osDisk.createOption"},
			References: []shape.Reference{
				{Path: "networkProfile.networkInterfaces[]", To: "Microsoft.Network/networkInterfaces", Action: "Microsoft.Network/networkInterfaces/join/action"},
				{Path: "availabilitySet", To: setType, Action: setType + "/write"},
				{Path: "storageProfile.osDisk.managedDisk", To: diskType, Action: useDisk, Open: true},
				{Path: "storageProfile.dataDisks[].managedDisk", To: diskType, Action: useDisk, Open: true},
			},
			Check: checkMachine,
		},
		Admit:  p.admitMachine,
		Remove: p.removeMachine,
		Show:   showMachine,
	}
}

// checkMachine hides what must not be read again, and refuses two disks in one place.
func checkMachine(d *shape.Document) error {
	if profile, ok := d.Properties.Get("osProfile").(map[string]any); ok {
		shape.Object(profile).Set("adminPassword", nil)
		shape.Object(profile).Set("customData", nil)
		if d.Properties.Text("osProfile.computerName") == "" {
			d.Properties.Set("osProfile.computerName", d.ID.Name())
		}
		d.Properties.Set("osProfile.allowExtensionOperations", true)
	}
	keepDisks(d)
	seen := map[int64]bool{}
	for _, disk := range d.Properties.Objects("storageProfile.dataDisks") {
		lun, ok := disk.Number("lun")
		if !ok || seen[lun] {
			return rest.InvalidParameter(fmt.Sprintf(
				"The lun of a data disk of VM '%s' is missing or used twice. Every data disk needs a number of its own.", d.ID.Name()), "dataDisk.lun")
		}
		seen[lun] = true
	}
	return nil
}

// keepDisks lets a machine keep the disks that were made for it when the request
// doesn't name them.
func keepDisks(d *shape.Document) {
	os, had := diskObject(d.Properties.Get("storageProfile.osDisk")), diskObject(d.Old.Get("storageProfile.osDisk"))
	if os != nil && had != nil && os.Text("managedDisk.id") == "" {
		os.Set("managedDisk", had.Get("managedDisk"))
		os.Set("name", had.Get("name"))
	}
	for _, disk := range d.Properties.Objects("storageProfile.dataDisks") {
		lun, _ := disk.Number("lun")
		for _, had := range d.Old.Objects("storageProfile.dataDisks") {
			if was, ok := had.Number("lun"); ok && was == lun && disk.Text("managedDisk.id") == "" {
				disk.Set("managedDisk", had.Get("managedDisk"))
				disk.Set("name", had.Get("name"))
			}
		}
	}
}

func (p *Provider) admitMachine(ctx context.Context, d *shape.Document) error {
	stampOnce(d, "vmId")
	if d.Creating() {
		if err := setPower(d.Request.Next, running); err != nil {
			return err
		}
	}
	if err := p.oneMachine(ctx, d); err != nil {
		return err
	}
	os := diskObject(d.Properties.Get("storageProfile.osDisk"))
	if os != nil {
		if os.Text("osType") == "" {
			os.Set("osType", "Linux")
			if d.Properties.Get("osProfile.windowsConfiguration") != nil {
				os.Set("osType", "Windows")
			}
		}
		if err := p.makeDisk(d, os, d.ID.Name()+"_OsDisk_1_"+d.Properties.Text("vmId")[:8]); err != nil {
			return err
		}
	}
	for _, disk := range d.Properties.Objects("storageProfile.dataDisks") {
		lun, _ := disk.Number("lun")
		if err := p.makeDisk(d, disk, fmt.Sprintf("%s_disk%d_%s", d.ID.Name(), lun+2, d.Properties.Text("vmId")[:8])); err != nil {
			return err
		}
	}
	if d.Properties.Get("storageProfile.dataDisks") == nil {
		d.Properties.Set("storageProfile.dataDisks", []any{})
	}
	return nil
}

// oneMachine refuses disks and interfaces that another machine has.
func (p *Provider) oneMachine(ctx context.Context, d *shape.Document) error {
	uses, err := shape.Rules{References: []shape.Reference{
		{Path: "networkProfile.networkInterfaces[]"}, {Path: "storageProfile.osDisk.managedDisk", Open: true}, {Path: "storageProfile.dataDisks[].managedDisk", Open: true},
	}}.FindReferences(d.ID, d.ID, d.Properties)
	if err != nil {
		return err
	}
	for _, f := range uses {
		others, err := p.deps().Uses(ctx, f.Target)
		if err != nil {
			return err
		}
		for _, other := range others {
			if other.By.Equal(d.ID) || !other.By.Is(machineType) {
				continue
			}
			if f.Target.Is(diskType) {
				return rest.NewError(http.StatusConflict, "AttachDiskWhileBeingDetached", fmt.Sprintf(
					"Cannot attach disk '%s' to VM '%s': it is attached to VM '%s'.", f.Target.Name(), d.ID.Name(), other.By))
			}
			return rest.NewError(http.StatusBadRequest, "NicInUse", fmt.Sprintf(
				"Network Interface %s is used by existing VM %s.", f.Target, other.By))
		}
	}
	return nil
}

func diskObject(v any) shape.Object {
	o, _ := v.(map[string]any)
	return o
}

// makeDisk makes the disk of a machine that brings none, in its transaction.
func (p *Provider) makeDisk(d *shape.Document, disk shape.Object, name string) error {
	if disk.Text("caching") == "" {
		disk.Set("caching", "None")
	}
	if disk.Text("deleteOption") == "" {
		disk.Set("deleteOption", "Detach")
	}
	if disk.Text("managedDisk.id") != "" {
		return nil
	}
	if given := disk.Text("name"); given != "" {
		name = given
	}
	disk.Set("name", name)
	kind := disk.Text("managedDisk.storageAccountType")
	if kind == "" {
		kind = "Premium_LRS"
	}
	size, has := disk.Number("diskSizeGB")
	if !has {
		size = 30
	}
	disk.Set("diskSizeGB", size)
	id := d.ID.Parent().Extension(namespace, "disks", name)
	made := &resource.Resource{ID: id, Location: d.Location, Zones: d.Zones, SKU: json.RawMessage(`{"name":"` + kind + `"}`), ProvisioningState: resource.Succeeded}
	now := d.Request.Now.UTC()
	made.SystemData = resource.SystemData{CreatedBy: d.Request.Caller.Client(), CreatedByType: d.Request.Caller.Type, CreatedAt: now, LastModifiedAt: now}
	properties := map[string]any{
		"creationData": map[string]any{"createOption": disk.Text("createOption")}, "diskSizeGB": size, "diskSizeBytes": size << 30, "timeCreated": now.Format(timeFormat),
		"encryption": map[string]any{"type": "EncryptionAtRestWithPlatformKey"}, "networkAccessPolicy": "AllowAll", "publicNetworkAccess": "Enabled",
	}
	if os := disk.Text("osType"); os != "" {
		properties["osType"] = os
	}
	if err := made.Merge(properties); err != nil {
		return err
	}
	raw, err := made.Store()
	if err != nil {
		return err
	}
	disk.Set("managedDisk.id", id.String())
	disk.Set("managedDisk.storageAccountType", kind)
	r := d.Request
	r.Conds = append(r.Conds, store.Absent(resource.StoreKey(id)))
	r.Ops = append(r.Ops, store.Put(resource.StoreKey(id), raw), shape.Use{Target: id, By: d.ID}.Put())
	return nil
}

// removeMachine takes the disks with it that go with their machine.
func (p *Provider) removeMachine(ctx context.Context, d *shape.Document) error {
	disks := d.Old.Objects("storageProfile.dataDisks")
	if os := diskObject(d.Old.Get("storageProfile.osDisk")); os != nil {
		disks = append(disks, os)
	}
	for _, disk := range disks {
		id, err := armid.Parse(disk.Text("managedDisk.id"))
		if err != nil || disk.Text("deleteOption") != "Delete" {
			continue
		}
		// With what extends it: a role assignment that stayed would hold for the next
		// disk of the name.
		below, err := p.cfg.Resources.List(ctx, id, "")
		if err != nil {
			return err
		}
		for _, each := range below {
			d.Request.Ops = append(d.Request.Ops, store.Delete(resource.StoreKey(each.ID)))
		}
		d.Request.Ops = append(d.Request.Ops, store.Delete(resource.StoreKey(id)))
	}
	return nil
}

func showMachine(ctx context.Context, d *shape.Document) error {
	if providers.Expands(ctx, "instanceView") {
		d.Properties.Set("instanceView", viewOf(d.Resource))
	}
	return nil
}

// showSet gives a set's machines as the service does.
func showSet(_ context.Context, d *shape.Document) error {
	d.Properties.Set("virtualMachines", []any{})
	return nil
}

package compute

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

// ownImages are those that users make of machines and disks. Machines don't boot, so that nothing is in one: what
// counts is who may make, read and use it.
func (p *Provider) ownImages() shape.Kind {
	return shape.Kind{
		Type: document("images", apiVersions()),
		Rules: shape.Rules{
			Defaults: `{"hyperVGeneration":"V1"}`,
			Choices: map[string][]string{
				"hyperVGeneration": {"V1", "V2"}, "storageProfile.osDisk.osType": {"Linux", "Windows"}, "storageProfile.osDisk.osState": {"Generalized", "Specialized"},
			},
			Fixed: []string{"sourceVirtualMachine.id", "hyperVGeneration"},
			References: []shape.Reference{
				{Path: "sourceVirtualMachine", To: machineType, Action: machineType + "/capture/action", Weak: true},
				{Path: "storageProfile.osDisk.managedDisk", To: diskType, Action: diskType + copyOf, Weak: true},
				{Path: "storageProfile.osDisk.snapshot", To: snapshotType, Action: snapshotType + copyOf, Weak: true},
				{Path: "storageProfile.dataDisks[].managedDisk", To: diskType, Action: diskType + copyOf, Weak: true},
				{Path: "storageProfile.dataDisks[].snapshot", To: snapshotType, Action: snapshotType + copyOf, Weak: true},
			},
			Check: checkImage,
		},
		Admit: p.admitImage,
	}
}

// checkImage wants one source: a machine, or the disk with the operating system.
func checkImage(d *shape.Document) error {
	machine, disk := d.Properties.Text("sourceVirtualMachine.id") != "", diskObject(d.Properties.Get("storageProfile.osDisk")) != nil
	switch {
	case machine && disk && d.Creating():
		return rest.NewError(http.StatusBadRequest, "InvalidParameter", fmt.Sprintf(
			"Image '%s' has two sources: name either 'sourceVirtualMachine' or 'storageProfile.osDisk'.", d.ID.Name())).WithTarget("image.sourceVirtualMachine")
	case !machine && !disk:
		return rest.NewError(http.StatusBadRequest, "InvalidParameter", fmt.Sprintf(
			"Required parameter 'storageProfile.osDisk' of image '%s' is missing (null): name it, or a 'sourceVirtualMachine'.", d.ID.Name())).WithTarget("image.storageProfile.osDisk")
	case disk && d.Properties.Text("storageProfile.osDisk.osType") == "":
		return rest.NewError(http.StatusBadRequest, "InvalidParameter", fmt.Sprintf(
			"Required parameter 'osDisk.osType' of image '%s' is missing (null).", d.ID.Name())).WithTarget("osDisk.osType")
	}
	return nil
}

// admitImage takes the disks of an image from its machine.
func (p *Provider) admitImage(ctx context.Context, d *shape.Document) error {
	source, err := armid.Parse(d.Properties.Text("sourceVirtualMachine.id"))
	if err != nil || diskObject(d.Properties.Get("storageProfile.osDisk")) != nil {
		return nil // it has its disks
	}
	machine, err := p.cfg.Resources.Get(ctx, source)
	if err != nil {
		return err
	}
	var properties shape.Object
	if err := json.Unmarshal(machine.Properties, &properties); err != nil {
		return fmt.Errorf("reading %s: %w", source, err)
	}
	os := shape.Object{"osState": "Generalized"}
	if from := diskObject(properties.Get("storageProfile.osDisk")); from != nil {
		imaged(os, from, "osType")
	}
	data := []any{}
	for _, from := range properties.Objects("storageProfile.dataDisks") {
		disk := shape.Object{}
		imaged(disk, from, "lun")
		data = append(data, map[string]any(disk))
	}
	d.Properties.Set("storageProfile", map[string]any{"osDisk": map[string]any(os), "dataDisks": data, "zoneResilient": false})
	return nil
}

// imaged copies what an image says of a machine's disk.
func imaged(to, from shape.Object, own string) {
	for _, member := range []string{own, "managedDisk.id", "diskSizeGB", "caching"} {
		if value := from.Get(member); value != nil {
			to.Set(member, value)
		}
	}
	if kind := from.Text("managedDisk.storageAccountType"); kind != "" {
		to.Set("storageAccountType", kind)
	}
}

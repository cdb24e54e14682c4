package compute

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

// Actions that the writer of a reference to a disk needs on it.
const (
	useDisk = diskType + "/write" // to attach it
	copyOf  = "/beginGetAccess/action"
)

func (p *Provider) disks() shape.Kind {
	k := document("disks", diskVersions())
	k.Actions = []providers.Action{
		{Name: "beginGetAccess", Run: noExport}, {Name: "endGetAccess", Run: func(context.Context, *providers.Request) (rest.Response, error) {
			return rest.Empty(http.StatusOK), nil
		}},
	}
	return shape.Kind{
		Type: k,
		SKU:  `{"name":"Standard_LRS","tier":"Standard"}`,
		Rules: shape.Rules{
			Defaults: `{"encryption":{"type":"EncryptionAtRestWithPlatformKey"},"networkAccessPolicy":"AllowAll","publicNetworkAccess":"Enabled"}`,
			Required: []string{"creationData.createOption"},
			Choices: map[string][]string{"creationData.createOption": {
				"Empty", "Attach", "FromImage", "Import", "Copy", "Restore", "Upload", "CopyStart", "ImportSecure", "UploadPreparedSecure"}},
			Ranges:     map[string][2]int{"diskSizeGB": {1, 65536}},
			Server:     []string{"timeCreated", "uniqueId", "diskState", "diskSizeBytes"},
			Fixed:      []string{"creationData.createOption", "creationData.sourceResourceId"},
			References: []shape.Reference{{Path: "creationData.sourceResourceId", Weak: true}},
			Check:      checkDisk,
		},
		Admit: p.admitDisk,
		Show:  showDisk,
		InUse: diskInUse,
	}
}

func (p *Provider) snapshots() shape.Kind {
	return shape.Kind{
		Type: document("snapshots", diskVersions()),
		SKU:  `{"name":"Standard_LRS","tier":"Standard"}`,
		Rules: shape.Rules{
			Defaults:   `{"incremental":false,"encryption":{"type":"EncryptionAtRestWithPlatformKey"},"networkAccessPolicy":"AllowAll","publicNetworkAccess":"Enabled"}`,
			Required:   []string{"creationData.createOption"},
			Server:     []string{"timeCreated", "uniqueId", "diskState", "diskSizeBytes"},
			Fixed:      []string{"creationData.createOption", "creationData.sourceResourceId", "incremental"},
			References: []shape.Reference{{Path: "creationData.sourceResourceId", To: diskType, Action: diskType + copyOf, Weak: true}},
		},
		Admit: p.admitDisk,
		Show: func(_ context.Context, d *shape.Document) error {
			d.Properties.Set("diskState", "Unattached")
			return nil
		},
	}
}

// checkDisk wants a size where nothing else says one, and never less than before.
func checkDisk(d *shape.Document) error {
	size, has := d.Properties.Number("diskSizeGB")
	if !has && d.Properties.Text("creationData.createOption") == "Empty" {
		return rest.NewError(http.StatusBadRequest, "InvalidParameter", fmt.Sprintf(
			"Required parameter 'disk.diskSizeGB' of disk '%s' is missing (null).", d.ID.Name())).WithTarget("disk.diskSizeGB")
	}
	if was, had := d.Old.Number("diskSizeGB"); had && size < was {
		if has {
			return rest.NewError(http.StatusConflict, "OperationNotAllowed", fmt.Sprintf(
				"Disk '%s' cannot be shrunk from %d GB to %d GB: new size should be greater than the current one.", d.ID.Name(), was, size))
		}
		d.Properties.Set("diskSizeGB", was)
	}
	return nil
}

// admitDisk takes the size of a copy from its source.
func (p *Provider) admitDisk(ctx context.Context, d *shape.Document) error {
	stampOnce(d, "uniqueId")
	if _, has := d.Properties.Number("diskSizeGB"); !has {
		size := int64(30) // of images, which we don't look into
		if source, err := armid.Parse(d.Properties.Text("creationData.sourceResourceId")); err == nil {
			from, err := p.cfg.Resources.Get(ctx, source)
			if err != nil && !rest.IsNotFound(err) {
				return err
			}
			if from != nil {
				var properties shape.Object
				if json.Unmarshal(from.Properties, &properties) == nil {
					if n, ok := properties.Number("diskSizeGB"); ok {
						size = n
					}
				}
			}
		}
		d.Properties.Set("diskSizeGB", size)
	}
	size, _ := d.Properties.Number("diskSizeGB")
	d.Properties.Set("diskSizeBytes", size<<30)
	return nil
}

// showDisk says who has the disk.
func showDisk(ctx context.Context, d *shape.Document) error {
	uses, err := d.Deps.Uses(ctx, d.ID)
	if err != nil {
		return err
	}
	d.Properties.Set("diskState", "Unattached")
	d.Resource.ManagedBy = ""
	if len(uses) == 0 {
		return nil
	}
	d.Resource.ManagedBy = uses[0].By.String()
	d.Properties.Set("diskState", "Attached")
	machine, err := d.Deps.Resources.Get(ctx, uses[0].By)
	if err == nil && powerOf(machine) == deallocated {
		d.Properties.Set("diskState", "Reserved")
	}
	return nil
}

func diskInUse(target armid.ID, by []armid.ID) *rest.Error {
	return rest.NewError(http.StatusConflict, "OperationNotAllowed", fmt.Sprintf("Disk %s is attached to VM %s.", target.Name(), by[0]))
}

func noExport(context.Context, *providers.Request) (rest.Response, error) {
	return rest.Response{}, rest.NewError(http.StatusConflict, "OperationNotAllowed",
		"This cloud has no shared access signatures: the content of a disk is read on the machine that it is attached to.")
}

package compute

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

// instanceRules are what an instance refers to of its own: data disks, and backend
// pools that the set's model doesn't have.
func instanceRules() shape.Rules {
	const pools = "Microsoft.Network/loadBalancers/backendAddressPools"
	return shape.Rules{References: []shape.Reference{
		{Path: "storageProfile.dataDisks[].managedDisk", To: diskType, Action: useDisk},
		{
			Path: "networkProfileConfiguration.networkInterfaceConfigurations[].properties.ipConfigurations[].properties.loadBalancerBackendAddressPools[]",
			To:   pools, Action: pools + "/join/action",
		},
	}}
}

func instanceReferences(instance *resource.Resource) ([]shape.Found, error) {
	if instance == nil {
		return nil, nil
	}
	return instanceRules().Find(instance)
}

// instanceChange is what a PUT of an instance may change.
type instanceChange struct {
	Storage struct {
		DataDisks *[]map[string]any `json:"dataDisks"`
	} `json:"storageProfile"`
	Network json.RawMessage `json:"networkProfileConfiguration"`
}

// prepareInstance takes over the data disks and the network that a client sends.
// All else is the scale set's to say, and stays.
func prepareInstance(_ context.Context, r *providers.Request) error {
	if r.Old == nil {
		return rest.NewError(http.StatusNotFound, "InstanceIdNotFound",
			fmt.Sprintf("Scale set '%s' has no instance '%s': instances are made by the scale set's capacity.", r.ID.Parent().Name(), r.ID.Name()))
	}
	sent, err := resource.Read[instanceChange](r.Next)
	if err != nil {
		return rest.InvalidRequestContent(err.Error())
	}
	next := r.Old.Clone()
	if sent.Storage.DataDisks != nil {
		disks, refused := dataDisks(*sent.Storage.DataDisks)
		if refused != nil {
			return refused
		}
		if err := next.Set("storageProfile.dataDisks", disks); err != nil {
			return err
		}
	}
	if len(sent.Network) > 0 && string(sent.Network) != "null" {
		if err := next.Set("networkProfileConfiguration", sent.Network); err != nil {
			return err
		}
	}
	r.Next = next
	wanted, err := instanceReferences(next)
	if err != nil {
		return err
	}
	shape.Link(r, wanted, nil)
	return nil
}

// dataDisks checks the disks that an instance is to have.
func dataDisks(sent []map[string]any) ([]map[string]any, *rest.Error) {
	kept := []map[string]any{}
	luns := map[string]bool{}
	for _, disk := range sent {
		if gone, _ := disk["toBeDetached"].(bool); gone {
			continue
		}
		managed, _ := disk["managedDisk"].(map[string]any)
		id, _ := managed["id"].(string)
		option, _ := disk["createOption"].(string)
		lun := fmt.Sprint(disk["lun"])
		switch {
		case !strings.EqualFold(option, "Attach") || id == "":
			return nil, rest.NewError(http.StatusBadRequest, "InvalidParameter",
				"A data disk of an instance has createOption 'Attach' and the ID of a managed disk: make the disk first.").WithTarget("dataDisk")
		case disk["lun"] == nil || luns[lun]:
			return nil, rest.NewError(http.StatusBadRequest, "InvalidParameter",
				fmt.Sprintf("The lun of data disk '%s' is missing or used twice. Every data disk needs a number of its own.", id)).WithTarget("dataDisk.lun")
		}
		luns[lun] = true
		if disk["name"] == nil {
			disk["name"] = id[strings.LastIndexByte(id, '/')+1:]
		}
		delete(disk, "toBeDetached")
		kept = append(kept, disk)
	}
	return kept, nil
}

// admitInstance refuses disks that another machine has.
func (p *Provider) admitInstance(ctx context.Context, r *providers.Request) error {
	wanted, err := instanceReferences(r.Next)
	if err != nil {
		return err
	}
	for _, f := range wanted {
		if !f.Target.Is(diskType) {
			continue
		}
		others, err := p.deps().Uses(ctx, f.Target)
		if err != nil {
			return err
		}
		for _, other := range others {
			if !other.By.Equal(r.ID) {
				return rest.NewError(http.StatusConflict, "AttachDiskWhileBeingDetached", fmt.Sprintf(
					"Cannot attach data disk '%s' to VM '%s' because it is attached to VM '%s'. Detach it there first.", f.Target.Name(), r.ID.Name(), other.By))
			}
		}
	}
	return p.trackInstance(ctx, r)
}

// trackInstance writes down what the instance refers to after the request.
func (p *Provider) trackInstance(ctx context.Context, r *providers.Request) error {
	had, err := instanceReferences(r.Old)
	if err != nil {
		return err
	}
	has, err := instanceReferences(r.Next)
	if err != nil {
		return err
	}
	return p.deps().Track(ctx, r, shape.Held(had), shape.Held(has))
}

// Attachment is a disk at a machine.
type Attachment struct {
	Machine armid.ID
	// Disk is the disk's unique ID.
	Disk string
}

// Attachments lists which disks there are, by their unique IDs, and which of them
// are at instances of scale sets.
func (p *Provider) Attachments(ctx context.Context) (attached []Attachment, all []string, err error) {
	disks, err := p.cfg.Resources.List(ctx, armid.Root(), diskType)
	if err != nil {
		return nil, nil, err
	}
	for _, disk := range disks {
		is, err := resource.Read[struct {
			UniqueID string `json:"uniqueId"`
		}](disk)
		if err != nil || is.UniqueID == "" {
			continue // made with its machine: it has no content of ours
		}
		all = append(all, is.UniqueID)
		uses, err := p.deps().Uses(ctx, disk.ID)
		if err != nil {
			return nil, nil, err
		}
		for _, use := range uses {
			if use.By.Is(instanceType) {
				attached = append(attached, Attachment{use.By, is.UniqueID})
			}
		}
	}
	return attached, all, nil
}

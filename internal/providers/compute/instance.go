package compute

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

func (p *Provider) instances() *providers.Type {
	return &providers.Type{
		Namespace:   namespace,
		Name:        "virtualMachineScaleSets/virtualMachines",
		APIVersions: apiVersions(),
		Levels:      providers.AtGroup,
		Verbs:       providers.ReadOnly | providers.CanPut | providers.CanDelete,
		HideSystem:  true,
		References:  []string{diskType, "Microsoft.Network/loadBalancers"},
		Prepare:     prepareInstance,
		Admit:       p.admitInstance,
		Remove:      p.removeInstance,
		Document:    instanceDocument,
		Render:      showTag,
		Actions: []providers.Action{{
			Name: "instanceView", Method: "GET", Permission: instanceType + "/instanceView/read", Run: instanceView,
		}},
		Plans: []providers.Plan{p.leavePlan()},
	}
}

// Instance is a virtual machine of a scale set: what a cluster knows of the node
// that it makes.
type Instance struct {
	Number       int
	ComputerName string
	VMID         string
	VNet         armid.ID
	Subnet       netip.Prefix
	Address      netip.Addr
}

// MAC is the address of the instance's interface: like Azure's machines it has
// the prefix 000D3A, the rest follows from the IP address.
func (i Instance) MAC() string {
	raw := i.Address.As16()
	return fmt.Sprintf("000D3A%02X%02X%02X", raw[13], raw[14], raw[15])
}

// place is what the document keeps for us of an instance's network.
type place struct {
	VNet    string       `json:"vnet"`
	Subnet  netip.Prefix `json:"subnet"`
	Address netip.Addr   `json:"address"`
	MAC     string       `json:"mac"`
	// Public is the instance's public address, if it has one.
	Public netip.Addr `json:"public,omitzero"`
	// Gone says that nothing is behind the document any more: who deletes it may go on.
	Gone bool `json:"gone,omitempty"`
}

// instanceProperties are what an instance shows, and what the metadata service
// tells it about itself.
type instanceProperties struct {
	LatestModelApplied bool   `json:"latestModelApplied"`
	ModelDefinition    string `json:"modelDefinitionApplied"`
	VMID               string `json:"vmId"`
	TimeCreated        string `json:"timeCreated"`
	Hardware           struct {
		VMSize string `json:"vmSize,omitempty"`
	} `json:"hardwareProfile"`
	OS struct {
		ComputerName string `json:"computerName"`
	} `json:"osProfile"`
	Storage struct {
		OSDisk struct {
			OSType string `json:"osType"`
		} `json:"osDisk"`
	} `json:"storageProfile"`
	Network struct {
		Interfaces []reference `json:"networkInterfaces"`
	} `json:"networkProfile"`
}

func instanceID(scaleSet armid.ID, number int) armid.ID {
	return scaleSet.Child("virtualMachines", strconv.Itoa(number))
}

// EnsureInstance makes an instance of a scale set; one that exists stays as it is.
func (p *Provider) EnsureInstance(ctx context.Context, by providers.Caller, scaleSet armid.ID, i Instance) error {
	set, err := p.cfg.Resources.Get(ctx, scaleSet)
	if err != nil {
		return fmt.Errorf("making an instance: %w", err)
	}
	id := instanceID(set.ID, i.Number)
	next := &resource.Resource{ID: id, Location: set.Location, Tags: set.Tags,
		Extra: map[string]json.RawMessage{"instanceId": json.RawMessage(strconv.Quote(id.Name()))}}
	if n := len(set.Zones); n > 0 {
		next.Zones = []string{set.Zones[i.Number%n]}
	}
	var sku struct { // without the set's capacity
		Name string `json:"name,omitempty"`
		Tier string `json:"tier,omitempty"`
	}
	if len(set.SKU) > 0 {
		if err := json.Unmarshal(set.SKU, &sku); err != nil {
			return fmt.Errorf("reading the size of %s: %w", set.ID, err)
		}
		if next.SKU, err = json.Marshal(sku); err != nil {
			return fmt.Errorf("writing the size of %s: %w", id, err)
		}
	}
	props := instanceProperties{
		LatestModelApplied: true, ModelDefinition: "VirtualMachineScaleSet", VMID: i.VMID,
		TimeCreated: p.cfg.Clock.Now().UTC().Format("2006-01-02T15:04:05.0000000Z07:00"),
	}
	props.Hardware.VMSize = sku.Name
	props.OS.ComputerName = i.ComputerName
	props.Storage.OSDisk.OSType = "Linux"
	props.Network.Interfaces = []reference{{ID: id.String() + "/networkInterfaces/" + set.ID.Name()}}
	if err := next.Merge(props); err != nil {
		return err
	}
	claims := &providers.Request{ID: id}
	where := place{VNet: i.VNet.String(), Subnet: i.Subnet, Address: i.Address, MAC: i.MAC()}
	if err := p.givePublic(ctx, claims, set, &where); err != nil {
		return err
	}
	if err := next.SetInternal(where); err != nil {
		return err
	}
	if _, err := p.cfg.Resources.Create(ctx, by, next, claims.Ops, claims.Conds...); err != nil {
		return fmt.Errorf("making instance %s: %w", id, err)
	}
	return nil
}

// DeleteInstance removes an instance; one that isn't there is no error. One that a client
// deletes is left to that deletion, which learns that nothing is behind it any more.
func (p *Provider) DeleteInstance(ctx context.Context, by providers.Caller, scaleSet armid.ID, number int) error {
	id := instanceID(scaleSet, number)
	done, err := p.cfg.Resources.Delete(ctx, by, id)
	if err == nil && !done {
		_, err = p.cfg.Resources.Update(ctx, id, func(instance *resource.Resource) error {
			where, err := resource.ReadInternal[place](instance)
			if err != nil {
				return err
			}
			where.Gone = true
			return instance.SetInternal(where)
		})
	}
	if err != nil && !rest.IsNotFound(err) {
		return fmt.Errorf("removing instance %d of %s: %w", number, scaleSet, err)
	}
	return nil
}

// instanceName is what an instance is called: by its set and number.
func instanceName(id armid.ID) string { return id.Parent().Name() + "_" + id.Name() }

// instanceDocument shows the instance under its name, which isn't the last
// segment of its ID.
func instanceDocument(_ context.Context, r *resource.Resource, _ string) (json.RawMessage, error) {
	raw, err := r.Wire(resource.WireOptions{NoSystem: true})
	if err != nil {
		return nil, err
	}
	document := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, fmt.Errorf("writing instance %s: %w", r.ID, err)
	}
	document["name"] = json.RawMessage(strconv.Quote(instanceName(r.ID)))
	return json.Marshal(document)
}

// status is a line of an instance view.
type status struct {
	Code          string `json:"code"`
	Level         string `json:"level"`
	DisplayStatus string `json:"displayStatus"`
	Time          string `json:"time,omitempty"`
}

func provisioned(r *resource.Resource) status {
	return status{"ProvisioningState/succeeded", "Info", "Provisioning succeeded", r.SystemData.LastModifiedAt.UTC().Format("2006-01-02T15:04:05Z07:00")}
}

func instanceView(_ context.Context, r *providers.Request) (rest.Response, error) {
	props, err := resource.Read[instanceProperties](r.Old)
	if err != nil {
		return rest.Response{}, err
	}
	view := viewOf(r.Old)
	view["computerName"], view["osName"] = props.OS.ComputerName, props.Storage.OSDisk.OSType
	return rest.OK(view), nil
}

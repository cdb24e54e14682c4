package compute

import (
	"cmp"
	"context"
	"regexp"
	"slices"

	"github.com/google/uuid"
	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

func (p *Provider) scaleSets() *providers.Type {
	return &providers.Type{
		Namespace:          namespace,
		Name:               "virtualMachineScaleSets",
		APIVersions:        apiVersions(),
		Levels:             providers.AtGroup,
		Tracked:            true,
		HideSystem:         true,
		NamePattern:        regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?$`),
		NameRule:           "The name can be up to 64 characters long and must begin and end with a letter, a number or '_'.",
		ListBySubscription: true,
		References:         []string{"Microsoft.ManagedIdentity/userAssignedIdentities", "Microsoft.Network/virtualNetworks"},
		Prepare:            p.prepareScaleSet,
		Admit:              p.admitScaleSet,
		Remove:             p.removeScaleSet,
		Committed:          p.machines.committed,
		Actions: []providers.Action{{
			Name: "instanceView", Method: "GET", Permission: scaleSetType + "/instanceView/read", Run: p.scaleSetView,
		}},
	}
}

// scaleSetProperties are what we understand of a scale set: what it refers to.
type scaleSetProperties struct {
	UniqueID       string `json:"uniqueId"`
	TimeCreated    string `json:"timeCreated"`
	MachineProfile struct {
		NetworkProfile struct {
			Interfaces []struct {
				Properties struct {
					SecurityGroup *reference `json:"networkSecurityGroup"`
					Addresses     []struct {
						Properties struct {
							Subnet   *reference  `json:"subnet"`
							Backends []reference `json:"loadBalancerBackendAddressPools"`
						} `json:"properties"`
					} `json:"ipConfigurations"`
				} `json:"properties"`
			} `json:"networkInterfaceConfigurations"`
		} `json:"networkProfile"`
	} `json:"virtualMachineProfile"`
}

type reference struct {
	ID string `json:"id"`
}

func (p *Provider) prepareScaleSet(_ context.Context, r *providers.Request) error {
	if err := p.carrier().Prepare(r); err != nil {
		return err
	}
	if err := linkNetwork(r); err != nil {
		return err
	}
	return setDefaults(r.Next, map[string]any{
		"upgradePolicy": map[string]any{"mode": "Manual"}, "orchestrationMode": "Uniform", "overprovision": true, "singlePlacementGroup": true,
	})
}

// linkNetwork names what the scale set joins: everything that a PUT has, and of a
// PATCH what it adds. A PATCH of other properties needs no right on them.
func linkNetwork(r *providers.Request) error {
	wanted, err := joins(r.Next)
	if err != nil {
		return err
	}
	var had []providers.Linked
	if r.Method == providers.Patch {
		if had, err = joins(r.Old); err != nil {
			return err
		}
	}
	for _, j := range wanted {
		if !slices.ContainsFunc(had, func(h providers.Linked) bool { return h.Action == j.Action && h.Scope.Equal(j.Scope) }) {
			r.Link(j.Action, j.Scope)
		}
	}
	return nil
}

// joins are the network resources that a scale set's machines use, each with the
// action that its writer needs there.
func joins(set *resource.Resource) ([]providers.Linked, error) {
	props, err := resource.Read[scaleSetProperties](set)
	if err != nil {
		return nil, rest.InvalidRequestContent(err.Error())
	}
	var out []providers.Linked
	join := func(to *reference, path, action string) error {
		if to == nil || to.ID == "" {
			return nil
		}
		id, err := armid.Parse(to.ID)
		if err != nil {
			return rest.LinkedInvalidPropertyID(to.ID, "properties.virtualMachineProfile.networkProfile.networkInterfaceConfigurations."+path)
		}
		out = append(out, providers.Linked{Action: action, Scope: id})
		return nil
	}
	for _, nic := range props.MachineProfile.NetworkProfile.Interfaces {
		if err := join(nic.Properties.SecurityGroup, "networkSecurityGroup.id", "Microsoft.Network/networkSecurityGroups/join/action"); err != nil {
			return nil, err
		}
		for _, address := range nic.Properties.Addresses {
			if err := join(address.Properties.Subnet, "ipConfigurations.subnet.id", "Microsoft.Network/virtualNetworks/subnets/join/action"); err != nil {
				return nil, err
			}
			for i := range address.Properties.Backends {
				if err := join(&address.Properties.Backends[i], "ipConfigurations.loadBalancerBackendAddressPools.id", "Microsoft.Network/loadBalancers/backendAddressPools/join/action"); err != nil {
					return nil, err
				}
			}
		}
	}
	return out, nil
}

// setDefaults writes the properties that the document doesn't have.
func setDefaults(r *resource.Resource, defaults map[string]any) error {
	has, err := resource.Read[map[string]any](r)
	if err != nil {
		return rest.InvalidRequestContent(err.Error())
	}
	for name := range has {
		delete(defaults, name)
	}
	return r.Merge(defaults)
}

func (p *Provider) admitScaleSet(ctx context.Context, r *providers.Request) error {
	if err := p.carrier().Admit(ctx, r); err != nil {
		return err
	}
	var fixed scaleSetProperties
	if r.Old != nil {
		var err error
		if fixed, err = resource.Read[scaleSetProperties](r.Old); err != nil {
			return err
		}
	}
	// A set that a cluster made has neither yet: SDKs can't read an empty time.
	fixed.UniqueID = cmp.Or(fixed.UniqueID, uuid.NewString())
	fixed.TimeCreated = cmp.Or(fixed.TimeCreated, r.Now.UTC().Format("2006-01-02T15:04:05.0000000Z07:00"))
	return r.Next.Merge(map[string]any{"uniqueId": fixed.UniqueID, "timeCreated": fixed.TimeCreated})
}

// removeScaleSet takes the set's own principal with it; its instances go as all
// children do.
func (p *Provider) removeScaleSet(ctx context.Context, r *providers.Request) error {
	return p.carrier().Remove(ctx, r)
}

// scaleSetView counts the set's instances by state: all of them run.
func (p *Provider) scaleSetView(ctx context.Context, r *providers.Request) (rest.Response, error) {
	instances, err := p.cfg.Resources.List(ctx, r.Old.ID, instanceType)
	if err != nil {
		return rest.Response{}, err
	}
	var view struct {
		VirtualMachine struct {
			Summary []statusCount `json:"statusesSummary"`
		} `json:"virtualMachine"`
		Statuses []status `json:"statuses"`
	}
	view.VirtualMachine.Summary = []statusCount{}
	if n := len(instances); n > 0 {
		view.VirtualMachine.Summary = append(view.VirtualMachine.Summary, statusCount{"ProvisioningState/succeeded", n})
	}
	view.Statuses = []status{provisioned(r.Old)}
	return rest.OK(view), nil
}

type statusCount struct {
	Code  string `json:"code"`
	Count int    `json:"count"`
}

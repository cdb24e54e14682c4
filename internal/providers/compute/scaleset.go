package compute

import (
	"cmp"
	"context"
	"encoding/json"
	"regexp"

	"github.com/google/uuid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
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
		References: []string{
			"Microsoft.ManagedIdentity/userAssignedIdentities", "Microsoft.Network/virtualNetworks", "Microsoft.Network/networkSecurityGroups",
			"Microsoft.Network/loadBalancers", "Microsoft.Network/applicationSecurityGroups",
		},
		Prepare: p.prepareScaleSet,
		Admit:   p.admitScaleSet,
		Remove:  p.removeScaleSet,
		Render:  showTag,
		Actions: []providers.Action{
			{Name: "instanceView", Method: "GET", Permission: scaleSetType + "/instanceView/read", Run: p.scaleSetView},
			{Name: "delete", Run: p.deleteInstances},
		},
	}
}

// tagged is the first version in which scale sets, and their instances, say by which
// tag they can be written; If-Match is heeded in all of them.
const tagged = "2024-03-01"

func showTag(_ context.Context, r *resource.Resource, version string) error {
	if version < tagged {
		return nil
	}
	tag, err := json.Marshal(resource.ETag(r.Revision))
	if r.Extra == nil {
		r.Extra = map[string]json.RawMessage{}
	}
	r.Extra["etag"] = tag
	return err
}

// scaleSetProperties are what we understand of a scale set.
type scaleSetProperties struct {
	UniqueID    string `json:"uniqueId"`
	TimeCreated string `json:"timeCreated"`
}

type reference struct {
	ID string `json:"id"`
}

// scaleSetRules are what the machines of a scale set refer to.
func scaleSetRules() shape.Rules {
	const nic = "virtualMachineProfile.networkProfile.networkInterfaceConfigurations[].properties."
	const address = nic + "ipConfigurations[].properties."
	const network = "Microsoft.Network/"
	join := func(path, to string) shape.Reference {
		return shape.Reference{Path: path, To: network + to, Action: network + to + "/join/action"}
	}
	return shape.Rules{References: []shape.Reference{
		join(nic+"networkSecurityGroup", "networkSecurityGroups"),
		join(address+"subnet", "virtualNetworks/subnets"),
		join(address+"loadBalancerBackendAddressPools[]", "loadBalancers/backendAddressPools"),
		join(address+"loadBalancerInboundNatPools[]", "loadBalancers/inboundNatPools"),
		join(address+"applicationSecurityGroups[]", "applicationSecurityGroups"),
	}}
}

// findReferences reads what a set refers to; nil has none.
func findReferences(set *resource.Resource) ([]shape.Found, error) {
	if set == nil {
		return nil, nil
	}
	return scaleSetRules().Find(set)
}

func (p *Provider) prepareScaleSet(_ context.Context, r *providers.Request) error {
	if err := keepOmitted(r); err != nil {
		return err
	}
	if err := checkCapacity(r); err != nil {
		return err
	}
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

// keepOmitted makes a PUT of an existing set leave what it doesn't mention as it
// is, as Compute does: Azure's cloud provider sends the network of a set alone.
func keepOmitted(r *providers.Request) error {
	if r.Method != providers.Put || r.Old == nil {
		return nil
	}
	whole := r.Old.Clone()
	if len(r.Next.Properties) > 0 {
		if err := whole.Merge(r.Next.Properties); err != nil {
			return rest.InvalidRequestContent(err.Error())
		}
	}
	r.Next.Properties = whole.Properties
	if r.Next.Identity == nil {
		r.Next.Identity = whole.Identity
	}
	if len(r.Next.SKU) == 0 {
		r.Next.SKU = whole.SKU
	}
	if r.Next.Tags == nil {
		r.Next.Tags = whole.Tags
	}
	return nil
}

// linkNetwork names what the scale set joins: everything that a PUT has, and of a
// PATCH what it adds. A PATCH of other properties needs no right on them.
func linkNetwork(r *providers.Request) error {
	wanted, err := findReferences(r.Next)
	if err != nil {
		return err
	}
	had, err := findReferences(r.Old)
	if err != nil {
		return err
	}
	shape.Link(r, wanted, had)
	return nil
}

// track writes down what the set refers to after the request.
func (p *Provider) track(ctx context.Context, r *providers.Request) error {
	had, err := findReferences(r.Old)
	if err != nil {
		return err
	}
	has, err := findReferences(r.Next)
	if err != nil {
		return err
	}
	return p.deps().Track(ctx, r, shape.Held(had), shape.Held(has))
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
	if err := p.track(ctx, r); err != nil {
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

// removeScaleSet takes the set's references and its own principal with it; its instances go as all
// children do.
func (p *Provider) removeScaleSet(ctx context.Context, r *providers.Request) error {
	if err := p.track(ctx, r); err != nil {
		return err
	}
	instances, err := p.cfg.Resources.List(ctx, r.ID, instanceType)
	if err != nil {
		return err
	}
	for _, instance := range instances {
		if err := p.takePublic(ctx, r, instance); err != nil {
			return err
		}
	}
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

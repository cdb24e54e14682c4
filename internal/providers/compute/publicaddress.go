package compute

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/network"
)

const (
	configurationsSegment = "ipConfigurations"
	publicSegment         = "publicIPAddresses"
)

// publicName is what the set's model calls its instances' public addresses, and whether
// it wants them to have any.
func (l interfaceList) publicName() (string, bool) {
	if len(l.Interfaces) == 0 || len(l.Interfaces[0].Properties.Configurations) == 0 {
		return "", false
	}
	wanted, ok := l.Interfaces[0].Properties.Configurations[0].Properties["publicIPAddressConfiguration"].(map[string]any)
	name, _ := wanted["name"].(string)
	return name, ok && name != ""
}

// givePublic gives a new instance a public address, if the set's model wants it to have
// one: one that exists keeps what it was made with, as with manual upgrades.
func (p *Provider) givePublic(ctx context.Context, r *providers.Request, set *resource.Resource, where *place) error {
	model, err := resource.Read[interfaceModel](set)
	if err != nil {
		return err
	}
	if _, wanted := model.Profile.Network.publicName(); !wanted {
		return nil
	}
	where.Public, err = network.ClaimPublic(ctx, p.deps(), r, r.ID)
	return err
}

// takePublic takes the public address back from an instance that goes.
func (p *Provider) takePublic(ctx context.Context, r *providers.Request, instance *resource.Resource) error {
	where, err := resource.ReadInternal[place](instance)
	if err != nil || !where.Public.IsValid() {
		return err
	}
	return network.ReleasePublic(ctx, p.deps(), r, instance.ID, where.Public)
}

// publicAddresses are those of the instances, and the configurations that they are below:
// parts of the instances, and no resources of Microsoft.Network.
func (p *Provider) publicAddresses() []*providers.Type {
	shared := providers.Type{
		Namespace: namespace, APIVersions: append([]string{"2017-03-30"}, apiVersions()...), Levels: providers.AtGroup, Verbs: providers.ReadOnly, HideSystem: true, ShowETag: true,
	}
	configuration, ofConfiguration, ofSet := shared, shared, shared
	configuration.Name = "virtualMachineScaleSets/virtualMachines/" + interfacesSegment + "/" + configurationsSegment
	configuration.List = func(ctx context.Context, r *providers.Request) ([]*resource.Resource, error) {
		return p.configurationsOf(ctx, r.Scope)
	}
	configuration.Get = func(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
		all, err := p.configurationsOf(ctx, r.ID.Parent())
		for _, one := range all {
			if one.ID.Equal(r.ID) {
				return one, nil
			}
		}
		return nil, err
	}
	ofConfiguration.Name = "virtualMachineScaleSets/virtualMachines/" + interfacesSegment + "/" + configurationsSegment + "/" + publicSegment
	ofConfiguration.List = func(ctx context.Context, r *providers.Request) ([]*resource.Resource, error) {
		instance, err := p.cfg.Resources.Get(ctx, r.Scope.Parent().Parent())
		if err != nil {
			return nil, err
		}
		one, err := p.publicOf(ctx, instance)
		if err != nil || one == nil || !one.ID.Parent().Equal(r.Scope) {
			return nil, err
		}
		return []*resource.Resource{one}, nil
	}
	ofConfiguration.Get = func(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
		instance, err := p.cfg.Resources.Get(ctx, r.ID.Parent().Parent().Parent())
		if err != nil {
			return nil, err
		}
		one, err := p.publicOf(ctx, instance)
		if err != nil || one == nil || !one.ID.Equal(r.ID) {
			return nil, err
		}
		return one, nil
	}
	ofSet.Name = "virtualMachineScaleSets/" + publicSegment
	ofSet.Get = func(context.Context, *providers.Request) (*resource.Resource, error) { return nil, nil } // they are their instances'
	ofSet.List = func(ctx context.Context, r *providers.Request) ([]*resource.Resource, error) {
		instances, err := p.cfg.Resources.List(ctx, r.Scope, instanceType)
		if err != nil {
			return nil, err
		}
		var all []*resource.Resource
		for _, instance := range instances {
			one, err := p.publicOf(ctx, instance)
			if err != nil {
				return nil, err
			}
			if one != nil {
				all = append(all, one)
			}
		}
		return all, nil
	}
	return []*providers.Type{&configuration, &ofConfiguration, &ofSet}
}

// configurationsOf are the address configurations of an instance's interface, as it
// shows them.
func (p *Provider) configurationsOf(ctx context.Context, of armid.ID) ([]*resource.Resource, error) {
	instance, err := p.cfg.Resources.Get(ctx, of.Parent())
	if err != nil {
		return nil, err
	}
	nic, err := p.interfaceOf(ctx, instance)
	if err != nil || !nic.ID.Equal(of) {
		return nil, err
	}
	shown, err := resource.Read[struct {
		Configurations []struct {
			Name       string          `json:"name"`
			Properties json.RawMessage `json:"properties"`
		} `json:"ipConfigurations"`
	}](nic)
	if err != nil {
		return nil, err
	}
	var all []*resource.Resource
	for _, one := range shown.Configurations {
		all = append(all, &resource.Resource{ID: nic.ID.Child(configurationsSegment, one.Name), Properties: one.Properties, ProvisioningState: resource.Succeeded, Revision: nic.Revision})
	}
	return all, nil
}

// publicOf makes the document of an instance's public address, or nil.
func (p *Provider) publicOf(ctx context.Context, instance *resource.Resource) (*resource.Resource, error) {
	nic, err := p.interfaceOf(ctx, instance)
	if err != nil {
		return nil, err
	}
	all, err := p.configurationsOf(ctx, nic.ID)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	of, err := resource.Read[struct {
		Public reference `json:"publicIPAddress"`
	}](all[0])
	if err != nil || of.Public.ID == "" {
		return nil, err
	}
	id, err := armid.Parse(of.Public.ID)
	if err != nil {
		return nil, err
	}
	where, err := resource.ReadInternal[place](instance)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(map[string]any{
		"ipAddress": where.Public.String(), "publicIPAddressVersion": "IPv4", "publicIPAllocationMethod": "Static", "idleTimeoutInMinutes": 4,
		"ipTags": []any{}, "ipConfiguration": reference{all[0].ID.String()},
	})
	if err != nil {
		return nil, fmt.Errorf("writing the public address of %s: %w", instance.ID, err)
	}
	return &resource.Resource{
		ID: id, Location: nic.Location, Zones: instance.Zones, Properties: raw, ProvisioningState: resource.Succeeded, Revision: nic.Revision,
	}, nil
}

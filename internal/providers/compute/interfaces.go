package compute

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
)

const interfacesSegment = "networkInterfaces"

// instanceInterfaces are the interfaces of a scale set's instances, which follow
// from the set's model and the instance's address: nothing is stored for them.
func (p *Provider) instanceInterfaces() []*providers.Type {
	shared := providers.Type{
		Namespace: namespace, APIVersions: append([]string{"2017-03-30"}, apiVersions()...), Levels: providers.AtGroup, Verbs: providers.ReadOnly, HideSystem: true, ShowETag: true,
	}
	ofInstance, ofSet := shared, shared
	ofInstance.Name = "virtualMachineScaleSets/virtualMachines/" + interfacesSegment
	ofInstance.Get = func(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
		instance, err := p.cfg.Resources.Get(ctx, r.ID.Parent())
		if err != nil {
			return nil, err
		}
		nic, err := p.interfaceOf(ctx, instance)
		if err != nil || !nic.ID.Equal(r.ID) {
			return nil, err
		}
		return nic, nil
	}
	ofInstance.List = func(ctx context.Context, r *providers.Request) ([]*resource.Resource, error) {
		instance, err := p.cfg.Resources.Get(ctx, r.Scope)
		if err != nil {
			return nil, err
		}
		nic, err := p.interfaceOf(ctx, instance)
		return []*resource.Resource{nic}, err
	}
	ofSet.Name = "virtualMachineScaleSets/" + interfacesSegment
	ofSet.Get = func(context.Context, *providers.Request) (*resource.Resource, error) { return nil, nil } // they are their instances'
	ofSet.List = func(ctx context.Context, r *providers.Request) ([]*resource.Resource, error) {
		instances, err := p.cfg.Resources.List(ctx, r.Scope, instanceType)
		if err != nil {
			return nil, err
		}
		var nics []*resource.Resource
		for _, instance := range instances {
			nic, err := p.interfaceOf(ctx, instance)
			if err != nil {
				return nil, err
			}
			nics = append(nics, nic)
		}
		return nics, nil
	}
	return []*providers.Type{&ofInstance, &ofSet}
}

// interfaceOf makes the document of an instance's interface.
func (p *Provider) interfaceOf(ctx context.Context, instance *resource.Resource) (*resource.Resource, error) {
	set, err := p.cfg.Resources.Get(ctx, instance.ID.Parent())
	if err != nil {
		return nil, err
	}
	list, err := interfacesOf(set, instance)
	if err != nil {
		return nil, err
	}
	where, err := resource.ReadInternal[place](instance)
	if err != nil {
		return nil, err
	}
	type object = map[string]any
	name, configuration := set.ID.Name(), object{}
	properties := object{
		"primary": true, "macAddress": spellMAC(where.MAC), "virtualMachine": object{"id": instance.ID.String()}, "enableAcceleratedNetworking": false,
		"dnsSettings": object{"dnsServers": []string{}, "appliedDnsServers": []string{}},
	}
	configurationName := "ipconfig1"
	if all := list.Interfaces; len(all) > 0 {
		name = all[0].Name
		properties["enableIPForwarding"] = all[0].Properties.Forwarding
		if len(all[0].Properties.SecurityGroup) > 0 {
			properties["networkSecurityGroup"] = all[0].Properties.SecurityGroup
		}
		if of := all[0].Properties.Configurations; len(of) > 0 {
			configurationName = of[0].Name
			for key, value := range of[0].Properties {
				configuration[key] = value
			}
		}
	}
	id := instance.ID.Child(interfacesSegment, name)
	delete(configuration, "publicIPAddressConfiguration")
	if called, ok := list.publicName(); ok && where.Public.IsValid() {
		configuration["publicIPAddress"] = reference{id.Child(configurationsSegment, configurationName).Child(publicSegment, called).String()}
	}
	configuration["privateIPAddress"], configuration["privateIPAllocationMethod"] = where.Address.String(), "Dynamic"
	configuration["privateIPAddressVersion"], configuration["primary"], configuration["provisioningState"] = "IPv4", true, resource.Succeeded
	properties["ipConfigurations"] = []object{{
		"name": configurationName, "id": id.Child(configurationsSegment, configurationName).String(), "etag": resource.ETag(instance.Revision), "properties": configuration,
	}}
	raw, err := json.Marshal(properties)
	if err != nil {
		return nil, fmt.Errorf("writing the interface of %s: %w", instance.ID, err)
	}
	return &resource.Resource{ID: id, Location: set.Location, Properties: raw, ProvisioningState: resource.Succeeded, Revision: max(instance.Revision, set.Revision)}, nil
}

// spellMAC writes twelve digits as ARM does.
func spellMAC(digits string) string {
	var pairs []string
	for i := 0; i+2 <= len(digits); i += 2 {
		pairs = append(pairs, digits[i:i+2])
	}
	return strings.Join(pairs, "-")
}

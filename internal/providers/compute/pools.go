package compute

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers/network"
)

// interfaceModel is what a scale set says of its instances' interfaces.
type interfaceModel struct {
	Profile struct {
		Network interfaceList `json:"networkProfile"`
	} `json:"virtualMachineProfile"`
}

// ownInterfaces is what an instance says of its own.
type ownInterfaces struct {
	Network interfaceList `json:"networkProfileConfiguration"`
}

type interfaceList struct {
	Interfaces []struct {
		Name       string `json:"name"`
		Properties struct {
			Forwarding     bool            `json:"enableIPForwarding"`
			SecurityGroup  json.RawMessage `json:"networkSecurityGroup,omitempty"`
			Configurations []struct {
				Name       string         `json:"name"`
				Properties map[string]any `json:"properties"`
			} `json:"ipConfigurations"`
		} `json:"properties"`
	} `json:"networkInterfaceConfigurations"`
}

// interfacesOf are an instance's: its own, where it was given any, or its set's.
func interfacesOf(set, instance *resource.Resource) (interfaceList, error) {
	own, err := resource.Read[ownInterfaces](instance)
	if err != nil || len(own.Network.Interfaces) > 0 {
		return own.Network, err
	}
	model, err := resource.Read[interfaceModel](set)
	return model.Profile.Network, err
}

// InPool implements network.Machines. It answers from memory.
func (p *Provider) InPool(scaleSet, pool armid.ID) []network.Member {
	m := p.machines
	m.mu.RLock()
	defer m.mu.RUnlock()
	set, ok := m.sets[resource.StoreKey(scaleSet)]
	if !ok {
		return nil
	}
	var members []network.Member
	for _, i := range m.instances {
		if !i.resource.ID.Parent().Equal(scaleSet) {
			continue
		}
		list, err := interfacesOf(set, i.resource)
		if err != nil {
			continue // it can't be shown either, which says why
		}
		for _, nic := range list.Interfaces {
			for _, c := range nic.Properties.Configurations {
				if names(c.Properties["loadBalancerBackendAddressPools"], pool) {
					at := i.resource.ID.Child(interfacesSegment, nic.Name).Child(configurationsSegment, c.Name)
					members = append(members, network.Member{Configuration: at, VNet: i.vnet, Address: i.place.Address})
				}
			}
		}
	}
	slices.SortFunc(members, func(a, b network.Member) int {
		return cmp.Or(a.Address.Compare(b.Address), strings.Compare(a.Configuration.Key(), b.Configuration.Key()))
	})
	return members
}

// names reports whether a list of references has the ID.
func names(list any, id armid.ID) bool {
	all, _ := list.([]any)
	return slices.ContainsFunc(all, func(v any) bool {
		one, _ := v.(map[string]any)
		text, _ := one["id"].(string)
		return strings.EqualFold(text, id.String())
	})
}

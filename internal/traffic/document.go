package traffic

import (
	"net/netip"
	"strings"
)

// The parts of Microsoft.Network's documents that say where traffic goes.

type reference struct {
	ID string `json:"id"`
}

func (r *reference) key() string {
	if r == nil {
		return ""
	}
	return strings.ToLower(r.ID)
}

type part[T any] struct {
	Name       string `json:"name"`
	Properties T      `json:"properties"`
}

type balancer struct {
	Frontends []part[frontend] `json:"frontendIPConfigurations"`
	Pools     []part[pool]     `json:"backendAddressPools"`
	Rules     []part[rule]     `json:"loadBalancingRules"`
	Probes    []part[probe]    `json:"probes"`
}

type frontend struct {
	PublicIPAddress  *reference `json:"publicIPAddress"`
	PrivateIPAddress string     `json:"privateIPAddress"`
	Subnet           *reference `json:"subnet"`
}

// pool has the addresses that it names itself; machines name the pool instead.
type pool struct {
	VirtualNetwork *reference `json:"virtualNetwork"`
	Addresses      []part[struct {
		IPAddress      string     `json:"ipAddress"`
		VirtualNetwork *reference `json:"virtualNetwork"`
	}] `json:"loadBalancerBackendAddresses"`
}

type rule struct {
	Frontend     *reference  `json:"frontendIPConfiguration"`
	Pool         *reference  `json:"backendAddressPool"`
	Pools        []reference `json:"backendAddressPools"`
	Probe        *reference  `json:"probe"`
	Protocol     string      `json:"protocol"`
	FrontendPort uint16      `json:"frontendPort"`
	BackendPort  uint16      `json:"backendPort"`
	Floating     bool        `json:"enableFloatingIP"`
	Distribution string      `json:"loadDistribution"`
}

// protocol is the rule's, as forwarding has it.
func (r rule) protocol() string {
	if strings.EqualFold(r.Protocol, "All") {
		return ""
	}
	return strings.ToLower(r.Protocol)
}

type probe struct {
	Protocol string `json:"protocol"`
	Port     uint16 `json:"port"`
	Path     string `json:"requestPath"`
	Interval int    `json:"intervalInSeconds"`
	// Failures are how many in a row make a backend unhealthy.
	Failures int `json:"probeThreshold"`
}

type publicAddress struct {
	IPAddress netip.Addr `json:"ipAddress"`
}

// scaleSet says which pools its machines are in.
type scaleSet struct {
	Profile struct {
		Network struct {
			Interfaces []part[struct {
				Addresses []part[struct {
					Pools []reference `json:"loadBalancerBackendAddressPools"`
				}] `json:"ipConfigurations"`
			}] `json:"networkInterfaceConfigurations"`
		} `json:"networkProfile"`
	} `json:"virtualMachineProfile"`
}

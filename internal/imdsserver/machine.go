package imdsserver

import (
	"context"
	"net/netip"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// Machines tells which virtual machine of a VNet owns an address. It answers from memory: it is asked on every request.
type Machines interface {
	MachineAt(ctx context.Context, vnet armid.ID, addr netip.Addr) (Machine, bool)
}

// Machine is a virtual machine of a scale set, as far as it may learn about itself.
type Machine struct {
	ResourceID     string // …/virtualMachineScaleSets/NAME/virtualMachines/N
	ScaleSetID     string
	ScaleSetName   string
	SubscriptionID string
	ResourceGroup  string
	TenantID       string
	Location       string
	Name           string // NAME_N
	ComputerName   string
	VMID           string
	VMSize         string
	OSType         string
	Zone           string
	Tags           map[string]string

	Address netip.Addr
	Subnet  netip.Prefix
	MAC     string // twelve hex digits, no separators

	// What the scale set carries now. Identities belong to the set, never to one instance.
	System *Identity
	User   []Identity
}

// Identity is a managed identity as its resource names it.
type Identity struct {
	ResourceID  string
	ClientID    string
	PrincipalID string
	TenantID    string
	// Host is the resource that lends it to the machine, which tokens name: the scale set.
	Host string
}

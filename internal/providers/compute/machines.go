package compute

import (
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/mirror"
)

// Machine is an instance as it may know itself, with the identities that its
// scale set carries now.
type Machine struct {
	ID           armid.ID
	ScaleSet     armid.ID
	Name         string // NAME_N
	ComputerName string
	VMID         string
	VMSize       string
	OSType       string
	Location     string
	Zone         string
	Tags         map[string]string
	TenantID     string

	VNet    armid.ID
	Subnet  netip.Prefix
	Address netip.Addr
	MAC     string

	System *Identity
	User   []Identity
}

// Identity is a managed identity that a machine may use.
type Identity struct {
	Resource    armid.ID // of a system-assigned one: the scale set
	ClientID    string   // of a system-assigned one: ""
	PrincipalID string
	TenantID    string
}

// machines finds instances by address. Both parts come in any order: an instance
// whose set isn't known (any more) isn't found.
type machines struct {
	cfg    Config
	mirror *mirror.Mirror

	mu        sync.RWMutex
	sets      map[string]*resource.Resource // by store key
	instances map[string]instance           // by store key
	byAddress map[located]string            // the instance's store key
}

type located struct {
	vnet    string // the VNet's key
	address netip.Addr
}

type instance struct {
	resource *resource.Resource
	place    place
	vnet     armid.ID
	props    instanceProperties
}

func newMachines(cfg Config) *machines {
	m := &machines{cfg: cfg, sets: map[string]*resource.Resource{}, instances: map[string]instance{}, byAddress: map[located]string{}}
	m.mirror = mirror.New(mirror.Config{
		Store: cfg.Store, Prefix: resource.KeyPrefix + "/", Match: isMachineKey, Put: m.learn, Delete: m.forget, Log: cfg.Log, Clock: cfg.Clock,
	})
	return m
}

const scaleSetSegment = "/providers/microsoft.compute/virtualmachinescalesets/"

// isMachineKey picks scale sets and their instances.
func isMachineKey(key string) bool {
	_, rest, found := strings.Cut(key, scaleSetSegment)
	if !found {
		return false
	}
	parts := strings.Split(rest, "/")
	return len(parts) == 1 || len(parts) == 3 && parts[1] == "virtualmachines"
}

func (m *machines) learn(item store.Item) {
	r, err := resource.Load(item.Value, item.Revision)
	var i instance
	if err == nil && r.ID.Is(instanceType) {
		i, err = readInstance(r)
	}
	if err != nil {
		m.cfg.Log.Error("machine is unreadable and won't be known by its address", "key", item.Key, "error", err)
		m.forget(item.Key)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.ID.Is(scaleSetType) {
		m.sets[item.Key] = r
		return
	}
	m.drop(item.Key)
	m.instances[item.Key] = i
	m.byAddress[i.located()] = item.Key
}

func readInstance(r *resource.Resource) (instance, error) {
	where, err := resource.ReadInternal[place](r)
	if err != nil {
		return instance{}, err
	}
	vnet, err := armid.Parse(where.VNet)
	if err != nil {
		return instance{}, err
	}
	props, err := resource.Read[instanceProperties](r)
	return instance{resource: r, place: where, vnet: vnet, props: props}, err
}

func (i instance) located() located {
	return located{vnet: i.vnet.Key(), address: i.place.Address.Unmap()}
}

func (m *machines) forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sets, key)
	m.drop(key)
}

// drop needs the lock. An address may have passed on to another instance.
func (m *machines) drop(key string) {
	i, ok := m.instances[key]
	if !ok {
		return
	}
	delete(m.instances, key)
	if m.byAddress[i.located()] == key {
		delete(m.byAddress, i.located())
	}
}

// MachineAt returns the machine that has the address in the VNet. It answers
// from memory.
func (p *Provider) MachineAt(vnet armid.ID, address netip.Addr) (Machine, bool) {
	m := p.machines
	m.mu.RLock()
	defer m.mu.RUnlock()
	key, ok := m.byAddress[located{vnet: vnet.Key(), address: address.Unmap()}]
	if !ok {
		return Machine{}, false
	}
	i := m.instances[key]
	set, ok := m.sets[resource.StoreKey(i.resource.ID.Parent())]
	if !ok {
		return Machine{}, false
	}
	tenant, _ := m.cfg.Directory.TenantOf(set.ID.Subscription())
	out := Machine{
		ID: i.resource.ID, ScaleSet: set.ID, Name: instanceName(i.resource.ID), ComputerName: i.props.OS.ComputerName, VMID: i.props.VMID,
		VMSize: i.props.Hardware.VMSize, OSType: i.props.Storage.OSDisk.OSType, Location: set.Location, Tags: set.Tags, TenantID: tenant.ID,
		VNet: i.vnet, Subnet: i.place.Subnet, Address: i.place.Address, MAC: i.place.MAC,
	}
	if len(i.resource.Zones) > 0 {
		out.Zone = i.resource.Zones[0]
	}
	out.identities(set)
	return out, true
}

// identities takes over what the set carries, in the order of their IDs.
func (out *Machine) identities(set *resource.Resource) {
	if set.Identity.HasSystemAssigned() {
		out.System = &Identity{Resource: set.ID, PrincipalID: set.Identity.PrincipalID, TenantID: set.Identity.TenantID}
	}
	if !set.Identity.HasUserAssigned() {
		return
	}
	for _, text := range set.Identity.Keys() {
		id, err := armid.Parse(text)
		entry := set.Identity.UserAssigned[text]
		if err != nil || entry == nil {
			continue // never stored by us
		}
		out.User = append(out.User, Identity{Resource: id, ClientID: entry.ClientID, PrincipalID: entry.PrincipalID, TenantID: out.TenantID})
	}
}

// Seat is where a machine is in the network.
type Seat struct {
	ID      armid.ID
	VNet    armid.ID
	Address netip.Addr
}

// MachinesOf lists where the instances of a scale set are. It answers from memory.
func (p *Provider) MachinesOf(scaleSet armid.ID) []Seat {
	m := p.machines
	m.mu.RLock()
	defer m.mu.RUnlock()
	var out []Seat
	for _, i := range m.instances {
		if i.resource.ID.Parent().Equal(scaleSet) {
			out = append(out, Seat{i.resource.ID, i.vnet, i.place.Address})
		}
	}
	slices.SortFunc(out, func(a, b Seat) int { return a.Address.Compare(b.Address) })
	return out
}

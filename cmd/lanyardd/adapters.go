package main

import (
	"context"
	"net/netip"
	"os"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/imdsserver"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

// etcdUsers gives every cluster a user and a prefix of its own in our etcd.
type etcdUsers struct{ server *etcdserver.Server }

func clusterPrefix(cluster string) string { return "/clusters/" + cluster + "/" }

// Grant implements containerservice.EtcdUsers.
func (e etcdUsers) Grant(ctx context.Context, cluster string) (clusters.Etcd, error) {
	credentials, err := e.server.EnsureUser(ctx, cluster, clusterPrefix(cluster))
	if err != nil {
		return clusters.Etcd{}, err
	}
	granted := clusters.Etcd{Endpoints: credentials.Endpoints, Prefix: clusterPrefix(cluster)}
	if granted.CA, err = os.ReadFile(credentials.CAFile); err != nil {
		return clusters.Etcd{}, err
	}
	if granted.Cert, err = os.ReadFile(credentials.CertFile); err != nil {
		return clusters.Etcd{}, err
	}
	key, err := os.ReadFile(credentials.KeyFile)
	granted.Key = secret.New(string(key))
	return granted, err
}

// Revoke implements containerservice.EtcdUsers.
func (e etcdUsers) Revoke(ctx context.Context, cluster string) error {
	return e.server.DropUser(ctx, cluster, clusterPrefix(cluster))
}

// machines tells the metadata service which machine has an address.
type machines struct{ compute *compute.Provider }

// MachineAt implements imdsserver.Machines.
func (m machines) MachineAt(_ context.Context, vnet armid.ID, address netip.Addr) (imdsserver.Machine, bool) {
	found, ok := m.compute.MachineAt(vnet, address)
	if !ok {
		return imdsserver.Machine{}, false
	}
	machine := imdsserver.Machine{
		ResourceID: found.ID.String(), ScaleSetID: found.ScaleSet.String(), ScaleSetName: found.ScaleSet.Name(),
		SubscriptionID: found.ID.Subscription(), ResourceGroup: found.ID.ResourceGroup(), TenantID: found.TenantID,
		Location: found.Location, Name: found.Name, ComputerName: found.ComputerName, VMID: found.VMID,
		VMSize: found.VMSize, OSType: found.OSType, Zone: found.Zone, Tags: found.Tags,
		Address: found.Address, Subnet: found.Subnet, MAC: found.MAC,
	}
	if found.System != nil {
		system := metadataIdentity(*found.System)
		machine.System = &system
	}
	for _, identity := range found.User {
		machine.User = append(machine.User, metadataIdentity(identity))
	}
	return machine, true
}

func metadataIdentity(i compute.Identity) imdsserver.Identity {
	return imdsserver.Identity{ResourceID: i.Resource.String(), ClientID: i.ClientID, PrincipalID: i.PrincipalID, TenantID: i.TenantID}
}

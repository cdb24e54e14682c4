package balancer

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	corev1 "k8s.io/api/core/v1"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/cloudprovider/machines"
)

// join puts the scale sets of the nodes into the pool.
func (b *Balancer) join(ctx context.Context, pool armid.ID, nodes []*corev1.Node) error {
	var sets []armid.ID
	for _, node := range nodes {
		if node.Spec.ProviderID == "" {
			continue // it says who it is any moment, and then we are called again
		}
		id, err := machines.ID(node)
		if err != nil {
			return err
		}
		if set := id.Parent(); !slices.ContainsFunc(sets, set.Equal) {
			sets = append(sets, set)
		}
	}
	for _, set := range sets {
		if err := b.member(ctx, set, pool, true); err != nil {
			return err
		}
	}
	return nil
}

// part takes every scale set of the cluster out of the pool.
func (b *Balancer) part(ctx context.Context, pool armid.ID) error {
	for all := b.sets.NewListPager(b.settings.ResourceGroup, nil); all.More(); {
		page, err := all.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("looking for scale sets: %w", err)
		}
		for _, set := range page.Value {
			id, err := armid.Parse(*set.ID)
			if err != nil {
				return fmt.Errorf("reading the ID of a scale set: %w", err)
			}
			if err := b.member(ctx, id, pool, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// member makes a scale set one of the pool, or none. Nothing else of it changes.
func (b *Balancer) member(ctx context.Context, set, pool armid.ID, in bool) error {
	got, err := b.sets.Get(ctx, set.ResourceGroup(), set.Name(), nil)
	if isNotFound(err) {
		return nil // its nodes go as well
	}
	if err != nil {
		return fmt.Errorf("reading scale set %s: %w", set.Name(), err)
	}
	if got.Properties == nil || got.Properties.VirtualMachineProfile == nil || got.Properties.VirtualMachineProfile.NetworkProfile == nil {
		return nil
	}
	address := primary(got.Properties.VirtualMachineProfile.NetworkProfile)
	if address == nil {
		return fmt.Errorf("scale set %s has no primary address", set.Name())
	}
	is := func(r *armcompute.SubResource) bool { return r.ID != nil && strings.EqualFold(*r.ID, pool.String()) }
	if slices.ContainsFunc(address.LoadBalancerBackendAddressPools, is) == in {
		return nil
	}
	if in {
		address.LoadBalancerBackendAddressPools = append(address.LoadBalancerBackendAddressPools, &armcompute.SubResource{ID: poolOf(pool)})
	} else {
		address.LoadBalancerBackendAddressPools = slices.DeleteFunc(address.LoadBalancerBackendAddressPools, is)
	}
	update := armcompute.VirtualMachineScaleSetUpdate{Properties: &armcompute.VirtualMachineScaleSetUpdateProperties{
		VirtualMachineProfile: &armcompute.VirtualMachineScaleSetUpdateVMProfile{NetworkProfile: &armcompute.VirtualMachineScaleSetUpdateNetworkProfile{}},
	}}
	// What is read and what is sent are of different types with the same members.
	raw, err := json.Marshal(got.Properties.VirtualMachineProfile.NetworkProfile)
	if err == nil {
		err = json.Unmarshal(raw, update.Properties.VirtualMachineProfile.NetworkProfile)
	}
	if err != nil {
		return fmt.Errorf("writing the network of scale set %s: %w", set.Name(), err)
	}
	poller, err := b.sets.BeginUpdate(ctx, set.ResourceGroup(), set.Name(), update, nil)
	if err == nil {
		_, err = poller.PollUntilDone(ctx, poll())
	}
	if err != nil {
		return fmt.Errorf("writing the network of scale set %s: %w", set.Name(), err)
	}
	return nil
}

// primary is the address that a scale set's machines are known by.
func primary(network *armcompute.VirtualMachineScaleSetNetworkProfile) *armcompute.VirtualMachineScaleSetIPConfigurationProperties {
	for _, nic := range network.NetworkInterfaceConfigurations {
		if nic.Properties == nil || nic.Properties.Primary == nil || !*nic.Properties.Primary {
			continue
		}
		for _, address := range nic.Properties.IPConfigurations {
			if p := address.Properties; p != nil && (p.Primary != nil && *p.Primary || len(nic.Properties.IPConfigurations) == 1) {
				return p
			}
		}
	}
	return nil
}

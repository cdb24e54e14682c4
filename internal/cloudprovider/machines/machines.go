// Package machines tells Kubernetes about nodes what ARM knows of their virtual
// machines: whether they exist and run, where, of which size, with which addresses.
//
// It stands below cloudprovider. Nothing is cached: Kubernetes' controllers ask
// when a node appears, when it isn't ready, and every few minutes.
package machines

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v6"
	corev1 "k8s.io/api/core/v1"
	cloudprovider "k8s.io/cloud-provider"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

const (
	scheme       = "azure://"
	instanceType = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines"
	deallocated  = "PowerState/deallocated"
	stopped      = "PowerState/stopped"
)

// Machines is a cloudprovider.InstancesV2 over scale sets.
type Machines struct {
	group      armid.ID
	sets       *armcompute.VirtualMachineScaleSetsClient
	instances  *armcompute.VirtualMachineScaleSetVMsClient
	interfaces *armnetwork.InterfacesClient
}

// New makes one for the scale sets of a resource group.
func New(group armid.ID, credential azcore.TokenCredential, options *arm.ClientOptions) (*Machines, error) {
	m := &Machines{group: group}
	var failed [3]error
	m.sets, failed[0] = armcompute.NewVirtualMachineScaleSetsClient(group.Subscription(), credential, options)
	m.instances, failed[1] = armcompute.NewVirtualMachineScaleSetVMsClient(group.Subscription(), credential, options)
	m.interfaces, failed[2] = armnetwork.NewInterfacesClient(group.Subscription(), credential, options)
	if err := errors.Join(failed[:]...); err != nil {
		return nil, fmt.Errorf("making clients for machines: %w", err)
	}
	return m, nil
}

// ID reads the instance that a node says it is.
func ID(node *corev1.Node) (armid.ID, error) {
	text, ok := strings.CutPrefix(node.Spec.ProviderID, scheme)
	if !ok {
		return armid.ID{}, fmt.Errorf("provider ID %q of node %s doesn't begin with %s", node.Spec.ProviderID, node.Name, scheme)
	}
	id, err := armid.Parse(text)
	if err != nil {
		return armid.ID{}, fmt.Errorf("reading the provider ID of node %s: %w", node.Name, err)
	}
	if !id.Is(instanceType) {
		return armid.ID{}, fmt.Errorf("node %s is no instance of a scale set: %s", node.Name, id)
	}
	return id, nil
}

// find is the instance of a node, also of one that hasn't said which it is.
func (m *Machines) find(ctx context.Context, node *corev1.Node) (armid.ID, error) {
	if node.Spec.ProviderID != "" {
		return ID(node)
	}
	for sets := m.sets.NewListPager(m.group.ResourceGroup(), nil); sets.More(); {
		page, err := sets.NextPage(ctx)
		if err != nil {
			return armid.ID{}, fmt.Errorf("looking for the machine of node %s: %w", node.Name, err)
		}
		for _, set := range page.Value {
			for all := m.instances.NewListPager(m.group.ResourceGroup(), *set.Name, nil); all.More(); {
				page, err := all.NextPage(ctx)
				if err != nil {
					return armid.ID{}, fmt.Errorf("looking for the machine of node %s: %w", node.Name, err)
				}
				for _, vm := range page.Value {
					if p := vm.Properties; p != nil && p.OSProfile != nil && p.OSProfile.ComputerName != nil && strings.EqualFold(*p.OSProfile.ComputerName, node.Name) {
						return armid.Parse(*vm.ID)
					}
				}
			}
		}
	}
	return armid.ID{}, cloudprovider.InstanceNotFound
}

func (m *Machines) get(ctx context.Context, id armid.ID) (armcompute.VirtualMachineScaleSetVM, error) {
	got, err := m.instances.Get(ctx, id.ResourceGroup(), id.Parent().Name(), id.Name(),
		&armcompute.VirtualMachineScaleSetVMsClientGetOptions{Expand: to.Ptr(armcompute.InstanceViewTypesInstanceView)})
	if isNotFound(err) {
		return armcompute.VirtualMachineScaleSetVM{}, cloudprovider.InstanceNotFound
	}
	if err != nil {
		return armcompute.VirtualMachineScaleSetVM{}, fmt.Errorf("reading machine %s: %w", id, err)
	}
	return got.VirtualMachineScaleSetVM, nil
}

func isNotFound(err error) bool {
	var response *azcore.ResponseError
	return errors.As(err, &response) && response.StatusCode == http.StatusNotFound
}

// simulatedPool is the label of nodes behind which there never was a machine: who made them takes them away.
const simulatedPool = "lanyard.dev/simulated-pool"

func simulated(node *corev1.Node) bool { return node.Labels[simulatedPool] != "" }

// InstanceExists implements cloudprovider.InstancesV2.
func (m *Machines) InstanceExists(ctx context.Context, node *corev1.Node) (bool, error) {
	if simulated(node) {
		return true, nil
	}
	id, err := m.find(ctx, node)
	if err == nil {
		_, err = m.get(ctx, id)
	}
	if errors.Is(err, cloudprovider.InstanceNotFound) {
		return false, nil
	}
	return err == nil, err
}

// InstanceShutdown implements cloudprovider.InstancesV2.
func (m *Machines) InstanceShutdown(ctx context.Context, node *corev1.Node) (bool, error) {
	if simulated(node) {
		return false, nil
	}
	id, err := m.find(ctx, node)
	if err != nil {
		return false, err
	}
	vm, err := m.get(ctx, id)
	if err != nil || vm.Properties == nil || vm.Properties.InstanceView == nil {
		return false, err
	}
	for _, status := range vm.Properties.InstanceView.Statuses {
		if status.Code != nil && (strings.EqualFold(*status.Code, deallocated) || strings.EqualFold(*status.Code, stopped)) {
			return true, nil
		}
	}
	return false, nil
}

// InstanceMetadata implements cloudprovider.InstancesV2.
func (m *Machines) InstanceMetadata(ctx context.Context, node *corev1.Node) (*cloudprovider.InstanceMetadata, error) {
	id, err := m.find(ctx, node)
	if err != nil {
		return nil, err
	}
	vm, err := m.get(ctx, id)
	if err != nil {
		return nil, err
	}
	addresses, err := m.addresses(ctx, id)
	if err != nil {
		return nil, err
	}
	data := &cloudprovider.InstanceMetadata{
		ProviderID:    scheme + id.String(),
		NodeAddresses: append(addresses, corev1.NodeAddress{Type: corev1.NodeHostName, Address: node.Name}),
		Zone:          zone(vm), Region: strings.ToLower(value(vm.Location)),
	}
	if node.Spec.ProviderID != "" {
		data.ProviderID = node.Spec.ProviderID // it may be spelt otherwise
	}
	if vm.SKU != nil {
		data.InstanceType = value(vm.SKU.Name)
	}
	return data, nil
}

func value(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// zone is the availability zone as Azure's cloud provider writes it, or the fault
// domain of a machine that is in none.
func zone(vm armcompute.VirtualMachineScaleSetVM) string {
	if len(vm.Zones) > 0 {
		return strings.ToLower(value(vm.Location)) + "-" + value(vm.Zones[0])
	}
	if p := vm.Properties; p != nil && p.InstanceView != nil && p.InstanceView.PlatformFaultDomain != nil {
		return fmt.Sprint(*p.InstanceView.PlatformFaultDomain)
	}
	return "0"
}

func (m *Machines) addresses(ctx context.Context, id armid.ID) ([]corev1.NodeAddress, error) {
	var out []corev1.NodeAddress
	for all := m.interfaces.NewListVirtualMachineScaleSetVMNetworkInterfacesPager(id.ResourceGroup(), id.Parent().Name(), id.Name(), nil); all.More(); {
		page, err := all.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the interfaces of machine %s: %w", id, err)
		}
		for _, nic := range page.Value {
			if nic.Properties == nil {
				continue
			}
			for _, address := range nic.Properties.IPConfigurations {
				if address.Properties != nil && address.Properties.PrivateIPAddress != nil {
					out = append(out, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: *address.Properties.PrivateIPAddress})
				}
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("machine %s has no address", id)
	}
	return out, nil
}

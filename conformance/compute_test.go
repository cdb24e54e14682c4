package conformance

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v6"
)

// Roles of those who change what a machine wears.
const (
	vmContributor    = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"
	identityOperator = "f1a07417-d97a-45cb-824c-7a7467783830"
)

// twoIdentities makes two, and returns their IDs.
func twoIdentities(t *testing.T, in string) (one, two string) {
	t.Helper()
	client := clientFor(t, cloud.credential)
	make := func(name string) string {
		return *must[armmsi.UserAssignedIdentitiesClientCreateOrUpdateResponse](t, "making an identity")(client.CreateOrUpdate(t.Context(), in, name, armmsi.Identity{Location: ptr(location)}, nil)).ID
	}
	return make("one"), make("two")
}

// scaleSet makes a scale set without machines.
func scaleSet(t *testing.T, in, name string) *armcompute.VirtualMachineScaleSetsClient {
	t.Helper()
	vnets := networkClients(t, cloud.options).NewVirtualNetworksClient()
	network := addressed("10.83.0.0/16")
	network.Properties.Subnets = []*armnetwork.Subnet{{Name: ptr("nodes"), Properties: &armnetwork.SubnetPropertiesFormat{AddressPrefix: ptr("10.83.1.0/24")}}}
	net := done[armnetwork.VirtualNetworksClientCreateOrUpdateResponse](t, "making a network")(vnets.BeginCreateOrUpdate(t.Context(), in, "net", network, nil))
	sets := must[*armcompute.VirtualMachineScaleSetsClient](t, "making a client")(armcompute.NewVirtualMachineScaleSetsClient(cloud.Subscription, cloud.credential, cloud.options))
	done[armcompute.VirtualMachineScaleSetsClientCreateOrUpdateResponse](t, "making a scale set")(sets.BeginCreateOrUpdate(t.Context(), in, name, armcompute.VirtualMachineScaleSet{
		Location: ptr(location), SKU: &armcompute.SKU{Name: ptr("Standard_D2s_v3"), Capacity: ptr[int64](0)},
		Properties: &armcompute.VirtualMachineScaleSetProperties{
			UpgradePolicy: &armcompute.UpgradePolicy{Mode: to.Ptr(armcompute.UpgradeModeManual)},
			VirtualMachineProfile: &armcompute.VirtualMachineScaleSetVMProfile{NetworkProfile: &armcompute.VirtualMachineScaleSetNetworkProfile{
				NetworkInterfaceConfigurations: []*armcompute.VirtualMachineScaleSetNetworkConfiguration{{Name: ptr("nic"), Properties: &armcompute.VirtualMachineScaleSetNetworkConfigurationProperties{
					Primary: ptr(true), IPConfigurations: []*armcompute.VirtualMachineScaleSetIPConfiguration{{Name: ptr("ip"), Properties: &armcompute.VirtualMachineScaleSetIPConfigurationProperties{Subnet: &armcompute.APIEntityReference{ID: net.Properties.Subnets[0].ID}}}},
				}}},
			}},
		},
	}, nil))
	return sets
}

// wearing is the patch that gives the identities with true and takes those with false, as {} and null.
func wearing(kind armcompute.ResourceIdentityType, changes map[string]bool) armcompute.VirtualMachineScaleSetUpdate {
	identities := map[string]*armcompute.UserAssignedIdentitiesValue{}
	for id, worn := range changes {
		identities[id] = nil
		if worn {
			identities[id] = &armcompute.UserAssignedIdentitiesValue{}
		}
	}
	return armcompute.VirtualMachineScaleSetUpdate{Identity: &armcompute.VirtualMachineScaleSetIdentity{Type: &kind, UserAssignedIdentities: identities}}
}

// TestScaleSetWearsIdentities is how mic of any version talks to ARM: {} adds, null removes, what isn't named stays.
func TestScaleSetWearsIdentities(t *testing.T) {
	ctx, in := t.Context(), group(t)
	one, two := twoIdentities(t, in)
	sets := scaleSet(t, in, "nodes")
	const own, both = armcompute.ResourceIdentityTypeUserAssigned, armcompute.ResourceIdentityTypeSystemAssignedUserAssigned
	worn := func(want ...string) *armcompute.VirtualMachineScaleSetIdentity {
		t.Helper()
		got := must[armcompute.VirtualMachineScaleSetsClientGetResponse](t, "reading")(sets.Get(ctx, in, "nodes", nil)).Identity
		var has []string
		if got != nil {
			for id, value := range got.UserAssignedIdentities {
				has = append(has, strings.ToLower(id))
				if value.ClientID == nil || value.PrincipalID == nil {
					t.Errorf("%s has no client ID", id)
				}
			}
		}
		if len(has) != len(want) {
			t.Errorf("the set wears %v, want %v", has, want)
		}
		return got
	}
	patch := func(what string, update armcompute.VirtualMachineScaleSetUpdate) {
		t.Helper()
		done[armcompute.VirtualMachineScaleSetsClientUpdateResponse](t, what)(sets.BeginUpdate(ctx, in, "nodes", update, nil))
	}
	patch("adding one", wearing(own, map[string]bool{one: true}))
	worn(one)
	patch("adding two, in another casing", wearing(own, map[string]bool{strings.ToUpper(two[:15]) + two[15:]: true}))
	worn(one, two)
	patch("tagging", armcompute.VirtualMachineScaleSetUpdate{Tags: map[string]*string{"a": ptr("1")}})
	worn(one, two)
	patch("removing one", wearing(both, map[string]bool{one: false}))
	if got := worn(two); got.PrincipalID == nil {
		t.Error("the set has no identity of its own")
	}
	patch("taking all", armcompute.VirtualMachineScaleSetUpdate{Identity: &armcompute.VirtualMachineScaleSetIdentity{Type: to.Ptr(armcompute.ResourceIdentityTypeNone)}})
	worn()
	_, err := sets.BeginUpdate(ctx, in, "nodes", wearing(own, map[string]bool{one + "-none": true}), nil)
	refused(t, err, 400, "FailedIdentityOperation")
	done[armcompute.VirtualMachineScaleSetsClientDeleteResponse](t, "deleting")(sets.BeginDelete(ctx, in, "nodes", nil))
	_, err = sets.Get(ctx, in, "nodes", nil)
	refused(t, err, 404, "ResourceNotFound")
}

// TestIdentityNeedsAssign has a caller who may change machines, and gives away no identity before he is its operator.
func TestIdentityNeedsAssign(t *testing.T) {
	ctx, in := t.Context(), group(t)
	one, _ := twoIdentities(t, in)
	scaleSet(t, in, "nodes")
	principal, credential := servicePrincipal(t)
	grant(t, vmContributor, "/subscriptions/"+cloud.Subscription+"/resourceGroups/"+in, principal)
	sets := must[*armcompute.VirtualMachineScaleSetsClient](t, "making a client")(armcompute.NewVirtualMachineScaleSetsClient(cloud.Subscription, credential, cloud.options))
	update := wearing(armcompute.ResourceIdentityTypeUserAssigned, map[string]bool{one: true})
	_, err := sets.BeginUpdate(ctx, in, "nodes", update, nil)
	refused(t, err, 403, "LinkedAuthorizationFailed")
	if err != nil && !strings.Contains(err.Error(), "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action") {
		t.Errorf("the error doesn't name the action: %v", err)
	}
	grant(t, identityOperator, one, principal)
	done[armcompute.VirtualMachineScaleSetsClientUpdateResponse](t, "adding with the role")(sets.BeginUpdate(ctx, in, "nodes", update, nil))
}

func TestMachines(t *testing.T) {
	ctx, in := t.Context(), group(t)
	one, two := twoIdentities(t, in)
	machines := must[*armcompute.VirtualMachinesClient](t, "making a client")(armcompute.NewVirtualMachinesClient(cloud.Subscription, cloud.credential, cloud.options))
	nics, vnets := networkClients(t, cloud.options).NewInterfacesClient(), networkClients(t, cloud.options).NewVirtualNetworksClient()
	network := addressed("10.84.0.0/16")
	network.Properties.Subnets = []*armnetwork.Subnet{{Name: ptr("nodes"), Properties: &armnetwork.SubnetPropertiesFormat{AddressPrefix: ptr("10.84.1.0/24")}}}
	net := done[armnetwork.VirtualNetworksClientCreateOrUpdateResponse](t, "making a network")(vnets.BeginCreateOrUpdate(ctx, in, "net", network, nil))
	nic := done[armnetwork.InterfacesClientCreateOrUpdateResponse](t, "making an interface")(nics.BeginCreateOrUpdate(ctx, in, "nic", armnetwork.Interface{
		Location: ptr(location), Properties: &armnetwork.InterfacePropertiesFormat{IPConfigurations: []*armnetwork.InterfaceIPConfiguration{{Name: ptr("ip"), Properties: &armnetwork.InterfaceIPConfigurationPropertiesFormat{
			Subnet: &armnetwork.Subnet{ID: net.Properties.Subnets[0].ID},
		}}}},
	}, nil))
	made := done[armcompute.VirtualMachinesClientCreateOrUpdateResponse](t, "making a machine")(machines.BeginCreateOrUpdate(ctx, in, "vm", armcompute.VirtualMachine{
		Location: ptr(location), Properties: &armcompute.VirtualMachineProperties{
			HardwareProfile: &armcompute.HardwareProfile{VMSize: to.Ptr(armcompute.VirtualMachineSizeTypesStandardD2SV3)},
			NetworkProfile:  &armcompute.NetworkProfile{NetworkInterfaces: []*armcompute.NetworkInterfaceReference{{ID: nic.ID}}},
			StorageProfile:  &armcompute.StorageProfile{OSDisk: &armcompute.OSDisk{CreateOption: to.Ptr(armcompute.DiskCreateOptionTypesFromImage)}, ImageReference: &armcompute.ImageReference{Publisher: ptr("Debian"), Offer: ptr("debian-12"), SKU: ptr("12"), Version: ptr("latest")}},
			OSProfile:       &armcompute.OSProfile{ComputerName: ptr("vm"), AdminUsername: ptr("someone"), LinuxConfiguration: &armcompute.LinuxConfiguration{DisablePasswordAuthentication: ptr(true), SSH: &armcompute.SSHConfiguration{PublicKeys: []*armcompute.SSHPublicKey{{Path: ptr("/home/someone/.ssh/authorized_keys"), KeyData: ptr("ssh-ed25519 AAAA")}}}}},
		},
		Identity: &armcompute.VirtualMachineIdentity{Type: to.Ptr(armcompute.ResourceIdentityTypeUserAssigned), UserAssignedIdentities: map[string]*armcompute.UserAssignedIdentitiesValue{one: {}, two: {}}},
	}, nil))
	if len(made.Identity.UserAssignedIdentities) != 2 {
		t.Errorf("the machine wears %d identities", len(made.Identity.UserAssignedIdentities))
	}
	done[armcompute.VirtualMachinesClientUpdateResponse](t, "removing one")(machines.BeginUpdate(ctx, in, "vm", armcompute.VirtualMachineUpdate{Identity: &armcompute.VirtualMachineIdentity{
		Type: to.Ptr(armcompute.ResourceIdentityTypeUserAssigned), UserAssignedIdentities: map[string]*armcompute.UserAssignedIdentitiesValue{one: nil},
	}}, nil))
	if got := must[armcompute.VirtualMachinesClientGetResponse](t, "reading")(machines.Get(ctx, in, "vm", nil)); len(got.Identity.UserAssignedIdentities) != 1 {
		t.Errorf("the machine wears %d identities, want 1", len(got.Identity.UserAssignedIdentities))
	}
	must[armcompute.VirtualMachinesClientInstanceViewResponse](t, "looking at it")(machines.InstanceView(ctx, in, "vm", nil))
	done[armcompute.VirtualMachinesClientDeallocateResponse](t, "stopping it")(machines.BeginDeallocate(ctx, in, "vm", nil))
	all(t, "listing machines", machines.NewListPager(in, nil))
	_, err := nics.BeginDelete(ctx, in, "nic", nil)
	refused(t, err, 400, "NicInUse")
	done[armcompute.VirtualMachinesClientDeleteResponse](t, "deleting the machine")(machines.BeginDelete(ctx, in, "vm", nil))
}

func TestDisks(t *testing.T) {
	ctx, in := t.Context(), group(t)
	disks := must[*armcompute.DisksClient](t, "making a client")(armcompute.NewDisksClient(cloud.Subscription, cloud.credential, cloud.options))
	disk := armcompute.Disk{Location: ptr(location), SKU: &armcompute.DiskSKU{Name: to.Ptr(armcompute.DiskStorageAccountTypesPremiumLRS)}, Properties: &armcompute.DiskProperties{
		CreationData: &armcompute.CreationData{CreateOption: to.Ptr(armcompute.DiskCreateOptionEmpty)}, DiskSizeGB: ptr[int32](8),
	}}
	made := done[armcompute.DisksClientCreateOrUpdateResponse](t, "making a disk")(disks.BeginCreateOrUpdate(ctx, in, "data", disk, nil))
	if *made.Properties.DiskState != armcompute.DiskStateUnattached || *made.SKU.Name != armcompute.DiskStorageAccountTypesPremiumLRS {
		t.Errorf("%+v", made.Properties)
	}
	grown := done[armcompute.DisksClientUpdateResponse](t, "growing it")(disks.BeginUpdate(ctx, in, "data", armcompute.DiskUpdate{Properties: &armcompute.DiskUpdateProperties{DiskSizeGB: ptr[int32](16)}}, nil))
	if *grown.Properties.DiskSizeGB != 16 {
		t.Errorf("the disk has %d GB", *grown.Properties.DiskSizeGB)
	}
	all(t, "listing disks", disks.NewListByResourceGroupPager(in, nil))
	_, err := disks.BeginUpdate(ctx, in, "data", armcompute.DiskUpdate{Properties: &armcompute.DiskUpdateProperties{DiskSizeGB: ptr[int32](4)}}, nil)
	if err == nil {
		t.Error("a disk shrank")
	}
	_, err = disks.Get(ctx, in, "none", nil)
	refused(t, err, 404, "ResourceNotFound")
	done[armcompute.DisksClientDeleteResponse](t, "deleting")(disks.BeginDelete(ctx, in, "data", nil))
}

// TestUnknownPropertiesStay writes what no SDK knows and reads it back.
func TestUnknownPropertiesStay(t *testing.T) {
	in := group(t)
	pipeline := runtime.NewPipeline("conformance", "", runtime.PipelineOptions{PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(cloud.credential, []string{armScope}, nil)}}, &cloud.options.ClientOptions)
	call := func(method, body string) string {
		t.Helper()
		request := must[*policy.Request](t, "making a request")(runtime.NewRequest(t.Context(), method,
			cloud.Origin+"/subscriptions/"+cloud.Subscription+"/resourceGroups/"+in+"/providers/Microsoft.Network/publicIPAddresses/odd?api-version=2024-05-01"))
		if body != "" {
			if err := request.SetBody(streaming.NopCloser(bytes.NewReader([]byte(body))), "application/json"); err != nil {
				t.Fatal(err)
			}
		}
		response := must[*http.Response](t, method)(pipeline.Do(request))
		defer response.Body.Close()
		return string(must[[]byte](t, "reading")(io.ReadAll(response.Body)))
	}
	call(http.MethodPut, `{"location":"eastus","properties":{"ofTomorrow":{"a":[1,null]}}}`)
	if got := call(http.MethodGet, ""); !strings.Contains(got, `"ofTomorrow":{"a":[1,null]}`) {
		t.Errorf("got %s", got)
	}
}

package providers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
)

const (
	setPath   = "/subscriptions/" + subscription + "/resourceGroups/nodes/providers/Microsoft.Compute/virtualMachineScaleSets/aks-nodepool1-12345678-vmss"
	setURL    = setPath + "?api-version=2022-08-01"
	vnetPath  = "/subscriptions/" + subscription + "/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/net"
	vmRole    = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"
	miOperate = "f1a07417-d97a-45cb-824c-7a7467783830"
)

func errorAs[T error](err error, target *T) bool { return errors.As(err, target) }

// identity makes a user-assigned identity and returns its ID as clients type it.
func (f *fixture) identity(name string) string {
	f.Helper()
	path := strings.TrimSuffix(identityPath, "demo") + name
	f.must(201, "PUT", path+"?api-version=2018-11-30", `{"location":"westus2"}`)
	return path
}

func patch(kind string, ids map[string]string) string {
	var parts []string
	for id, value := range ids {
		parts = append(parts, fmt.Sprintf("%q:%s", id, value))
	}
	return fmt.Sprintf(`{"identity":{"type":%q,"userAssignedIdentities":{%s}}}`, kind, strings.Join(parts, ","))
}

// carried are the names of the identities that an answer shows.
func carried(answer map[string]any) (string, map[string]bool) {
	identity, _ := answer["identity"].(map[string]any)
	ids, _ := identity["userAssignedIdentities"].(map[string]any)
	out := map[string]bool{}
	for id, entry := range ids {
		e := entry.(map[string]any)
		out[id[strings.LastIndex(id, "/")+1:]] = e["clientId"] != "" && e["principalId"] != ""
	}
	kind, _ := identity["type"].(string)
	return kind, out
}

func TestScaleSetIdentityPatch(t *testing.T) {
	f := newCloud(t)
	a, b, c := f.identity("aaa"), f.identity("bbb"), f.identity("ccc")
	f.must(201, "PUT", setURL, `{"location":"westus2","sku":{"name":"Standard_DS2_v2","capacity":1},"properties":{"virtualMachineProfile":{"unknown":{"x":1.0}}}}`)
	steps := []struct {
		name, body, kind string
		want             []string
	}{
		{"add one", patch("UserAssigned", map[string]string{a: "{}"}), "UserAssigned", []string{"aaa"}},
		{"add another, the first stays", patch("UserAssigned", map[string]string{b: "{}"}), "UserAssigned", []string{"aaa", "bbb"}},
		{"add in lower case what is there", patch("UserAssigned", map[string]string{strings.ToLower(a): "{}"}), "UserAssigned", []string{"aaa", "bbb"}},
		{"remove one in another casing", patch("UserAssigned", map[string]string{strings.ToUpper(a): "null"}), "UserAssigned", []string{"bbb"}},
		{"remove what isn't there", patch("UserAssigned", map[string]string{a: "null"}), "UserAssigned", []string{"bbb"}},
		{"swap", patch("UserAssigned", map[string]string{b: "null", c: "{}"}), "UserAssigned", []string{"ccc"}},
		{"system-assigned too", `{"identity":{"type":"SystemAssigned,UserAssigned"}}`, "SystemAssigned, UserAssigned", []string{"ccc"}},
		{"tags only", `{"tags":{"a":"b"}}`, "SystemAssigned, UserAssigned", []string{"ccc"}},
		{"only system-assigned", `{"identity":{"type":"SystemAssigned"}}`, "SystemAssigned", nil},
		{"none", `{"identity":{"type":"None"}}`, "None", nil},
		{"again", patch("UserAssigned", map[string]string{a: "{}"}), "UserAssigned", []string{"aaa"}},
		{"the last one with None", patch("None", map[string]string{a: "null"}), "None", nil},
	}
	for _, s := range steps {
		got := f.must(200, "PATCH", setURL, s.body)
		kind, ids := carried(got)
		want := map[string]bool{}
		for _, name := range s.want {
			want[name] = true
		}
		if diff := cmp.Diff(want, ids); diff != "" || kind != s.kind {
			t.Errorf("%s: type %q, want %q; identities (-want +got):\n%s", s.name, kind, s.kind, diff)
		}
		if _, has := got["identity"].(map[string]any)["principalId"]; has != strings.Contains(s.kind, "SystemAssigned") {
			t.Errorf("%s: principalId shown: %v", s.name, has)
		}
	}
	got := f.must(200, "GET", setURL, "")
	props := got["properties"].(map[string]any)
	if diff := cmp.Diff(map[string]any{"unknown": map[string]any{"x": 1.0}}, props["virtualMachineProfile"]); diff != "" {
		t.Errorf("unknown properties (-want +got):\n%s", diff)
	}
	if props["provisioningState"] != "Succeeded" || props["upgradePolicy"] == nil || got["tags"].(map[string]any)["a"] != "b" {
		t.Errorf("got %v", got)
	}
	waitFor(t, func() bool {
		_, err := f.directory.ManagedIdentityOf(t.Context(), armid.MustParse(setPath))
		return errors.Is(err, directory.ErrNotFound) // or the principal outlives its identity
	})
	f.must(200, "PATCH", setURL, patch("UserAssigned", map[string]string{a: "{}", b: "{}"}))
	if _, ids := carried(f.must(200, "PUT", setURL, `{"location":"westus2","identity":{"type":"UserAssigned","userAssignedIdentities":{"`+c+`":{}}}}`)); len(ids) != 1 || !ids["ccc"] {
		t.Errorf("PUT must replace the identities: %v", ids)
	}
}

func TestScaleSetIdentityRefusals(t *testing.T) {
	f := newCloud(t)
	a := f.identity("aaa")
	f.must(201, "PUT", setURL, `{"location":"westus2"}`)
	gone := strings.Replace(a, "aaa", "gone", 1)
	tests := []struct{ name, body, code, message string }{
		{"twice", fmt.Sprintf(`{"identity":{"type":"UserAssigned","userAssignedIdentities":{%q:{},%q:{}}}}`, a, strings.ToLower(a)), "InvalidParameter",
			"ResourceIdentity identityId '" + strings.ToLower(a) + "' cannot be duplicated in the provided identityIds list."},
		{"twice in the same casing", fmt.Sprintf(`{"identity":{"type":"UserAssigned","userAssignedIdentities":{%q:{},%q:null}}}`, a, a), "InvalidParameter",
			"ResourceIdentity identityId '" + a + "' cannot be duplicated in the provided identityIds list."},
		{"no ID", patch("UserAssigned", map[string]string{"demo": "{}"}), "InvalidIdentityId", ""},
		{"of another type", patch("UserAssigned", map[string]string{setPath: "{}"}), "InvalidIdentityId", ""},
		{"a type that isn't one", patch("User", map[string]string{a: "{}"}), "InvalidParameter", ""},
		{"identities without the type", patch("SystemAssigned", map[string]string{a: "{}"}), "InvalidParameter", ""},
		{"the type without identities", `{"identity":{"type":"UserAssigned"}}`, "InvalidParameter", ""},
		{"doesn't exist", patch("UserAssigned", map[string]string{gone: "{}"}), "FailedIdentityOperation",
			"Identity operation for resource '" + setPath + "' failed with error 'Failed to perform resource identity operation. Status: 'BadRequest'. Response: '" +
				`{"error":{"code":"BadRequest","message":"Resource '` + gone + `' was not found."}}'.'.`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fixture{TB: t, server: f.server}
			message := f.refused(ownerID, 400, tt.code, "PATCH", setURL, tt.body)
			if tt.message != "" && message != tt.message {
				t.Errorf("message:\n got %s\nwant %s", message, tt.message)
			}
		})
	}
	f.refused(ownerID, 404, "ResourceNotFound", "PATCH", strings.Replace(setURL, "aks", "x", 1), `{"identity":{"type":"None"}}`)
}

// TestScaleSetNeedsAssignOnWhatItGives is what aad-pod-identity's role page is about.
func TestScaleSetNeedsAssignOnWhatItGives(t *testing.T) {
	f := newCloud(t)
	a, b := f.identity("aaa"), f.identity("bbb")
	f.must(201, "PUT", setURL, `{"location":"westus2"}`)
	give := patch("UserAssigned", map[string]string{a: "{}"})
	f.refused(guestID, 403, "AuthorizationFailed", "PATCH", setURL, give)
	f.grant(guestID, vmRole, group("nodes"))
	got := f.refused(guestID, 403, "LinkedAuthorizationFailed", "PATCH", setURL, give)
	want := "The client '" + guestID + "' with object id '" + guestID + "' has permission to perform action 'Microsoft.Compute/virtualMachineScaleSets/write' on scope '" + setPath +
		"'; however, it does not have permission to perform action 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the linked scope(s) '" + a + "' or the linked scope(s) are invalid." +
		" You can run 'az role assignment create --assignee " + guestID + " --role \"Managed Identity Operator\" --scope " + a + "' to grant the permission."
	if got != want {
		t.Errorf("message:\n got %s\nwant %s", got, want)
	}
	f.grant(guestID, miOperate, armid.MustParse(a))
	if status, answer := f.call(guestID, "PATCH", setURL, give); status != 200 {
		t.Fatalf("with Managed Identity Operator: %d %v", status, answer)
	}
	f.must(200, "PATCH", setURL, patch("UserAssigned", map[string]string{b: "{}"}))
	// Removing, and leaving alone, needs no right on the identity.
	if status, answer := f.call(guestID, "PATCH", setURL, patch("UserAssigned", map[string]string{b: "null"})); status != 200 {
		t.Errorf("removing another's identity: %d %v", status, answer)
	}
	// Joining a subnet needs a right there.
	f.refused(guestID, 403, "LinkedAuthorizationFailed", "PATCH", setURL, `{"properties":{"virtualMachineProfile":{"networkProfile":{"networkInterfaceConfigurations":[{"name":"n","properties":{"ipConfigurations":[{"name":"i","properties":{"subnet":{"id":"`+vnetPath+`/subnets/s"}}}]}}]}}}}`)
}

// TestAssignCheckCannotBeTalkedPast: a body that is read in two ways must not
// give an identity without a check.
func TestAssignCheckCannotBeTalkedPast(t *testing.T) {
	f := newCloud(t)
	mine, secret := f.identity("mine"), f.identity("secret")
	f.must(201, "PUT", setURL, `{"location":"westus2"}`)
	f.grant(guestID, vmRole, group("nodes"))
	f.grant(guestID, miOperate, armid.MustParse(mine))
	one := func(id string) string {
		return fmt.Sprintf(`{"type":"UserAssigned","userAssignedIdentities":{%q:{}}}`, id)
	}
	both := fmt.Sprintf(`{"type":"UserAssigned","userAssignedIdentities":{%q:{}},"UserAssignedIdentities":{%q:{}}}`, secret, mine)
	subnet := `"virtualMachineProfile":{"networkProfile":{"networkInterfaceConfigurations":[{"properties":{"ipConfigurations":[{"properties":{"subnet":{"id":"` + vnetPath + `/subnets/s"}}}]}}]}}`
	for range 20 { // the order of members may be random inside
		for _, body := range []string{
			`{"identity":` + one(mine) + `,"Identity":` + one(secret) + `}`,
			`{"Identity":` + one(secret) + `,"identity":` + one(mine) + `}`,
			`{"IDENTITY":` + one(secret) + `}`,
			`{"identity":` + both + `}`,
			`{"identity":{"Type":"UserAssigned","USERASSIGNEDIDENTITIES":{"` + secret + `":{}}}}`,
			`{"Properties":{` + subnet + `}}`,
			`{"properties":{},"Properties":{` + subnet + `}}`,
		} {
			for _, method := range []string{"PATCH", "PUT"} {
				status, answer := f.call(guestID, method, setURL, strings.Replace(body, "{", `{"location":"westus2",`, 1))
				if status != 403 && status != 400 && strings.Contains(body, "ecret") {
					t.Fatalf("%s %s: %d %v", method, body, status, answer)
				}
				if _, ids := carried(f.must(200, "GET", setURL, "")); len(ids) != 0 {
					t.Fatalf("%s %s: now carries %v", method, body, ids)
				}
				if got := f.must(200, "GET", setURL, "")["properties"].(map[string]any)["virtualMachineProfile"]; got != nil {
					t.Fatalf("%s %s: joined %v", method, body, got)
				}
			}
		}
	}
}

func TestDeletedIdentityDangles(t *testing.T) {
	f := newCloud(t)
	a, b := f.identity("aaa"), f.identity("bbb")
	f.must(201, "PUT", setURL, `{"location":"westus2","identity":{"type":"UserAssigned","userAssignedIdentities":{"`+a+`":{}}}}`)
	f.must(200, "DELETE", a+"?api-version=2018-11-30", "")
	if _, ids := carried(f.must(200, "GET", setURL, "")); !ids["aaa"] {
		t.Error("the reference must stay")
	}
	if _, ids := carried(f.must(200, "PATCH", setURL, patch("UserAssigned", map[string]string{b: "{}"}))); !ids["aaa"] || !ids["bbb"] {
		t.Errorf("others can be added beside it: %v", ids)
	}
	f.refused(ownerID, 400, "FailedIdentityOperation", "PATCH", setURL, patch("UserAssigned", map[string]string{a: "{}"}))
	if _, ids := carried(f.must(200, "PATCH", setURL, patch("UserAssigned", map[string]string{a: "null"}))); ids["aaa"] {
		t.Error("the reference can be removed")
	}
}

func TestMachineAtFollowsTheScaleSet(t *testing.T) {
	f := newCloud(t)
	a := f.identity("aaa")
	set, vnet := armid.MustParse(setPath), armid.MustParse(vnetPath)
	f.must(201, "PUT", setURL, `{"location":"westus2","sku":{"name":"Standard_DS2_v2","capacity":2},"tags":{"k":"v"}}`)
	address := netip.MustParseAddr("10.240.0.4")
	err := f.compute.EnsureInstance(t.Context(), f.admin, set, compute.Instance{
		Number: 0, ComputerName: "aks-nodepool1-12345678-vmss000000", VMID: "vm-id", VNet: vnet, Subnet: netip.MustParsePrefix("10.240.0.0/16"), Address: address,
	})
	if err != nil {
		t.Fatal(err)
	}
	f.must(200, "PATCH", setURL, patch("SystemAssigned, UserAssigned", map[string]string{a: "{}"}))
	m, ok := f.compute.MachineAt(armid.MustParse(strings.ToLower(vnetPath)), address)
	if !ok {
		t.Fatal("the machine isn't known by its address")
	}
	if m.Name != "aks-nodepool1-12345678-vmss_0" || m.ComputerName != "aks-nodepool1-12345678-vmss000000" || m.VMSize != "Standard_DS2_v2" || m.Tags["k"] != "v" || m.MAC != "000D3AF00004" {
		t.Errorf("got %+v", m)
	}
	if m.System == nil || m.System.PrincipalID == "" || len(m.User) != 1 || m.User[0].ClientID == "" || m.User[0].TenantID != tenant {
		t.Errorf("identities: %+v %+v", m.System, m.User)
	}
	f.must(200, "PATCH", setURL, `{"identity":{"type":"None"}}`)
	if m, _ := f.compute.MachineAt(vnet, address); m.System != nil || m.User != nil {
		t.Error("identities must go at once")
	}
	if _, ok := f.compute.MachineAt(armid.MustParse(vnetPath+"2"), address); ok {
		t.Error("the same address in another network is another machine")
	}
	if _, ok := f.compute.MachineAt(vnet, netip.MustParseAddr("10.240.0.5")); ok {
		t.Error("nobody has this address")
	}

	cred, options := f.as(ownerID)
	client, err := armcompute.NewVirtualMachineScaleSetVMsClient(subscription, cred, options)
	if err != nil {
		t.Fatal(err)
	}
	page, err := client.NewListPager("nodes", set.Name(), nil).NextPage(t.Context())
	if err != nil || len(page.Value) != 1 {
		t.Fatalf("instances: %v %v", page.Value, err)
	}
	if vm := page.Value[0]; *vm.Name != m.Name || *vm.InstanceID != "0" || *vm.Properties.VMID != "vm-id" || *vm.Properties.OSProfile.ComputerName != m.ComputerName {
		t.Errorf("instance: %+v", vm)
	}
	view, err := client.GetInstanceView(t.Context(), "nodes", set.Name(), "0", nil)
	if err != nil || len(view.Statuses) != 2 {
		t.Errorf("instance view: %+v %v", view, err)
	}
	f.must(200, "DELETE", setURL, "")
	if _, ok := f.compute.MachineAt(vnet, address); ok {
		t.Error("the machine outlives its set")
	}
}

func TestComputeSDK(t *testing.T) {
	f := newCloud(t)
	a := f.identity("aaa")
	cred, options := f.as(ownerID)
	sets, err := armcompute.NewVirtualMachineScaleSetsClient(subscription, cred, options)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	create, err := sets.BeginCreateOrUpdate(ctx, "nodes", "vmss", armcompute.VirtualMachineScaleSet{Location: to.Ptr("westus2"), SKU: &armcompute.SKU{Name: to.Ptr("Standard_B2s"), Capacity: to.Ptr[int64](0)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := create.PollUntilDone(ctx, nil); err != nil {
		t.Fatal(err)
	}
	update, err := sets.BeginUpdate(ctx, "nodes", "vmss", armcompute.VirtualMachineScaleSetUpdate{Identity: &armcompute.VirtualMachineScaleSetIdentity{
		Type: to.Ptr(armcompute.ResourceIdentityTypeUserAssigned), UserAssignedIdentities: map[string]*armcompute.UserAssignedIdentitiesValue{a: {}},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := update.PollUntilDone(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if entry := got.Identity.UserAssignedIdentities[a]; entry == nil || *entry.ClientID == "" {
		t.Errorf("identity: %+v", got.Identity)
	}
	machines, err := armcompute.NewVirtualMachinesClient(subscription, cred, options)
	if err != nil {
		t.Fatal(err)
	}
	if page, err := machines.NewListAllPager(nil).NextPage(ctx); err != nil || len(page.Value) != 0 {
		t.Errorf("machines of the subscription: %v %v", page.Value, err)
	}
	if page, err := machines.NewListPager("nodes", nil).NextPage(ctx); err != nil || len(page.Value) != 0 {
		t.Errorf("machines of the group: %v %v", page.Value, err)
	}
	remove, err := sets.BeginDelete(ctx, "nodes", "vmss", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remove.PollUntilDone(ctx, nil); err != nil {
		t.Fatal(err)
	}
}

// TestScaleSetEcho: az vmss update and Terraform send back what they read.
func TestScaleSetEcho(t *testing.T) {
	f := newCloud(t)
	a := f.identity("aaa")
	f.must(201, "PUT", setURL, `{"location":"westus2","sku":{"name":"Standard_B2s","tier":"Standard","capacity":3},"zones":["1","2"],"tags":{"a":"b"},"plan":{"name":"p"},"somethingNew":{"x":[1,2.50]},
		"identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"`+strings.ToLower(a)+`":{}}},"properties":{"upgradePolicy":{"mode":"Rolling"},"unknown":[{"deep":null}]}}`)
	read := f.must(200, "GET", setURL, "")
	echo, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	written := f.must(200, "PUT", setURL, string(echo))
	if diff := cmp.Diff(read, written); diff != "" {
		t.Errorf("its own document put back (-read +answered):\n%s", diff)
	}
	f.refused(ownerID, 400, "InvalidIdentityValues", "PUT", setURL, `{"location":"westus2","identity":{"type":"SystemAssigned","principalId":"`+guestID+`"}}`)
}

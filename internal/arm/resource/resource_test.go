package resource_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
)

var vm = armid.MustParse("/subscriptions/5/resourceGroups/G/providers/Microsoft.Compute/virtualMachineScaleSets/V")

func decode(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return out
}

func TestStoreKeepsEverything(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := &resource.Resource{
		ID: vm, Location: "eastus", Kind: "k", ManagedBy: "/m", Tags: map[string]string{"a": "b"},
		Identity: &resource.Identity{Type: resource.IdentityUserAssigned, UserAssigned: map[string]*resource.UserAssignedIdentity{"/i": {ClientID: "c", PrincipalID: "p"}}},
		SKU:      json.RawMessage(`{"capacity":1}`), Plan: json.RawMessage(`{"x":1}`), Zones: []string{"1"}, Extra: map[string]json.RawMessage{"future": json.RawMessage(`1.50`)},
		Properties: json.RawMessage(`{"n":1.0}`), ProvisioningState: "Updating", Internal: json.RawMessage(`{"secret":1}`), Operation: "op",
		SystemData: resource.SystemData{CreatedBy: "me", CreatedByType: "User", CreatedAt: now, LastModifiedAt: now},
	}
	raw, err := r.Store()
	if err != nil {
		t.Fatal(err)
	}
	back, err := resource.Load(raw, 7)
	if err != nil {
		t.Fatal(err)
	}
	r.Revision = 7
	if diff := cmp.Diff(r, back, cmp.Comparer(func(a, b armid.ID) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	wire, err := back.Wire(resource.WireOptions{ETag: true})
	if err != nil {
		t.Fatal(err)
	}
	shown := decode(t, wire)
	if shown["internal"] != nil || shown["operation"] != nil || shown["etag"] != `"7"` || shown["future"] != 1.5 {
		t.Errorf("%s", wire)
	}
	if diff := cmp.Diff(map[string]any{"n": 1.0, "provisioningState": "Updating"}, shown["properties"]); diff != "" {
		t.Error(diff)
	}
}

func TestIdentityPatch(t *testing.T) {
	id := func(name string) string {
		return "/subscriptions/5/resourceGroups/G/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + name
	}
	lower := "/subscriptions/5/resourcegroups/g/providers/microsoft.managedidentity/userassignedidentities/"
	old := func() *resource.Resource {
		return &resource.Resource{ID: vm, Identity: &resource.Identity{
			Type: "SystemAssigned, UserAssigned", PrincipalID: "p", TenantID: "t",
			UserAssigned: map[string]*resource.UserAssignedIdentity{id("One"): {ClientID: "c1", PrincipalID: "p1"}, id("Two"): {ClientID: "c2", PrincipalID: "p2"}},
		}}
	}
	for _, c := range []struct {
		name, body string
		typ        string
		keys       []string
	}{
		{"absent keeps", `{"tags":{}}`, "SystemAssigned, UserAssigned", []string{id("One"), id("Two")}},
		{"empty adds", `{"identity":{"userAssignedIdentities":{"` + id("Three") + `":{}}}}`, "SystemAssigned, UserAssigned", []string{id("One"), id("Three"), id("Two")}},
		{"known in other casing stays as it was", `{"identity":{"userAssignedIdentities":{"` + lower + `one":{}}}}`, "SystemAssigned, UserAssigned", []string{id("One"), id("Two")}},
		{"null removes, in any casing", `{"identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"` + lower + `two":null}}}`, "SystemAssigned, UserAssigned", []string{id("One")}},
		{"null of an unknown one does nothing", `{"identity":{"userAssignedIdentities":{"` + id("None") + `":null}}}`, "SystemAssigned, UserAssigned", []string{id("One"), id("Two")}},
		{"the type alone removes all", `{"identity":{"type":"SystemAssigned"}}`, "SystemAssigned", nil},
		{"none", `{"identity":{"type":"None"}}`, "None", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := old()
			next, err := resource.FromPatch(before, json.RawMessage(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.keys, next.Identity.Keys()); diff != "" || next.Identity.Type != c.typ {
				t.Errorf("%s %s", next.Identity.Type, diff)
			}
			if diff := cmp.Diff(old().Identity, before.Identity); diff != "" {
				t.Errorf("the stored resource was changed: %s", diff)
			}
			if _, entry := next.Identity.Find(armid.MustParse(lower + "one")); len(c.keys) > 0 && (entry == nil || entry.ClientID != "c1") {
				t.Errorf("lost what was known of an identity: %+v", entry)
			}
		})
	}
}

func TestSetAndMergeTouchNothingElse(t *testing.T) {
	r := &resource.Resource{Properties: json.RawMessage(`{"a":{"b":1.0,"c":2},"big":12345678901234567890,"list":[1,2]}`)}
	for _, step := range []func() error{
		func() error { return r.Set("a.b", "x") },
		func() error { return r.Set("new.deep.er", true) },
		func() error { return r.Set("a.c", nil) },
		func() error { return r.Merge(struct{ List []int }{[]int{3}}) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	want := `{"a":{"b":"x"},"big":12345678901234567890,"list":[3],"new":{"deep":{"er":true}}}`
	if string(r.Properties) != want {
		t.Errorf("%s", r.Properties)
	}
}

// What is read to be changed may be shared with those who only look at it.
func TestPatchLeavesWhatWasReadAlone(t *testing.T) {
	old := &resource.Resource{ID: vm, SKU: json.RawMessage(`{"capacity":1000}`), Plan: json.RawMessage(`{"name":"a"}`), Zones: []string{"1"},
		Tags: map[string]string{"a": "b"}, Properties: json.RawMessage(`{"n":1}`), Extra: map[string]json.RawMessage{"x": json.RawMessage(`[1,2]`)}}
	before, err := old.Store()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := resource.FromPatch(old, json.RawMessage(`{"sku":{"capacity":4},"plan":{},"zones":["2"],"tags":{"a":"c"},"properties":{"n":2},"x":[3]}`)); err != nil {
		t.Fatal(err)
	}
	if after, err := old.Store(); err != nil || string(after) != string(before) {
		t.Errorf("%s became %s, %v", before, after, err)
	}
}

func TestPutCarriesServerStateOver(t *testing.T) {
	old := &resource.Resource{ID: vm, Location: "eastus", Internal: json.RawMessage(`{"x":1}`), ManagedBy: "/owner", Operation: "op", Revision: 3,
		Tags: map[string]string{"old": "1"}, Properties: json.RawMessage(`{"gone":1}`), SystemData: resource.SystemData{CreatedBy: "first"}}
	next, err := resource.FromPut(armid.MustParse(vm.Key()), old, json.RawMessage(`{"ID":"/forged","systemData":{"createdBy":"forged"},"etag":"x","Location":"eastus","properties":{"kept":1,"provisioningState":"Succeeded"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if next.ID != vm || string(next.Internal) != `{"x":1}` || next.SystemData.CreatedBy != "first" || next.Revision != 3 || next.ManagedBy != "/owner" ||
		next.Tags != nil || string(next.Properties) != `{"kept":1}` || len(next.Extra) != 0 {
		t.Errorf("%+v %s", next, next.Properties)
	}
}

func FuzzPut(f *testing.F) {
	f.Add(`{"location":"eastus","properties":{"a":null}}`)
	f.Add(`{"identity":{"type":"UserAssigned","userAssignedIdentities":{"/x":null}},"zones":null,"tags":null,"sku":[]}`)
	f.Fuzz(func(t *testing.T, body string) {
		r, err := resource.FromPut(vm, nil, json.RawMessage(body))
		if err != nil {
			return
		}
		raw, err := r.Store()
		if err != nil {
			t.Fatalf("what was read can't be stored: %v", err)
		}
		back, err := resource.Load(raw, 1)
		if err != nil {
			t.Fatalf("what was stored can't be loaded: %v", err)
		}
		wire, err := back.Wire(resource.WireOptions{})
		if err != nil || !json.Valid(wire) {
			t.Fatalf("what was loaded can't be shown: %v %s", err, wire)
		}
		if _, err := resource.FromPatch(back, json.RawMessage(body)); err != nil {
			t.Fatalf("what can be PUT can't be PATCHed: %v", err)
		}
	})
}

func TestMembersAreOneInAnyCasing(t *testing.T) {
	for _, body := range []string{
		`{"identity":{},"Identity":{}}`, `{"properties":{"a":{"subnet":1,"SUBNET":2}}}`, `{"properties":{"a":1,"a":2}}`, `{"tags":{"A":"1","a":"2"}}`,
		`{"properties":{"list":[{"x":1,"X":1}]}}`, `{"properties":{"subnet":1,"ſubnet":2}}`,
	} {
		if _, err := resource.FromPut(vm, nil, json.RawMessage(body)); err == nil {
			t.Errorf("%s was read", body)
		}
		if _, err := resource.FromPatch(&resource.Resource{ID: vm}, json.RawMessage(body)); err == nil {
			t.Errorf("%s was read as a PATCH", body)
		}
	}
	if _, err := resource.FromPut(vm, nil, json.RawMessage(`{"identity":{"userAssignedIdentities":{"/a":{},"/A":{}}}}`)); err != nil {
		t.Error("the provider can't answer an identity that is named twice: ", err)
	}
	r := &resource.Resource{ID: vm, Properties: json.RawMessage(`{"Subnet":{"ID":"a"}}`)}
	next, err := resource.FromPatch(r, json.RawMessage(`{"properties":{"subnet":{"id":"b"}}}`))
	if err != nil || string(next.Properties) != `{"Subnet":{"ID":"b"}}` {
		t.Errorf("%s %v", next.Properties, err)
	}
}

// An identity as it is stored: what the first GET after a write decodes and encodes.
func BenchmarkShow(b *testing.B) {
	id := armid.MustParse("/subscriptions/6f1c0f39-0f0e-4c2f-8b9e-3b1f5a7d9c11/resourceGroups/bench/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-0000001")
	stored, err := (&resource.Resource{
		ID: id, Location: "eastus", Tags: map[string]string{"made": "by the benchmark"}, ProvisioningState: resource.Succeeded,
		Properties: json.RawMessage(`{"clientId":"0d6a4f4e-4d0b-4d7c-9a55-6a1f0a6a9b10","principalId":"5b0f6a53-4c0d-4f53-b8a2-0c8f1d1f3b1e","tenantId":"7a1f3d5e-9b2c-4e6f-8a1b-2c3d4e5f6a7b"}`),
		SystemData: resource.SystemData{CreatedBy: "2f7d1c3b-5a4e-4f6d-9c8b-7a6f5e4d3c2b", CreatedByType: "Application", CreatedAt: time.Unix(1, 5), LastModifiedAt: time.Unix(1, 5)},
	}).Store()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r, err := resource.Load(stored, 1)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Wire(resource.WireOptions{AlwaysTag: true, HideState: true, NoSystem: true}); err != nil {
			b.Fatal(err)
		}
	}
}

package rbac

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

const (
	sub        = "/subscriptions/00000000-0000-0000-0000-00000000000a"
	nodeGroup  = sub + "/resourceGroups/MC_g_c_westus2"
	scaleSet   = nodeGroup + "/providers/Microsoft.Compute/virtualMachineScaleSets/aks-nodepool1-12345678-vmss"
	identity   = sub + "/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/demo"
	principal  = "11111111-1111-1111-1111-111111111111"
	assignedAt = "/providers/Microsoft.Authorization/roleAssignments/"

	owner             = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	contributor       = "b24988ac-6180-42a0-ab88-20f7382dd24c"
	reader            = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	vmContributor     = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"
	identityOperator  = "f1a07417-d97a-45cb-824c-7a7467783830"
	blobReader        = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
	assignAction      = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
	scaleSetWrite     = "Microsoft.Compute/virtualMachineScaleSets/write"
	assignmentsWrite  = "Microsoft.Authorization/roleAssignments/write"
	blobReadData      = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
	virtualMachineGet = "Microsoft.Compute/virtualMachines/read"
)

func builtinIndex(t testing.TB) *Index {
	t.Helper()
	roles, err := BuiltinRoles()
	if err != nil {
		t.Fatal(err)
	}
	return NewIndex(roles)
}

func assign(n int, scope, role, principalID string) Assignment {
	return Assignment{
		ID:               armid.MustParse(strings.TrimSuffix(scope, "/") + assignedAt + fmt.Sprintf("00000000-0000-0000-0000-%012d", n)),
		Scope:            armid.MustParse(scope),
		RoleDefinitionID: sub + "/providers/Microsoft.Authorization/roleDefinitions/" + role,
		PrincipalID:      principalID,
	}
}

func TestCheck(t *testing.T) {
	tests := []struct {
		name   string
		role   string
		at     string
		action string
		scope  string
		data   bool
		want   bool
	}{
		{"at the scope itself", vmContributor, nodeGroup, "Microsoft.Compute/virtualMachines/read", nodeGroup, false, true},
		{"below the scope", vmContributor, nodeGroup, scaleSetWrite, scaleSet, false, true},
		{"scope in another casing", vmContributor, strings.ToLower(nodeGroup), scaleSetWrite, strings.ToUpper(scaleSet[:20]) + scaleSet[20:], false, true},
		{"not above the scope", vmContributor, scaleSet, virtualMachineGet, nodeGroup, false, false},
		{"not beside the scope", vmContributor, nodeGroup, virtualMachineGet, sub + "/resourceGroups/g", false, false},
		{"not in a group with the scope's name as prefix", vmContributor, nodeGroup, virtualMachineGet, nodeGroup + "2", false, false},
		{"subscription covers groups", reader, sub, virtualMachineGet, scaleSet, false, true},
		{"tenant root covers all", reader, "/", virtualMachineGet, scaleSet, false, true},
		{"operator on the identity assigns it", identityOperator, identity, assignAction, identity, false, true},
		{"operator on a group assigns its identities", identityOperator, sub + "/resourceGroups/g", assignAction, identity, false, true},
		{"operator elsewhere doesn't", identityOperator, nodeGroup, assignAction, identity, false, false},
		{"reader doesn't assign", reader, sub, assignAction, identity, false, false},
		{"contributor assigns identities", contributor, sub, assignAction, identity, false, true},
		{"contributor grants no roles", contributor, sub, assignmentsWrite, nodeGroup, false, false},
		{"contributor reads roles", contributor, sub, "Microsoft.Authorization/roleAssignments/read", nodeGroup, false, true},
		{"owner grants roles", owner, sub, assignmentsWrite, nodeGroup, false, true},
		{"owner reads no blobs", owner, sub, blobReadData, nodeGroup, true, false},
		{"blob reader does", blobReader, sub, blobReadData, nodeGroup, true, true},
		{"a data action is no action", blobReader, sub, blobReadData, nodeGroup, false, false},
		{"a role that doesn't exist", "99999999-0000-0000-0000-000000000000", sub, virtualMachineGet, nodeGroup, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x := builtinIndex(t)
			given := assign(1, tt.at, tt.role, strings.ToUpper(principal))
			x.Put(given)
			got := x.Check([]string{principal}, tt.action, armid.MustParse(tt.scope), tt.data)
			if got.Allowed != tt.want {
				t.Errorf("allowed: got %v, want %v", got.Allowed, tt.want)
			}
			if got.Allowed && (got.Assignment == nil || !got.Assignment.ID.Equal(given.ID) || got.Role == nil) {
				t.Errorf("allowed without naming the assignment and its role: %+v", got)
			}
			if other := x.Check([]string{"22222222-2222-2222-2222-222222222222"}, tt.action, armid.MustParse(tt.scope), tt.data); other.Allowed {
				t.Error("allowed for another principal")
			}
			x.Remove(given.ID)
			if x.Check([]string{principal}, tt.action, armid.MustParse(tt.scope), tt.data).Allowed {
				t.Error("still allowed after the assignment is gone")
			}
			if x.Len() != 0 || len(x.grants) != 0 {
				t.Errorf("left behind: %d assignments, %d principals", x.Len(), len(x.grants))
			}
		})
	}
}

func TestNotActionsOfOneRoleDontLimitAnother(t *testing.T) {
	x := builtinIndex(t)
	x.Put(assign(1, sub, contributor, principal))
	x.Put(assign(2, nodeGroup, owner, principal))
	got := x.Check([]string{principal}, assignmentsWrite, armid.MustParse(nodeGroup), false)
	if !got.Allowed || got.Role.RoleName != "Owner" {
		t.Errorf("got %+v, want it granted by Owner", got)
	}
}

func TestGroupsCount(t *testing.T) {
	x := builtinIndex(t)
	x.Put(assign(1, sub, reader, "33333333-3333-3333-3333-333333333333"))
	got := x.Check([]string{principal, "33333333-3333-3333-3333-333333333333"}, virtualMachineGet, armid.MustParse(nodeGroup), false)
	if !got.Allowed {
		t.Error("an assignment to a group of the caller must count")
	}
}

func TestRolesComeAndGo(t *testing.T) {
	x := NewIndex(nil)
	const custom = "77777777-0000-0000-0000-000000000000"
	check := func(action string) bool {
		return x.Check([]string{principal}, action, armid.MustParse(nodeGroup), false).Allowed
	}
	x.Put(assign(1, sub, strings.ToUpper(custom), principal))
	if check("A.B/c/read") {
		t.Error("granted before the role exists")
	}
	x.SetRole(RoleDefinition{Name: custom, Permissions: []Permission{{Actions: []string{"A.B/c/read"}}}})
	if !check("A.B/c/read") {
		t.Error("refused although the role exists now")
	}
	x.SetRole(RoleDefinition{Name: custom, Permissions: []Permission{{Actions: []string{"A.B/c/write"}}}})
	if check("A.B/c/read") || !check("A.B/c/write") {
		t.Error("the changed role doesn't count")
	}
	x.RemoveRole(custom)
	if check("A.B/c/write") {
		t.Error("granted by a role that is gone")
	}
}

func TestPermissionsOfTheCaller(t *testing.T) {
	x := builtinIndex(t)
	x.Put(assign(1, sub, reader, principal))
	x.Put(assign(2, scaleSet, owner, principal))
	var got []string
	for _, p := range x.Permissions([]string{principal}, armid.MustParse(nodeGroup)) {
		got = append(got, p.Actions...)
	}
	if diff := cmp.Diff([]string{"*/read"}, got); diff != "" {
		t.Errorf("at the group (-want +got):\n%s", diff)
	}
}

func TestTouches(t *testing.T) {
	x := builtinIndex(t)
	x.Put(assign(1, nodeGroup, reader, principal))
	for scope, want := range map[string]bool{
		"/": true, sub: true, nodeGroup: true, scaleSet: true, nodeGroup + "2": false, sub + "b": false,
	} {
		if got := x.Touches([]string{principal}, armid.MustParse(scope)); got != want {
			t.Errorf("%s: got %v, want %v", scope, got, want)
		}
	}
	if x.Touches([]string{"p2"}, armid.MustParse(sub)) {
		t.Error("another principal has nothing here")
	}
}

func TestCheckDoesNotAllocate(t *testing.T) {
	x, scope := crowded(t)
	who := []string{principal}
	if n := testing.AllocsPerRun(100, func() { x.Check(who, scaleSetWrite, scope, false) }); n != 0 {
		t.Errorf("%v allocations per decision, want none", n)
	}
}

// crowded has 4,000 assignments, a subscription's limit.
func crowded(t testing.TB) (*Index, armid.ID) {
	x := builtinIndex(t)
	for i := range 3990 {
		group := fmt.Sprintf("%s/resourceGroups/g%d", sub, i%400)
		x.Put(assign(i, group, reader, fmt.Sprintf("22222222-2222-2222-2222-%012d", i%50)))
	}
	for i := range 9 {
		x.Put(assign(5000+i, fmt.Sprintf("%s/resourceGroups/g%d", sub, i), contributor, principal))
	}
	x.Put(assign(6000, nodeGroup, vmContributor, principal))
	return x, armid.MustParse(scaleSet + "/virtualMachines/0")
}

func BenchmarkCheck(b *testing.B) {
	x, scope := crowded(b)
	who := []string{principal}
	for name, action := range map[string]string{"allowed": scaleSetWrite, "refused": assignmentsWrite} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Check(who, action, scope, false)
			}
		})
	}
}

package rbac

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/rbac/condition"
)

func TestUnfulfilledConditionIsNamed(t *testing.T) {
	for _, text := range []string{"this can't be read", "@Request[nobody:knows] StringEquals 'x'", "ActionMatches{'A/b'}"} {
		x := builtinIndex(t)
		a := assign(1, sub, reader, principal)
		a.Condition = text
		x.Put(a)
		got := x.Check([]string{principal}, virtualMachineGet, armid.MustParse(nodeGroup), false)
		if got.Allowed || got.Unmet == nil || !got.Unmet.ID.Equal(a.ID) {
			t.Errorf("%s: got %+v, want refused for the condition", text, got)
		}
		if got := x.Check([]string{principal}, scaleSetWrite, armid.MustParse(nodeGroup), false); got.Unmet != nil {
			t.Error("the condition isn't why a write is refused to a reader")
		}
	}
}

// TestContainerNameIsTakenFromTheScope is the documentation's first ABAC example.
func TestContainerNameIsTakenFromTheScope(t *testing.T) {
	x := builtinIndex(t)
	a := assign(1, sub, blobReader, principal)
	a.Condition = "((!(ActionMatches{'" + blobReadData + "'} AND NOT SubOperationMatches{'Blob.List'})) OR (@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'blobs-example'))"
	x.Put(a)
	account := nodeGroup + "/providers/Microsoft.Storage/storageAccounts/s/blobServices/default/containers/"
	for name, want := range map[string]bool{"blobs-example": true, "other": false} {
		if got := x.Check([]string{principal}, blobReadData, armid.MustParse(account+name), true); got.Allowed != want {
			t.Errorf("container %s: %+v", name, got)
		}
	}
}

func TestDenyAssignmentWinsOverEveryGrant(t *testing.T) {
	x := builtinIndex(t)
	x.Put(assign(1, "/", owner, principal))
	deny := DenyAssignment{
		ID: armid.MustParse(nodeGroup + "/providers/Microsoft.Authorization/denyAssignments/" + principal), Scope: armid.MustParse(nodeGroup),
		Permissions: []Permission{{Actions: []string{"*"}, NotActions: []string{"*/read"}}}, Principals: []string{Everyone}, ExcludePrincipals: []string{"p2"},
	}
	x.PutDeny(deny)
	x.Put(assign(2, "/", owner, "p2"))
	at := armid.MustParse(scaleSet)
	if got := x.Check([]string{principal}, scaleSetWrite, at, false); got.Allowed || got.Denied == nil || !got.Denied.ID.Equal(deny.ID) {
		t.Errorf("got %+v", got)
	}
	if !x.Check([]string{principal}, virtualMachineGet, at, false).Allowed || !x.Check([]string{"p2"}, scaleSetWrite, at, false).Allowed {
		t.Error("what the deny assignment leaves out must stay allowed")
	}
	deny.OnlyHere = true
	x.PutDeny(deny)
	if !x.Check([]string{principal}, scaleSetWrite, at, false).Allowed || x.Check([]string{principal}, scaleSetWrite, deny.Scope, false).Allowed {
		t.Error("doNotApplyToChildScopes isn't respected")
	}
	x.RemoveDeny(deny.ID)
	if !x.Check([]string{principal}, scaleSetWrite, deny.Scope, false).Allowed {
		t.Error("denied by what is gone")
	}
}

func TestAssignmentPropagates(t *testing.T) {
	x := builtinIndex(t)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	x.SetClock(func() time.Time { return now })
	a := assign(1, sub, reader, principal)
	a.From = now.Add(10 * time.Minute)
	x.Put(a)
	check := func() Decision {
		return x.Check([]string{principal}, virtualMachineGet, armid.MustParse(nodeGroup), false)
	}
	if got := check(); got.Allowed || got.Pending == nil {
		t.Errorf("before: %+v", got)
	}
	now = a.From
	if got := check(); !got.Allowed {
		t.Errorf("after: %+v", got)
	}
}

func TestAdviseNamesTheRoleWithTheLeastRights(t *testing.T) {
	x := builtinIndex(t)
	for action, want := range map[string]string{
		assignAction:     "Managed Identity Operator",
		assignmentsWrite: "Role Based Access Control Administrator",
		"Microsoft.Network/virtualNetworks/subnets/join/action": "Network Contributor",
		"Microsoft.Resources/subscriptions/resourceGroups/read": "Reader",
		"Microsoft.ContainerRegistry/registries/pull/read":      "AcrPull",
		scaleSetWrite: "Virtual Machine Contributor",
	} {
		if got := x.Advise(action, false); got == nil || got.RoleName != want {
			t.Errorf("%s: %v, want %s", action, got, want)
		}
	}
	if got := x.Advise(blobReadData, true); got == nil || got.RoleName != "Storage Blob Data Reader" {
		t.Errorf("%v", got)
	}
	if got := x.Advise("Unheard.Of/x/explode/action", true); got != nil {
		t.Errorf("%v", got)
	}
}

func TestExplainTellsWhatEachAssignmentMeans(t *testing.T) {
	x := builtinIndex(t)
	x.Put(assign(1, sub, reader, principal))
	conditional := assign(2, nodeGroup, vmContributor, principal)
	conditional.Condition = "@Resource[x] StringEquals 'y'"
	x.Put(conditional)
	x.Put(assign(3, scaleSet, "99999999-0000-0000-0000-000000000000", principal))
	x.Put(assign(4, scaleSet, vmContributor, principal))
	x.Put(assign(5, identity, owner, principal))
	var got []string
	for _, c := range x.Explain(Query{Principals: []string{principal}, Action: scaleSetWrite, Scope: armid.MustParse(scaleSet)}) {
		got = append(got, c.Outcome)
	}
	want := []string{"role doesn't have the action", "condition not fulfilled", "role doesn't exist", "grants"}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || got[3] != want[3] {
		t.Errorf("got %q, want %q", got, want)
	}
}

var _ condition.Attributes = scopeAttributes{}

// TestBuiltinRolesAreThoseOfTheirSources is a check of the data: rows were taken
// over from several pages, and a role that is there twice, or whose condition
// nobody can read, would decide by chance.
func TestBuiltinRolesAreThoseOfTheirSources(t *testing.T) {
	roles, err := BuiltinRoles()
	if err != nil {
		t.Fatal(err)
	}
	if len(roles) < 500 {
		t.Errorf("%d built-in roles, want those that the documentation's index lists (498) and more", len(roles))
	}
	seen := map[string]string{}
	for _, r := range roles {
		if _, err := uuid.Parse(r.Name); err != nil || r.Name != strings.ToLower(r.Name) {
			t.Errorf("%s: name %q isn't a GUID in lower case", r.RoleName, r.Name)
		}
		if r.Source == "" || r.Type != BuiltInRole || len(r.AssignableScopes) == 0 || len(r.Permissions) == 0 {
			t.Errorf("%s: incomplete row: %+v", r.RoleName, r)
		}
		for _, key := range []string{r.Name, strings.ToLower(r.RoleName)} {
			if other, twice := seen[key]; twice {
				t.Errorf("%q is there twice: %s and %s", key, other, r.RoleName)
			}
			seen[key] = r.RoleName
		}
		for _, p := range r.Permissions {
			if p.Condition == nil {
				continue
			}
			if _, err := condition.Parse(*p.Condition); err != nil {
				t.Errorf("%s: condition: %v", r.RoleName, err)
			}
		}
	}
}

package rbac

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/rbac/condition"
	"pgregory.net/rapid"
)

// oracle is RBAC written down as plainly as possible: every deny assignment, every
// assignment, every level, regular expressions.
type oracle struct {
	roles  []RoleDefinition
	live   map[int]Assignment
	denies map[int]DenyAssignment
	tag    []string // the one attribute that conditions know
}

// oracleConditions are conditions and what they mean, said by hand.
func oracleConditions() map[string]func(o oracle, action string) condition.Result {
	truth := func(b bool) condition.Result {
		if b {
			return condition.True
		}
		return condition.False
	}
	return map[string]func(oracle, string) condition.Result{
		"":   func(oracle, string) condition.Result { return condition.True },
		"@x": func(oracle, string) condition.Result { return condition.Unknown },
		"ActionMatches{'A/*'}": func(_ oracle, action string) condition.Result {
			return truth(naivePattern("A/*").MatchString(strings.ToLower(action)))
		},
		"!(ActionMatches{'*/read'}) OR @Resource[tag] StringEquals 'red'": func(o oracle, action string) condition.Result {
			return truth(!naivePattern("*/read").MatchString(strings.ToLower(action)) || slices.Contains(o.tag, "red"))
		},
		"@Resource[tag] StringNotEquals 'red'": func(o oracle, _ string) condition.Result {
			return truth(len(o.tag) == 1 && o.tag[0] != "red")
		},
		"!(@Resource[unheard] StringEquals 'red')": func(oracle, string) condition.Result { return condition.Unknown },
	}
}

func (o oracle) Attribute(_ condition.Source, name string) ([]string, bool) {
	return o.tag, name == "tag"
}

func (o oracle) decide(who []string, action string, scope armid.ID, data bool) bool {
	named := func(list []string) bool {
		return slices.ContainsFunc(who, func(w string) bool {
			return slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(l, w) })
		})
	}
	for _, d := range o.denies {
		if !scope.Under(d.Scope) || d.OnlyHere && !scope.Equal(d.Scope) || named(d.ExcludePrincipals) ||
			!named(d.Principals) && !slices.Contains(d.Principals, Everyone) {
			continue
		}
		if oracleConditions()[d.Condition](o, action) != condition.False && slices.ContainsFunc(d.Permissions, func(p Permission) bool { return o.has(p, action, data) }) {
			return false
		}
	}
	for _, a := range o.live {
		if !named([]string{a.PrincipalID}) || !scope.Under(a.Scope) || oracleConditions()[a.Condition](o, action) != condition.True {
			continue
		}
		for _, r := range o.roles {
			if strings.EqualFold("/x/"+r.Name, a.RoleDefinitionID) && slices.ContainsFunc(r.Permissions, func(p Permission) bool {
				return o.has(p, action, data) && (p.Condition == nil || oracleConditions()[*p.Condition](o, action) == condition.True)
			}) {
				return true
			}
		}
	}
	return false
}

func (o oracle) has(p Permission, action string, data bool) bool {
	yes, no := p.Actions, p.NotActions
	if data {
		yes, no = p.DataActions, p.NotDataActions
	}
	covers := func(pattern string) bool { return naivePattern(pattern).MatchString(strings.ToLower(action)) }
	return slices.ContainsFunc(yes, covers) && !slices.ContainsFunc(no, covers)
}

// TestIndexAgainstOracle compares decisions over all scopes, wildcards, notActions,
// data actions, conditions and deny assignments, while assignments come and go.
func TestIndexAgainstOracle(t *testing.T) {
	scopes := []string{
		"/", sub, sub + "b", nodeGroup, nodeGroup + "x", strings.ToLower(nodeGroup), scaleSet, scaleSet + "/virtualMachines/0",
		scaleSet + "/virtualMachines/0" + assignedAt + principal, identity, "/providers/Microsoft.Management/managementGroups/m",
	}
	patterns := []string{"*", "*/read", "A/*", "A/b/*", "A/b/read", "a/B/*/read", "A/b/*/c/action", "A/*/write", "*/action", "A/b/c/action", "B/*"}
	actions := []string{"A/b/read", "a/b/WRITE", "A/b/c/action", "A/b/x/c/action", "A/bx/read", "B/y/read", "A/b/x/y/read", "B/c/action"}
	principals := []string{"p1", "p2", "P1", "p3"}
	var conditions []string
	for text := range oracleConditions() {
		conditions = append(conditions, text)
	}
	slices.Sort(conditions)

	rapid.Check(t, func(t *rapid.T) {
		sample := func(from []string, label string) string { return rapid.SampledFrom(from).Draw(t, label) }
		list := func(name string, most int) []string {
			return rapid.SliceOfN(rapid.SampledFrom(patterns), 0, most).Draw(t, name)
		}
		block := func() Permission {
			return Permission{
				Actions: list("actions", 3), NotActions: list("notActions", 2), DataActions: list("dataActions", 2), NotDataActions: list("notDataActions", 1),
			}
		}
		guarded := func(label string) string {
			if rapid.IntRange(0, 2).Draw(t, "conditional") > 0 {
				return ""
			}
			return sample(conditions, label)
		}
		o := oracle{live: map[int]Assignment{}, denies: map[int]DenyAssignment{}, tag: rapid.SampledFrom([][]string{{}, {"red"}, {"blue"}}).Draw(t, "tag")}
		for i := range rapid.IntRange(1, 4).Draw(t, "roles") {
			def := RoleDefinition{Name: fmt.Sprintf("R%d", i)}
			for range rapid.IntRange(1, 2).Draw(t, "blocks") {
				p := block()
				if text := guarded("role condition"); text != "" {
					p.Condition = &text
				}
				def.Permissions = append(def.Permissions, p)
			}
			o.roles = append(o.roles, def)
		}
		x := NewIndex(o.roles)
		for range rapid.IntRange(0, 14).Draw(t, "changes") {
			n := rapid.IntRange(0, 5).Draw(t, "assignment")
			id := armid.MustParse(sub + assignedAt + fmt.Sprint(n))
			remove := rapid.IntRange(0, 3).Draw(t, "remove") == 0
			if rapid.IntRange(0, 4).Draw(t, "deny") == 0 {
				if delete(o.denies, n); remove {
					x.RemoveDeny(id)
					continue
				}
				o.denies[n] = DenyAssignment{
					ID: id, Scope: armid.MustParse(sample(scopes, "deny at")), Permissions: []Permission{block()},
					Principals:        []string{sample(append(principals, Everyone), "denied")},
					ExcludePrincipals: rapid.SliceOfN(rapid.SampledFrom(principals), 0, 1).Draw(t, "excluded"),
					OnlyHere:          rapid.Bool().Draw(t, "only here"), Condition: guarded("deny condition"),
				}
				x.PutDeny(o.denies[n])
				continue
			}
			if delete(o.live, n); remove {
				x.Remove(id)
				continue
			}
			o.live[n] = Assignment{
				ID: id, Scope: armid.MustParse(sample(scopes, "at")), RoleDefinitionID: fmt.Sprintf("/x/r%d", rapid.IntRange(0, 4).Draw(t, "role")),
				PrincipalID: sample(principals, "principal"), Condition: guarded("condition"),
			}
			x.Put(o.live[n])
		}
		for range 12 {
			q := Query{
				Principals: rapid.SliceOfN(rapid.SampledFrom(principals), 0, 2).Draw(t, "who"), Action: sample(actions, "action"),
				Scope: armid.MustParse(sample(scopes, "scope")), Data: rapid.Bool().Draw(t, "data"), Attributes: o,
			}
			if got, want := x.Decide(q), o.decide(q.Principals, q.Action, q.Scope, q.Data); got.Allowed != want {
				t.Fatalf("%v doing %s at %s (data %v): got %+v, want %v", q.Principals, q.Action, q.Scope, q.Data, got, want)
			}
		}
	})
}

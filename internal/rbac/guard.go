package rbac

import (
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/rbac/condition"
)

// guard is the condition of an assignment or of a role's block. A nil guard lets
// everything through; one whose condition can't be read lets nothing through.
type guard struct {
	condition *condition.Condition
}

func newGuard(text string) *guard {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	parsed, err := condition.Parse(text)
	if err != nil {
		return &guard{}
	}
	return &guard{condition: parsed}
}

// result evaluates the guard's condition.
func (g *guard) result(q *Query) condition.Result {
	switch {
	case g == nil:
		return condition.True
	case g.condition == nil:
		return condition.Unknown
	}
	return g.condition.Evaluate(condition.Subject{
		Action: q.Action, SubOperation: q.SubOperation, Matches: matchesText,
		Attributes: scopeAttributes{scope: q.Scope, more: q.Attributes},
	})
}

func (g *guard) fulfilled(q *Query) bool { return g == nil || g.result(q) == condition.True }

// applies is fulfilled for what forbids: a condition that can't be decided doesn't
// lift a prohibition.
func (g *guard) applies(q *Query) bool { return g == nil || g.result(q) != condition.False }

func matchesText(text, action string) bool {
	p := compilePattern(text)
	return p.match([]byte(action))
}

// scopeAttributes adds what the scope itself tells: the names of the resources on
// the way to it, such as "Microsoft.Storage/storageAccounts:name" and
// "Microsoft.Storage/storageAccounts/blobServices/containers:name".
type scopeAttributes struct {
	scope armid.ID
	more  condition.Attributes
}

func (a scopeAttributes) Attribute(source condition.Source, name string) ([]string, bool) {
	if a.more != nil {
		if values, known := a.more.Attribute(source, name); known {
			return values, true
		}
	}
	typ, isName := strings.CutSuffix(strings.ToLower(name), ":name")
	if source != condition.Resource || !isName {
		return nil, false
	}
	for at := range a.scope.Scopes() {
		if at.Is(typ) {
			return []string{at.Name()}, true
		}
	}
	return nil, false
}

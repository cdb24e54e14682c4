package rbac

import (
	"strings"

	"github.com/lanyard-project/lanyard/internal/rbac/condition"
)

// AttributeSet are attributes for conditions: by source, by lower-case name. An
// attribute with an empty list is known not to exist.
type AttributeSet map[condition.Source]map[string][]string

// Attribute implements condition.Attributes.
func (a AttributeSet) Attribute(source condition.Source, name string) ([]string, bool) {
	values, known := a[source][strings.ToLower(name)]
	return values, known
}

// Set makes an attribute known; no values mean that it doesn't exist.
func (a AttributeSet) Set(source condition.Source, name string, values ...string) {
	if a[source] == nil {
		a[source] = map[string][]string{}
	}
	a[source][strings.ToLower(name)] = values
}

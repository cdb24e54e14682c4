package condition

import "strings"

// Result is True, False or Unknown.
type Result int

// The results. Only True fulfils a condition.
const (
	Unknown Result = iota
	False
	True
)

func of(b bool) Result {
	if b {
		return True
	}
	return False
}

// Source says whose attribute it is.
type Source string

// The sources of attributes.
const (
	Resource    Source = "Resource"
	Request     Source = "Request"
	Principal   Source = "Principal"
	Environment Source = "Environment"
)

// Attributes gives values to the names in a condition. Names are compared in any
// casing. known is false for a name that the asking service doesn't have; a known
// attribute without values doesn't exist on this resource or request.
type Attributes interface {
	Attribute(source Source, name string) (values []string, known bool)
}

// Subject is what a condition is evaluated about.
type Subject struct {
	Action string
	// SubOperation distinguishes reads of blobs by tag and the like; may be empty.
	SubOperation string
	// Attributes may be nil: every attribute is unknown then.
	Attributes Attributes
	// Matches decides whether a lower-case pattern of ActionMatches covers the action.
	Matches func(pattern, action string) bool
}

// Evaluate decides a condition.
func (c *Condition) Evaluate(s Subject) Result {
	return c.root.evaluate(&s)
}

type node interface{ evaluate(s *Subject) Result }

type (
	anyOf    []node
	negation struct{ node }
	allOf    []node
	exists   struct{ name }
	name     struct {
		source Source
		text   string
	}
	operation struct {
		sub      bool
		patterns []string
	}
	operand struct {
		attribute *name
		values    []string
	}
	comparison struct {
		left, right operand
		some        bool // one value of the left side suffices
		each        bool // every value of the right side must hold
		holds       operator
	}
)

func (n anyOf) evaluate(s *Subject) Result {
	out := False
	for _, each := range n {
		switch each.evaluate(s) {
		case True:
			return True
		case Unknown:
			out = Unknown
		case False:
		}
	}
	return out
}

func (n allOf) evaluate(s *Subject) Result {
	out := True
	for _, each := range n {
		switch each.evaluate(s) {
		case False:
			return False
		case Unknown:
			out = Unknown
		case True:
		}
	}
	return out
}

func (n negation) evaluate(s *Subject) Result {
	switch n.node.evaluate(s) {
	case True:
		return False
	case False:
		return True
	default:
		return Unknown
	}
}

func (n exists) evaluate(s *Subject) Result {
	values, known := n.values(s)
	if !known {
		return Unknown
	}
	return of(len(values) > 0)
}

func (n name) values(s *Subject) ([]string, bool) {
	if s.Attributes == nil {
		return nil, false
	}
	return s.Attributes.Attribute(n.source, n.text)
}

func (n operation) evaluate(s *Subject) Result {
	if n.sub {
		for _, p := range n.patterns {
			if strings.EqualFold(p, s.SubOperation) {
				return True
			}
		}
		return False
	}
	action := strings.ToLower(s.Action)
	for _, p := range n.patterns {
		if s.Matches(p, action) {
			return True
		}
	}
	return False
}

func (o operand) resolve(s *Subject) ([]string, bool) {
	if o.attribute == nil {
		return o.values, true
	}
	return o.attribute.values(s)
}

// evaluate compares each value with each. An attribute that doesn't exist makes
// every comparison false, "not equals" as well.
func (n comparison) evaluate(s *Subject) Result {
	left, known := n.left.resolve(s)
	if !known {
		return Unknown
	}
	right, known := n.right.resolve(s)
	if !known {
		return Unknown
	}
	if len(left) == 0 || len(right) == 0 {
		return False
	}
	for _, l := range left {
		if n.one(l, right) == n.some {
			return of(n.some)
		}
	}
	return of(!n.some)
}

// one compares one value of the left side.
func (n comparison) one(left string, right []string) bool {
	for _, r := range right {
		if n.holds(left, r) != n.each {
			return !n.each
		}
	}
	return n.each
}

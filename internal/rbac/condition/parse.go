package condition

import (
	"fmt"
	"slices"
	"strings"
)

// Condition is a condition ready to be evaluated.
type Condition struct {
	text string
	root node
}

// String returns the condition as it was written.
func (c *Condition) String() string { return c.text }

// maxDepth bounds nesting, so that no condition exhausts the stack.
const maxDepth = 64

// Parse reads a condition of version 2.0.
func Parse(s string) (*Condition, error) {
	tokens, err := lex(s)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if t := p.tokens[0]; t.kind != end {
		return nil, &SyntaxError{At: t.at, Reason: fmt.Sprintf("unexpected %q", t.text)}
	}
	return &Condition{text: s, root: root}, nil
}

type parser struct {
	tokens []token
	depth  int
}

func (p *parser) take() token {
	t := p.tokens[0]
	if t.kind != end {
		p.tokens = p.tokens[1:]
	}
	return t
}

// is takes the next token if it is one of the words or marks.
func (p *parser) is(options ...string) bool {
	t := p.tokens[0]
	if t.kind != mark && t.kind != word || !slices.ContainsFunc(options, func(o string) bool { return strings.EqualFold(o, t.text) }) {
		return false
	}
	p.take()
	return true
}

func (p *parser) want(what string) error {
	if t := p.tokens[0]; !p.is(what) {
		return &SyntaxError{At: t.at, Reason: "expected " + what}
	}
	return nil
}

func (p *parser) or() (node, error) {
	return p.chain(p.and, func(n []node) node { return anyOf(n) }, "or", "||")
}

func (p *parser) and() (node, error) {
	return p.chain(p.not, func(n []node) node { return allOf(n) }, "and", "&&")
}

// chain reads operands that one operator joins.
func (p *parser) chain(operand func() (node, error), join func([]node) node, operators ...string) (node, error) {
	first, err := operand()
	if err != nil {
		return nil, err
	}
	nodes := []node{first}
	for p.is(operators...) {
		next, err := operand()
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, next)
	}
	if len(nodes) == 1 {
		return first, nil
	}
	return join(nodes), nil
}

func (p *parser) not() (node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, &SyntaxError{At: p.tokens[0].at, Reason: fmt.Sprintf("it is nested deeper than %d levels", maxDepth)}
	}
	if p.is("!", "not") {
		of, err := p.not()
		return negation{of}, err
	}
	return p.primary()
}

func (p *parser) primary() (node, error) {
	switch t := p.tokens[0]; {
	case p.is("("):
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		return inner, p.want(")")
	case p.is("ActionMatches"), p.is("SubOperationMatches"):
		patterns, err := p.set()
		if err != nil {
			return nil, err
		}
		return operation{sub: strings.EqualFold(t.text, "SubOperationMatches"), patterns: lowered(patterns)}, nil
	case p.is("Exists"), p.is("NotExists"):
		a, err := p.attribute()
		if strings.EqualFold(t.text, "NotExists") {
			return negation{exists{a}}, err
		}
		return exists{a}, err
	}
	return p.comparison()
}

func (p *parser) attribute() (name, error) {
	t := p.take()
	if t.kind != attribute {
		return name{}, &SyntaxError{At: t.at, Reason: "expected an attribute such as @Resource[name]"}
	}
	source, rest, _ := strings.Cut(t.text[1:], "[")
	for _, known := range []Source{Resource, Request, Principal, Environment} {
		if strings.EqualFold(source, string(known)) {
			return name{known, strings.TrimSuffix(rest, "]")}, nil
		}
	}
	return name{}, &SyntaxError{At: t.at, Reason: fmt.Sprintf("%q is no source of attributes: it is Resource, Request, Principal or Environment", source)}
}

// comparison is an operand, an operator and an operand.
func (p *parser) comparison() (node, error) {
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	t := p.take()
	if t.kind != word {
		return nil, &SyntaxError{At: t.at, Reason: "expected an operator such as StringEquals"}
	}
	quantifier, operator := "", t.text
	if before, after, ok := strings.Cut(t.text, ":"); ok {
		quantifier, operator = before, after
	}
	c := comparison{left: left}
	if c.some, c.each, err = quantifiers(quantifier, t.at); err != nil {
		return nil, err
	}
	if c.holds = operatorNamed(operator); c.holds == nil {
		return nil, &SyntaxError{At: t.at, Reason: fmt.Sprintf("%q is no operator that is supported", operator)}
	}
	c.right, err = p.operand()
	return c, err
}

// quantifiers says for how many values of the left and of the right side the
// comparison must hold: any, or each.
func quantifiers(text string, at int) (some, each bool, err error) {
	switch strings.ToLower(text) {
	case "", "foranyofanyvalues":
		return true, false, nil
	case "forallofanyvalues":
		return false, false, nil
	case "foranyofallvalues":
		return true, true, nil
	case "forallofallvalues":
		return false, true, nil
	}
	return false, false, &SyntaxError{At: at, Reason: fmt.Sprintf("%q is no quantifier: it is ForAnyOfAnyValues, ForAllOfAnyValues, ForAnyOfAllValues or ForAllOfAllValues", text)}
}

func (p *parser) operand() (operand, error) {
	switch t := p.tokens[0]; {
	case t.kind == attribute:
		a, err := p.attribute()
		return operand{attribute: &a}, err
	case t.kind == text || t.kind == word:
		return operand{values: []string{p.take().text}}, nil
	case t.kind == mark && t.text == "{":
		values, err := p.set()
		return operand{values: values}, err
	default:
		return operand{}, &SyntaxError{At: t.at, Reason: "expected an attribute or a value"}
	}
}

// set reads {'a', b}.
func (p *parser) set() ([]string, error) {
	if err := p.want("{"); err != nil {
		return nil, err
	}
	var out []string
	for {
		t := p.take()
		if t.kind != text && t.kind != word {
			return nil, &SyntaxError{At: t.at, Reason: "expected a value"}
		}
		out = append(out, t.text)
		if !p.is(",") {
			return out, p.want("}")
		}
	}
}

func lowered(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = strings.ToLower(t)
	}
	return out
}

package expression

import (
	"fmt"
	"strconv"
	"strings"
)

// Expression is an expression ready to be evaluated.
type Expression struct{ root node }

// Is reports whether a text of a template is an expression, and not a text that
// stands for itself.
func Is(s string) bool {
	return strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") && !strings.HasPrefix(s, "[[")
}

// maxDepth bounds nesting, so that no expression exhausts the stack.
const maxDepth = 100

// Parse reads an expression with its brackets.
func Parse(s string) (*Expression, error) {
	if !Is(s) {
		return nil, &SyntaxError{Reason: "an expression stands in brackets"}
	}
	tokens, err := lex(s[1 : len(s)-1])
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	root, err := p.expression()
	if err != nil {
		return nil, err
	}
	if t := p.tokens[0]; t.kind != end {
		return nil, &SyntaxError{At: t.at, Reason: fmt.Sprintf("unexpected %q", t.text)}
	}
	return &Expression{root}, nil
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

func (p *parser) is(mark string) bool {
	if t := p.tokens[0]; t.kind != punctuation || t.text != mark {
		return false
	}
	p.take()
	return true
}

func (p *parser) expression() (node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, &SyntaxError{At: p.tokens[0].at, Reason: fmt.Sprintf("it is nested deeper than %d levels", maxDepth)}
	}
	n, err := p.primary()
	for err == nil {
		safe := p.is(".?")
		switch {
		case safe || p.is("."):
			t := p.take()
			if t.kind != identifier {
				return nil, &SyntaxError{At: t.at, Reason: "expected the name of a property"}
			}
			n = member{of: n, name: literal{t.text}, safe: safe}
		case p.is("["):
			var index node
			if index, err = p.expression(); err != nil {
				return nil, err
			}
			if !p.is("]") {
				return nil, &SyntaxError{At: p.tokens[0].at, Reason: "expected ]"}
			}
			n = member{of: n, name: index}
		default:
			return n, nil
		}
	}
	return n, err
}

func (p *parser) primary() (node, error) {
	switch t := p.take(); t.kind {
	case text:
		return literal{t.text}, nil
	case number:
		n, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			return nil, &SyntaxError{At: t.at, Reason: fmt.Sprintf("%q is no integer", t.text)}
		}
		return literal{n}, nil
	case identifier:
		if !p.is("(") {
			return nil, &SyntaxError{At: t.at, Reason: fmt.Sprintf("expected ( after %s: texts stand in single quotes", t.text)}
		}
		arguments, err := p.arguments()
		return call{name: t.text, arguments: arguments}, err
	default:
		return nil, &SyntaxError{At: t.at, Reason: "expected a function or a value"}
	}
}

func (p *parser) arguments() ([]node, error) {
	if p.is(")") {
		return nil, nil
	}
	var out []node
	for {
		n, err := p.expression()
		if err != nil {
			return nil, err
		}
		out = append(out, n)
		switch {
		case p.is(")"):
			return out, nil
		case !p.is(","):
			return nil, &SyntaxError{At: p.tokens[0].at, Reason: "expected , or )"}
		}
	}
}

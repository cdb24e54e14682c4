package graph

import (
	"slices"
	"strings"
)

// These bound what a request may make the parser, and each comparison after it, do.
const (
	maxFilter  = 16 << 10
	maxDepth   = 16
	maxClauses = 15 // Graph's own limit
)

// operator is what a node of a filter does.
type operator int

const (
	opAnd operator = iota
	opOr
	opEqual      // property eq 'value', in any casing, as Graph compares
	opStartsWith // startswith(property,'value')
	opAnyEqual   // property/any(x:x eq 'value')
)

// filter is a parsed $filter.
type filter struct {
	op          operator
	left, right *filter // of opAnd and opOr
	property    string
	value       string
}

// parseFilter reads the part of OData's grammar that directory look-ups use:
// eq, in, startswith, any(x:x eq …), and, or, brackets.
func parseFilter(text string) (*filter, *Error) {
	if len(text) > maxFilter {
		return nil, unsupported("The filter is longer than %d characters.", maxFilter)
	}
	words, ok := lex(text)
	if !ok {
		return nil, unsupported("Invalid filter clause: '%s'.", text)
	}
	clauses := 0
	for _, w := range words {
		if w.quoted {
			clauses++
		}
	}
	if clauses > maxClauses {
		return nil, unsupported("Too many child clauses specified in the filter: %d, the limit is %d.", clauses, maxClauses)
	}
	p := &parser{words: words}
	parsed, ok := p.alternatives(0)
	if !ok || p.at != len(p.words) {
		return nil, unsupported("Unsupported filter clause: '%s'.", text)
	}
	return parsed, nil
}

// word is a name, a mark or a quoted text.
type word struct {
	text   string
	quoted bool
}

func lex(text string) ([]word, bool) {
	var words []word
	for text = strings.TrimLeft(text, " "); text != ""; text = strings.TrimLeft(text, " ") {
		switch c := text[0]; {
		case c == '\'':
			value, rest, ok := quoted(text[1:])
			if !ok {
				return nil, false
			}
			words, text = append(words, word{value, true}), rest
		case strings.IndexByte("(),:/", c) >= 0:
			words, text = append(words, word{text: text[:1]}), text[1:]
		default:
			end := strings.IndexFunc(text, func(r rune) bool { return !isNameRune(r) })
			if end < 0 {
				end = len(text)
			}
			if end == 0 {
				return nil, false
			}
			words, text = append(words, word{text: text[:end]}), text[end:]
		}
	}
	return words, true
}

func isNameRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '@' || r == '.' || r == '-'
}

// quoted reads up to the closing quote; two of them stand for one in the text.
func quoted(text string) (value, rest string, ok bool) {
	var b strings.Builder
	for {
		head, tail, found := strings.Cut(text, "'")
		if !found {
			return "", "", false
		}
		b.WriteString(head)
		if !strings.HasPrefix(tail, "'") {
			return b.String(), tail, true
		}
		b.WriteByte('\'')
		text = tail[1:]
	}
}

type parser struct {
	words []word
	at    int
}

// take steps over a mark or keyword, if it is the next word.
func (p *parser) take(text string) bool {
	if p.at < len(p.words) && !p.words[p.at].quoted && strings.EqualFold(p.words[p.at].text, text) {
		p.at++
		return true
	}
	return false
}

func (p *parser) takeAll(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool { return !p.take(text) })
}

func (p *parser) next(quoted bool) (string, bool) {
	if p.at == len(p.words) || p.words[p.at].quoted != quoted {
		return "", false
	}
	text := p.words[p.at].text
	if !quoted && !isNameRune(rune(text[0])) {
		return "", false
	}
	p.at++
	return text, true
}

func (p *parser) alternatives(depth int) (*filter, bool) {
	return p.chain(opOr, "or", depth, p.conjunction)
}

func (p *parser) conjunction(depth int) (*filter, bool) {
	return p.chain(opAnd, "and", depth, p.condition)
}

func (p *parser) chain(op operator, keyword string, depth int, operand func(int) (*filter, bool)) (*filter, bool) {
	left, ok := operand(depth)
	for ok && p.take(keyword) {
		var right *filter
		if right, ok = operand(depth); ok {
			left = &filter{op: op, left: left, right: right}
		}
	}
	return left, ok
}

func (p *parser) condition(depth int) (*filter, bool) {
	if p.take("(") {
		if depth == maxDepth {
			return nil, false
		}
		inner, ok := p.alternatives(depth + 1)
		return inner, ok && p.take(")")
	}
	name, ok := p.next(false)
	switch {
	case !ok:
		return nil, false
	case p.take("("):
		return p.startsWith(name)
	case p.take("/"):
		return p.any(name)
	case p.take("in"):
		return p.in(name)
	case p.take("eq"):
		value, ok := p.next(true)
		return &filter{op: opEqual, property: name, value: value}, ok
	}
	return nil, false
}

func (p *parser) startsWith(function string) (*filter, bool) {
	if !strings.EqualFold(function, "startswith") {
		return nil, false
	}
	property, ok := p.next(false)
	if !ok || !p.take(",") {
		return nil, false
	}
	value, ok := p.next(true)
	return &filter{op: opStartsWith, property: property, value: value}, ok && p.take(")")
}

func (p *parser) any(property string) (*filter, bool) {
	if !p.takeAll("any", "(") {
		return nil, false
	}
	variable, ok := p.next(false)
	if !ok || !p.takeAll(":", variable, "eq") {
		return nil, false
	}
	value, ok := p.next(true)
	return &filter{op: opAnyEqual, property: property, value: value}, ok && p.take(")")
}

// in is a row of alternatives.
func (p *parser) in(property string) (*filter, bool) {
	if !p.take("(") {
		return nil, false
	}
	var all *filter
	for {
		value, ok := p.next(true)
		if !ok {
			return nil, false
		}
		one := &filter{op: opEqual, property: property, value: value}
		if all == nil {
			all = one
		} else {
			all = &filter{op: opOr, left: all, right: one}
		}
		if p.take(")") {
			return all, true
		}
		if !p.take(",") {
			return nil, false
		}
	}
}

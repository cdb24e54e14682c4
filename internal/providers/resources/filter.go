package resources

import (
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// A filter decides whether a list shows a resource.
type filter func(*resource.Resource) bool

// parseFilter reads the OData subset of ARM's lists: comparisons with eq and ne,
// substringof and startswith, joined by "and" and "or" ("and" binds closer).
func parseFilter(text string) (filter, error) {
	if strings.TrimSpace(text) == "" {
		return func(*resource.Resource) bool { return true }, nil
	}
	tokens, ok := tokenize(text)
	if !ok {
		return nil, rest.InvalidFilter(text)
	}
	p := filterParser{tokens: tokens}
	f, ok := p.alternatives()
	if !ok || len(p.tokens) > 0 {
		return nil, rest.InvalidFilter(text)
	}
	return f, nil
}

// token is a word, a punctuation mark, or a quoted text.
type token struct {
	text   string
	quoted bool
}

func tokenize(text string) ([]token, bool) {
	var out []token
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimLeft(text, " \t") {
		switch c := text[0]; c {
		case '(', ')', ',':
			out = append(out, token{text: text[:1]})
			text = text[1:]
		case '\'':
			value, rest, ok := quoted(text[1:])
			if !ok {
				return nil, false
			}
			out = append(out, token{text: value, quoted: true})
			text = rest
		default:
			end := strings.IndexAny(text, " \t(),'")
			if end < 0 {
				end = len(text)
			}
			out = append(out, token{text: text[:end]})
			text = text[end:]
		}
	}
	return out, true
}

// quoted reads up to the closing quote; two quotes stand for one.
func quoted(text string) (string, string, bool) {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(text, "'")
		if !ok {
			return "", "", false
		}
		b.WriteString(before)
		if !strings.HasPrefix(after, "'") {
			return b.String(), after, true
		}
		b.WriteByte('\'')
		text = after[1:]
	}
}

type filterParser struct {
	tokens []token
	// tag is the name that an earlier "tagName eq" asked for: a tagValue that follows
	// is that tag's.
	tag string
}

func (p *filterParser) word(want string) bool {
	if len(p.tokens) == 0 || p.tokens[0].quoted || !strings.EqualFold(p.tokens[0].text, want) {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *filterParser) next(quoted bool) (string, bool) {
	if len(p.tokens) == 0 || p.tokens[0].quoted != quoted {
		return "", false
	}
	text := p.tokens[0].text
	p.tokens = p.tokens[1:]
	return text, true
}

func (p *filterParser) alternatives() (filter, bool) {
	left, ok := p.conjunction()
	for ok && p.word("or") {
		var right filter
		a := left
		if right, ok = p.conjunction(); ok {
			left = func(r *resource.Resource) bool { return a(r) || right(r) }
		}
	}
	return left, ok
}

func (p *filterParser) conjunction() (filter, bool) {
	left, ok := p.condition()
	for ok && p.word("and") {
		var right filter
		a := left
		if right, ok = p.condition(); ok {
			left = func(r *resource.Resource) bool { return a(r) && right(r) }
		}
	}
	return left, ok
}

func (p *filterParser) condition() (filter, bool) {
	switch {
	case p.word("("):
		f, ok := p.alternatives()
		return f, ok && p.word(")")
	case p.word("substringof"):
		return p.function(true, func(value, part string) bool { return strings.Contains(value, part) })
	case p.word("startswith"):
		return p.function(false, strings.HasPrefix)
	}
	name, ok := p.next(false)
	if !ok {
		return nil, false
	}
	equal := p.word("eq")
	if !equal && !p.word("ne") {
		return nil, false
	}
	value, ok := p.next(true)
	if !ok {
		return nil, false
	}
	read, ok := field(name)
	switch tag := p.tag; {
	case strings.EqualFold(name, "tagName") && equal:
		p.tag = value
	case strings.EqualFold(name, "tagValue") && tag != "":
		read = func(r *resource.Resource) []string { return tagValues(r, tag) }
	}
	return func(r *resource.Resource) bool {
		for _, v := range read(r) {
			if strings.EqualFold(v, value) {
				return equal
			}
		}
		return !equal
	}, ok
}

// function reads the arguments of substringof('part', name) or startswith(name, 'part').
func (p *filterParser) function(partFirst bool, match func(value, part string) bool) (filter, bool) {
	if !p.word("(") {
		return nil, false
	}
	first, ok := p.next(partFirst)
	if !ok || !p.word(",") {
		return nil, false
	}
	second, ok := p.next(!partFirst)
	if !ok || !p.word(")") {
		return nil, false
	}
	name, part := first, second
	if partFirst {
		name, part = second, first
	}
	read, ok := field(name)
	part = strings.ToLower(part)
	return func(r *resource.Resource) bool {
		for _, v := range read(r) {
			if match(strings.ToLower(v), part) {
				return true
			}
		}
		return false
	}, ok
}

// field returns how a name is read from a resource; a tag filter has many values.
func field(name string) (func(*resource.Resource) []string, bool) {
	one := func(read func(*resource.Resource) string) (func(*resource.Resource) []string, bool) {
		return func(r *resource.Resource) []string { return []string{read(r)} }, true
	}
	switch strings.ToLower(name) {
	case "resourcetype":
		return one(func(r *resource.Resource) string { return r.ID.Type() })
	case "name":
		return one(func(r *resource.Resource) string { return r.ID.Name() })
	case "resourcegroup":
		return one(func(r *resource.Resource) string { return r.ID.ResourceGroup() })
	case "location":
		return one(func(r *resource.Resource) string { return r.Location })
	case "managedby":
		return one(func(r *resource.Resource) string { return r.ManagedBy })
	case "tagname":
		return func(r *resource.Resource) []string {
			var names []string
			for name := range r.Tags {
				names = append(names, name)
			}
			return names
		}, true
	case "tagvalue":
		return func(r *resource.Resource) []string { return tagValues(r, "") }, true
	}
	return nil, false
}

// tagValues returns the values of the tags of that name, or of all.
func tagValues(r *resource.Resource, name string) []string {
	var values []string
	for tag, value := range r.Tags {
		if name == "" || strings.EqualFold(tag, name) {
			values = append(values, value)
		}
	}
	return values
}

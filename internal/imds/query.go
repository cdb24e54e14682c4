package imds

import (
	"net/url"
	"strings"
)

// SelectorKind says by what a request names an identity.
type SelectorKind int

// The kinds. The zero value is a request that names none.
const (
	SelectNone SelectorKind = iota
	SelectClientID
	SelectObjectID
	SelectResourceID
)

// Selector names an identity, or none.
type Selector struct {
	Kind  SelectorKind
	Value string
}

// Parameter is the query parameter under which the service knows the selector; empty for none.
func (s Selector) Parameter() string {
	switch s.Kind {
	case SelectClientID:
		return "client_id"
	case SelectObjectID:
		return "object_id"
	case SelectResourceID:
		return "msi_res_id"
	default:
		return ""
	}
}

// TokenQuery is what a token request asks for.
type TokenQuery struct {
	Resource    string
	Selector    Selector
	Authority   string // a tenant; clients may send it
	BypassCache bool
}

const (
	maxValue  = 2048
	maxParams = 32
)

// params are decoded query parameters; their names are in lower case.
type params []param

type param struct{ name, value string }

// lookup gives a parameter's value.
func (p params) lookup(name string) (value string, ok bool) {
	for i := range p {
		if p[i].name == name {
			return p[i].value, true
		}
	}
	return "", false
}

func (p params) get(name string) string {
	value, _ := p.lookup(name)
	return value
}

// parameters decodes a raw query, in the way of url.ParseQuery. Names are folded to lower case, because the service ignores
// their case and a selector that one side overlooks is another identity's token; a name may occur once.
func parameters(raw string) (params, *Error) {
	list := make(params, 0, 4)
	for raw != "" {
		var pair string
		if pair, raw, _ = strings.Cut(raw, "&"); pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, wrongName := url.QueryUnescape(name)
		value, wrongValue := url.QueryUnescape(value)
		if wrongName != nil || wrongValue != nil || strings.Contains(pair, ";") ||
			hasControl(name) || hasControl(value) || len(value) > maxValue || len(list) == maxParams {
			return nil, invalid("Malformed query string")
		}
		name = strings.ToLower(name)
		if _, twice := list.lookup(name); twice {
			return nil, invalid("Query parameter '" + printable(name) + "' is given more than once")
		}
		list = append(list, param{name, value})
	}
	return list, nil
}

var selectors = [...]struct {
	name string
	kind SelectorKind
}{
	{"client_id", SelectClientID},
	{"object_id", SelectObjectID}, {"principal_id", SelectObjectID},
	{"msi_res_id", SelectResourceID}, {"mi_res_id", SelectResourceID},
}

// tokenQuery reads the parameters of a token request.
func tokenQuery(params params) (TokenQuery, *Error) {
	resource := params.get("resource")
	if resource == "" {
		return TokenQuery{}, missing("resource")
	}
	query := TokenQuery{
		Resource:    resource,
		Authority:   params.get("authority"),
		BypassCache: strings.EqualFold(params.get("bypass_cache"), "true"),
	}
	for _, s := range selectors {
		value, ok := params.lookup(s.name)
		if !ok {
			continue
		}
		if query.Selector.Kind != SelectNone {
			return TokenQuery{}, invalid("Only one of client_id, object_id and msi_res_id may be specified")
		}
		if value == "" { // present but empty is a client's bug, never "any identity"
			return TokenQuery{}, invalid("Query variable '" + s.name + "' is empty")
		}
		query.Selector = Selector{Kind: s.kind, Value: value}
	}
	return query, nil
}

func hasControl(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] == 0x7f {
			return true
		}
	}
	return false
}

func printable(name string) string {
	const limit = 64
	if len(name) > limit {
		name = name[:limit]
	}
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '?'
		}
		return r
	}, name)
}

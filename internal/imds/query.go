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

const maxValue = 2048

// parameters decodes a raw query. Names are folded to lower case, because the service ignores their case and a
// selector that one side overlooks is another identity's token; a name may occur once.
func parameters(raw string) (map[string]string, *Error) {
	if raw == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, invalid("Malformed query string")
	}
	params := make(map[string]string, len(values))
	for name, list := range values {
		folded := strings.ToLower(name)
		if _, twice := params[folded]; twice || len(list) > 1 {
			return nil, invalid("Query parameter '" + printable(folded) + "' is given more than once")
		}
		if hasControl(name) || hasControl(list[0]) || len(list[0]) > maxValue {
			return nil, invalid("Malformed query string")
		}
		params[folded] = list[0]
	}
	return params, nil
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
func tokenQuery(params map[string]string) (TokenQuery, *Error) {
	resource, ok := params["resource"]
	if !ok || resource == "" {
		return TokenQuery{}, missing("resource")
	}
	query := TokenQuery{
		Resource:    resource,
		Authority:   params["authority"],
		BypassCache: strings.EqualFold(params["bypass_cache"], "true"),
	}
	for _, s := range selectors {
		value, ok := params[s.name]
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

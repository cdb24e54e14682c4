package authorization

import (
	"regexp"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// filter is a parsed $filter: terms joined by "and", each a function call
// (atScope(), assignedTo('…')) or a comparison (roleName eq '…'), by name.
type filter map[string]string

// term is one of them. Quotes inside a text are doubled, as OData has it.
var term = regexp.MustCompile(`^\s*(\w+)\s*(?:\(\s*(?:'((?:[^']|'')*)')?\s*\)|\s+(?i:eq)\s+'((?:[^']|'')*)')\s*(?:$|\s(?i:and)(?:\s|$))`)

// parseFilter reads a filter that may hold each of the allowed terms once.
func parseFilter(text string, allowed ...string) (filter, error) {
	f := filter{}
	for rest := text; strings.TrimSpace(rest) != ""; {
		m := term.FindStringSubmatchIndex(rest)
		if m == nil {
			return nil, invalidFilter(text)
		}
		group := func(n int) string {
			if m[2*n] < 0 {
				return ""
			}
			return strings.ReplaceAll(rest[m[2*n]:m[2*n+1]], "''", "'")
		}
		name := group(1)
		at := slices.IndexFunc(allowed, func(a string) bool { return strings.EqualFold(a, name) })
		if at < 0 || f.has(allowed[at]) {
			return nil, invalidFilter(text)
		}
		f[allowed[at]] = group(2) + group(3)
		matched := rest[:m[1]]
		rest = rest[m[1]:]
		if strings.TrimSpace(rest) == "" && joins(matched) {
			return nil, invalidFilter(text) // nothing after "and"
		}
	}
	return f, nil
}

// joins reports whether a matched term ends with "and".
func joins(matched string) bool {
	fields := strings.Fields(matched)
	return strings.EqualFold(fields[len(fields)-1], "and")
}

func (f filter) has(name string) bool {
	_, ok := f[name]
	return ok
}

func invalidFilter(text string) *rest.Error { return rest.InvalidFilter(text) }

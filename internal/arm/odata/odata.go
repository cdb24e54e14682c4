// Package odata reads the part of OData's $filter that ARM's own lists take:
// comparisons joined by "and". It is pure, knows no names, and never fails by
// panic, whatever it is given.
package odata

import (
	"errors"
	"fmt"
	"strings"
)

// Comparison is one term of a filter: eventTimestamp ge '2026-01-01T00:00:00Z'.
type Comparison struct {
	Name, Operator, Value string
}

// maxLength bounds what is looked at.
const maxLength = 4096

var errEnd = errors.New("the filter ends in the middle of a comparison")

// Parse reads a filter; an empty one has no comparisons.
func Parse(filter string) ([]Comparison, error) {
	if len(filter) > maxLength {
		return nil, fmt.Errorf("the filter is longer than %d bytes", maxLength)
	}
	rest := strings.TrimSpace(filter)
	var out []Comparison
	for rest != "" {
		var c Comparison
		var err error
		if c.Name, rest, err = word(rest); err != nil {
			return nil, err
		}
		if c.Operator, rest, err = word(rest); err != nil {
			return nil, err
		}
		c.Operator = strings.ToLower(c.Operator)
		switch c.Operator {
		case "eq", "ne", "ge", "gt", "le", "lt":
		default:
			return nil, fmt.Errorf("%q is no comparison", c.Operator)
		}
		if c.Value, rest, err = value(rest); err != nil {
			return nil, err
		}
		out = append(out, c)
		if rest == "" {
			break
		}
		var and string
		if and, rest, err = word(rest); err != nil || !strings.EqualFold(and, "and") {
			return nil, fmt.Errorf("only 'and' joins comparisons, not %q", and)
		}
		if rest == "" {
			return nil, errEnd
		}
	}
	return out, nil
}

// word cuts a word off; another one must follow it.
func word(text string) (string, string, error) {
	end := strings.IndexAny(text, " \t\r\n")
	if end <= 0 {
		return "", "", errEnd
	}
	return text[:end], strings.TrimLeft(text[end:], " \t\r\n"), nil
}

// value cuts a value off: a quoted text, in which a quote is doubled, or a word.
func value(text string) (string, string, error) {
	if !strings.HasPrefix(text, "'") {
		if end := strings.IndexAny(text, " \t\r\n"); end >= 0 {
			return text[:end], strings.TrimSpace(text[end:]), nil
		}
		if text == "" {
			return "", "", errEnd
		}
		return text, "", nil
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '\'':
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == '\'':
			b.WriteByte('\'')
			i++
		default:
			return b.String(), strings.TrimSpace(text[i+1:]), nil
		}
	}
	return "", "", errors.New("a quoted value has no end")
}

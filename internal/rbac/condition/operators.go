package condition

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// operator compares a value of the left side with one of the right.
type operator func(left, right string) bool

// operatorNamed returns an operator by its name in any casing, or nil. "Not"
// forms negate the comparison of values that exist.
func operatorNamed(name string) operator {
	lower := strings.ToLower(name)
	for _, family := range []string{"string", "guid", "bool", "numeric", "datetime"} {
		rest, ok := strings.CutPrefix(lower, family)
		if !ok {
			continue
		}
		switch family {
		case "numeric":
			return ordered(rest, number)
		case "datetime":
			return ordered(rest, instant)
		}
		positive, negated := strings.CutPrefix(rest, "not")
		holds := familyOperator(family, positive)
		if holds == nil || !negated {
			return holds
		}
		return func(l, r string) bool { return !holds(l, r) }
	}
	return nil
}

func familyOperator(family, name string) operator {
	switch family {
	case "string":
		return stringOperator(name)
	case "guid":
		if name == "equals" {
			return func(l, r string) bool { return strings.EqualFold(bare(l), bare(r)) }
		}
	case "bool":
		if name == "equals" {
			return strings.EqualFold
		}
	}
	return nil
}

func number(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

func instant(s string) (int64, bool) {
	at, err := time.Parse(time.RFC3339, s)
	return at.UnixNano(), err == nil
}

func stringOperator(name string) operator {
	fold := false
	if trimmed, ok := strings.CutSuffix(name, "ignorecase"); ok {
		name, fold = trimmed, true
	}
	var holds operator
	switch name {
	case "equals":
		holds = func(l, r string) bool { return l == r }
	case "startswith":
		holds = strings.HasPrefix
	case "like":
		holds = like
	default:
		return nil
	}
	if !fold {
		return holds
	}
	return func(l, r string) bool { return holds(strings.ToLower(l), strings.ToLower(r)) }
}

// ordered is a family whose values have an order; values that aren't of it fulfil nothing.
func ordered[T cmp.Ordered](name string, read func(string) (T, bool)) operator {
	var good func(int) bool
	switch name {
	case "equals":
		good = func(c int) bool { return c == 0 }
	case "notequals":
		good = func(c int) bool { return c != 0 }
	case "lessthan":
		good = func(c int) bool { return c < 0 }
	case "lessthanequals":
		good = func(c int) bool { return c <= 0 }
	case "greaterthan":
		good = func(c int) bool { return c > 0 }
	case "greaterthanequals":
		good = func(c int) bool { return c >= 0 }
	default:
		return nil
	}
	return func(l, r string) bool {
		left, ok := read(l)
		right, also := read(r)
		return ok && also && good(cmp.Compare(left, right))
	}
}

// like matches * (any text) and ? (one byte) in linear backtracking.
func like(s, pattern string) bool {
	at, p, star, mark := 0, 0, -1, 0
	for at < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, at
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[at]):
			at++
			p++
		case star >= 0:
			mark++
			at, p = mark, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// bare is a GUID whatever stands around it: a role definition may be named by its
// whole ID, and GUIDs may be braced.
func bare(s string) string {
	s = s[strings.LastIndexByte(s, '/')+1:]
	return strings.ReplaceAll(strings.Trim(s, "{}"), "-", "")
}

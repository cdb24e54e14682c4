package odata

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		filter string
		want   []Comparison
		fails  bool
	}{
		{"", nil, false},
		{"  ", nil, false},
		{"a eq 'b'", []Comparison{{"a", "eq", "b"}}, false},
		{"eventTimestamp ge 2026-01-01T00:00:00Z and caller EQ 'o''hara' and status eq 'x y'", []Comparison{
			{"eventTimestamp", "ge", "2026-01-01T00:00:00Z"}, {"caller", "eq", "o'hara"}, {"status", "eq", "x y"}}, false},
		{"a eq ''", []Comparison{{"a", "eq", ""}}, false},
		{"a", nil, true}, {"a eq", nil, true}, {"a eq ", nil, true}, {"a eq 'b", nil, true}, {"a eq 'b' or c eq 'd'", nil, true},
		{"a like 'b'", nil, true}, {"a eq 'b' and", nil, true}, {"a eq 'b' and ", nil, true}, {"(a eq 'b')", nil, true},
	} {
		got, err := Parse(c.filter)
		if (err != nil) != c.fails {
			t.Errorf("%q: %v", c.filter, err)
		}
		if err == nil {
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%q: %s", c.filter, diff)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a eq 'b'", "a ge 1 and b le '''' and c ne x", "a eq '", "\x00 eq \xff", "a\teq\nb", "and and and and"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		terms, err := Parse(filter)
		if err == nil && len(terms) > len(filter) {
			t.Fatalf("%d terms in %q", len(terms), filter)
		}
	})
}

package messages

import (
	"strings"
	"testing"
)

// A path must not lead to the ID of another resource than its queue.
func TestNamesWithASlashAreNoOtherResources(t *testing.T) {
	for path, want := range map[string]string{
		"orders":                         "orders",
		"team/orders":                    "team~orders",
		"a.b-c_d":                        "a.b-c_d",
		"orders/providers/x.y/kinds/one": "orders~providers~x.y~kinds~one",
		"":                               "",
		"/orders":                        "",
		"orders/":                        "",
		"a//b":                           "",
		"a~b":                            "",
		"a b":                            "",
		"a%2Fb":                          "",
		"a?b":                            "",
		"$Default":                       "",
		strings.Repeat("a", 261):         "",
	} {
		got, valid := armName(path)
		if got != want || valid != (want != "") {
			t.Errorf("%q is called %q (%v), want %q", path, got, valid, want)
		}
	}
}

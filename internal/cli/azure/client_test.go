package azure

import "testing"

// Names are words of a path, however they are written: nothing that is typed for a name
// makes a request to another resource.
func TestPathsKeepNamesWhole(t *testing.T) {
	c := &Client{Subscription: "s"}
	for name, want := range map[string]string{
		"plain-Name_1.2":     "plain-Name_1.2",
		"a b":                "a%20b",
		"a/b":                "a%2Fb",
		"a/../../other":      "a%2F..%2F..%2Fother",
		"a?api-version=1":    "a%3Fapi-version=1",
		"a#b":                "a%23b",
		"100%":               "100%25",
		"%2F":                "%252F",
		"(parentheses)":      "%28parentheses%29",
		"größe":              "gr%C3%B6%C3%9Fe",
		"system:serviceacct": "system:serviceacct",
	} {
		if got := escape(c.Group(name, "providers/P/t", Word(name)) + "?$filter=a/b"); got != "/subscriptions/s/resourceGroups/"+want+"/providers/P/t/"+want+"?$filter=a/b" {
			t.Errorf("%q becomes %s", name, got)
		}
	}
}

// What services allow in names stays as it is, since paths are compared with the scopes of
// role assignments.
func TestAllowedNamesAreTheirOwnWords(t *testing.T) {
	for _, name := range []string{"RG-BYOIDAKS", "my_group(1).x", "größe"} {
		if got := Word(name); got != name {
			t.Errorf("%q becomes %q", name, got)
		}
	}
}

package resources

import (
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
)

func kite() *resource.Resource {
	return &resource.Resource{
		ID: armid.MustParse("/subscriptions/5/resourceGroups/G/providers/Toys.Test/kites/Red'1"), Location: "eastus",
		Tags: map[string]string{"env": "prod", "team": "blue"},
	}
}

func TestFilter(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "  ": true,
		"resourceType eq 'toys.test/KITES'":                       true,
		"resourceType ne 'Toys.Test/kites'":                       false,
		"name eq 'red''1' and location eq 'EASTUS'":               true,
		"name eq 'x' or resourceGroup eq 'g'":                     true,
		"name eq 'x' or location eq 'x' and resourceGroup eq 'g'": false,
		"(name eq 'x' or location eq 'eastus') and name ne 'y'":   true,
		"substringof('RED', name)":                                true,
		"startswith(name, 'ed')":                                  false,
		"startswith(tagName,'te')":                                true,
		"tagName eq 'env' and tagValue eq 'prod'":                 true,
		"tagName eq 'env' and tagValue eq 'blue'":                 false,
		"tagname eq 'none'":                                       false,
	} {
		f, err := parseFilter(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := f(kite()); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for _, text := range []string{"name", "name eq", "name eq x", "name eq 'x", "name gt 'x'", "color eq 'x'", "name eq 'x' and", "(name eq 'x'", "substringof(name,'x')", "name eq 'x' name eq 'y'"} {
		if _, err := parseFilter(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"resourceType eq 'a' and name eq 'b'", "((((name eq ''))))", "substringof('a', name) or startswith(tagName,'b')", "''''''"} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		if match, err := parseFilter(text); err == nil {
			match(kite())
		}
	})
}

package managedidentity

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const uami = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"

func TestMentionedIdentities(t *testing.T) {
	tests := []struct {
		name, body string
		want       map[string]bool // by name: removed
		fails      bool
	}{
		{"no body", "", nil, false},
		{"no identity", `{"tags":{}}`, nil, false},
		{"null", `{"identity":{"type":"None","userAssignedIdentities":null}}`, nil, false},
		{"another casing of the member", `{"Identity":{"userAssignedIdentities":{"` + uami + `abc":{}}}}`, map[string]bool{"abc": false}, false},
		{"added and removed", `{"identity":{"userAssignedIdentities":{"` + uami + `abc":{},"` + uami + `def":null}}}`, map[string]bool{"abc": false, "def": true}, false},
		{"a list", `{"identity":{"userAssignedIdentities":["` + uami + `abc"]}}`, nil, true},
		{"broken", `{"identity":`, nil, true},
		{"twice", `{"identity":{"userAssignedIdentities":{"` + uami + `abc":{},"` + uami + `ABC":null}}}`, nil, true},
		{"below a resource", `{"identity":{"userAssignedIdentities":{"` + uami + `abc/providers/Microsoft.ManagedIdentity/userAssignedIdentities/x":{}}}}`, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := mentionedIdentities([]byte(tt.body))
			if (err != nil) != tt.fails {
				t.Fatalf("error: %v", err)
			}
			var found map[string]bool
			for _, m := range got {
				if found == nil {
					found = map[string]bool{}
				}
				found[m.id.Name()] = m.remove
			}
			if diff := cmp.Diff(tt.want, found); diff != "" {
				t.Errorf("identities (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzMentionedIdentities(f *testing.F) {
	f.Add([]byte(`{"identity":{"userAssignedIdentities":{"` + uami + `abc":{},"x":null}}}`))
	f.Add([]byte(`{"identity":{"userAssignedIdentities":[]}}`))
	f.Add([]byte(`{"identity":null,"IDENTITY":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := mentionedIdentities(body)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, m := range got {
			if seen[m.id.Key()] {
				t.Fatalf("%s twice in %q", m.id, body)
			}
			seen[m.id.Key()] = true
		}
	})
}

package authorization

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFilter(t *testing.T) {
	tests := []struct {
		text string
		want filter // nil: refused
	}{
		{"", filter{}},
		{"  ", filter{}},
		{"atScope()", filter{"atScope": ""}},
		{"ATSCOPE( )", filter{"atScope": ""}},
		{"principalId eq 'x'", filter{"principalId": "x"}},
		{"principalid EQ 'x'", filter{"principalId": "x"}},
		{"atScope() and assignedTo('x')", filter{"atScope": "", "assignedTo": "x"}},
		{"atScope() AND assignedTo('x')", filter{"atScope": "", "assignedTo": "x"}},
		{"roleName eq 'it''s'", filter{"roleName": "it's"}},
		{"roleName eq ' and '", filter{"roleName": " and "}},
		{"roleName eq ''", filter{"roleName": ""}},
		{"roleName eq 'a", nil},
		{"roleName ne 'a'", nil},
		{"roleName eq 'a' or atScope()", nil},
		{"atScope() and", nil},
		{"and atScope()", nil},
		{"atScope() and and assignedTo('x')", nil},
		{"atScope()assignedTo('x')", nil},
		{"atScope() and atScope()", nil},
		{"other eq 'x'", nil},
		{"atScope", nil},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := parseFilter(tt.text, "atScope", "assignedTo", "principalId", "roleName")
			if (err != nil) != (tt.want == nil) {
				t.Fatalf("error: %v", err)
			}
			if err == nil {
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("terms (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{"atScope() and assignedTo('x')", "principalId eq 'a''b'", "atScope(", "' and '", "a eq 'b' and a eq 'c'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseFilter(text, "atScope", "assignedTo", "principalId")
		if err != nil {
			return
		}
		for name := range got {
			if name != "atScope" && name != "assignedTo" && name != "principalId" {
				t.Fatalf("%q gave the unknown term %q", text, name)
			}
		}
	})
}

func TestKindOf(t *testing.T) {
	const at = "/lanyard/resources/subscriptions/s/providers/microsoft.authorization/roleassignments/"
	for key, want := range map[string]string{
		at + "a": "roleassignments", at + "a/providers/x/y/z": "",
		"/lanyard/resources/providers/microsoft.authorization/roledefinitions/a":                                                     "roledefinitions",
		"/lanyard/resources/providers/microsoft.authorization/denyassignments/a":                                                     "denyassignments",
		"/lanyard/resources/providers/microsoft.authorization/locks/a":                                                               "",
		"/lanyard/resources/subscriptions/s":                                                                                         "",
		"/lanyard/resources/subscriptions/s/resourcegroups/g/providers/a/b/c" + at[len("/lanyard/resources/subscriptions/s"):] + "d": "roleassignments",
		at[:len(at)-1]: "",
	} {
		if got := kindOf(key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

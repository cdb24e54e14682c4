package rbac

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPattern(t *testing.T) {
	tests := []struct {
		name    string
		pattern string
		action  string
		want    bool
	}{
		{"everything", "*", "Microsoft.Compute/virtualMachines/write", true},
		{"exact", "Microsoft.Compute/disks/read", "Microsoft.Compute/disks/read", true},
		{"exact is not a prefix", "Microsoft.Compute/disks/read", "Microsoft.Compute/disks/reads", false},
		{"case of both sides is ignored", "microsoft.authorization/*/Delete", "Microsoft.Authorization/roleAssignments/DELETE", true},
		{"reader", "*/read", "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read", true},
		{"reader doesn't write", "*/read", "Microsoft.Compute/virtualMachineScaleSets/write", false},
		{"star spans slashes", "Microsoft.Compute/*", "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read", true},
		{"namespace boundary", "Microsoft.Compute/*", "Microsoft.ComputeX/a/read", false},
		{"type boundary", "Microsoft.Compute/virtualMachines/*", "Microsoft.Compute/virtualMachineScaleSets/read", false},
		{"operator: assign with no segment", "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action", "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", true},
		{"operator: assign with a segment", "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action", "Microsoft.ManagedIdentity/userAssignedIdentities/x/assign/action", true},
		{"operator: assign with segments", "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action", "Microsoft.ManagedIdentity/userAssignedIdentities/x/y/assign/action", true},
		{"operator: read with no segment", "Microsoft.ManagedIdentity/userAssignedIdentities/*/read", "Microsoft.ManagedIdentity/userAssignedIdentities/read", true},
		{"operator doesn't write", "Microsoft.ManagedIdentity/userAssignedIdentities/*/read", "Microsoft.ManagedIdentity/userAssignedIdentities/write", false},
		{"empty segment doesn't eat text", "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action", "Microsoft.ManagedIdentity/userAssignedIdentitiesassign/action", false},
		{"empty segment needs the boundary", "A/b/*/c", "A/bxc", false},
		{"empty segment needs the boundary, half", "A/b/*/c", "A/b/xc", false},
		{"two whole-segment stars, none", "a/*/*/b", "a/b", true},
		{"two whole-segment stars, one", "a/*/*/b", "a/x/b", true},
		{"service bus", "Microsoft.ServiceBus/*/send/action", "Microsoft.ServiceBus/namespaces/messages/send/action", true},
		{"service bus, none", "Microsoft.ServiceBus/*/send/action", "Microsoft.ServiceBus/send/action", true},
		{"star inside a segment", "Microsoft.Compute/virtual*/read", "Microsoft.Compute/virtualMachines/read", true},
		{"star inside a segment isn't optional", "Microsoft.Compute/virtual*/read", "Microsoft.Compute/virtualread", false},
		{"tail may not overlap the head", "aba*ba", "aba", false},
		{"empty pattern", "", "a/read", false},
		{"empty pattern and action", "", "", true},
		{"trailing star takes nothing", "a/*", "a/", true},
		{"regexp characters are plain text", "Microsoft.Compute/a", "MicrosoftxCompute/a", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := compilePattern(tt.pattern)
			if got := p.match([]byte(strings.ToLower(tt.action))); got != tt.want {
				t.Errorf("pattern %q, action %q: got %v, want %v", tt.pattern, tt.action, got, tt.want)
			}
		})
	}
}

// naivePattern is the oracle: the same rule written as a regular expression.
func naivePattern(pattern string) *regexp.Regexp {
	expr := regexp.QuoteMeta(strings.ToLower(pattern))
	expr = strings.ReplaceAll(expr, `\*`, `.*`)
	for strings.Contains(expr, `/.*/`) {
		// The slash after it stays: it may be the one before the next star.
		expr = strings.Replace(expr, `/.*/`, `(?:/.*)?/`, 1)
	}
	return regexp.MustCompile(`(?s)^(?:` + expr + `)$`)
}

func TestPatternAgainstRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`([ab]{1,2}|\*|/){0,7}`).Filter(func(s string) bool {
			return !strings.Contains(s, "**") // means no more than one star; no role has it
		}).Draw(t, "pattern")
		action := rapid.StringMatching(`[ab/]{0,9}`).Draw(t, "action")
		p := compilePattern(pattern)
		if got, want := p.match([]byte(action)), naivePattern(pattern).MatchString(action); got != want {
			t.Fatalf("pattern %q, action %q: got %v, regexp says %v", pattern, action, got, want)
		}
	})
}

// FuzzPattern compares the matcher with the naive one, for actions and patterns
// that nobody thought of.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{{"*", "a/b"}, {"a/*/b", "a/b"}, {"*/read", "x/read"}, {"a/*/b/*", "a/b/"}, {"", ""}, {"/*/", "/"}, {"/*/*/", "/"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, action string) {
		// What neighbouring stars mean the naive matcher doesn't know, and no role has them.
		if strings.Contains(text, "**") || strings.Contains(text, "*/*") || strings.ToLower(text) != asciiLower(text) || strings.ToLower(action) != asciiLower(action) || len(text) > 60 {
			return
		}
		p := compilePattern(text)
		if got, want := p.match([]byte(strings.ToLower(action))), naivePattern(text).MatchString(strings.ToLower(action)); got != want {
			t.Errorf("%q on %q: got %v, want %v", text, action, got, want)
		}
	})
}

func asciiLower(s string) string { return string(appendLower(nil, s)) }

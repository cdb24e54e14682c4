package chart_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Each right that any installation has stands in docs/security/rights.md with its reason, and nothing stands there that none has.
func TestEveryRightIsExplained(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "security", "rights.md"))
	if err != nil {
		t.Fatal(err)
	}
	explained := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, " | "); len(cells) == 5 && !strings.Contains(line, "---") && !strings.HasPrefix(line, "| role") {
			explained[strings.TrimPrefix(cells[0], "| ")+" | "+cells[2]+" | "+cells[3]] = false
		}
	}
	const everything = "webhook.enabled=true,broker.secretNamespaces={a},broker.tokenNamespaces={a},nmi.startupTaint=x/y,rbac.createUserFacingClusterRoles=true"
	for _, mode := range []string{"standard", "managed", "standard,nmi.entitlements=kubernetes", "managed,nmi.entitlements=kubernetes"} {
		rendered, err := render(t, "--set", everything+",operationMode="+mode)
		if err != nil {
			t.Fatal(rendered)
		}
		rules := map[string][]rbacv1.PolicyRule{}
		for _, r := range documents[rbacv1.ClusterRole](t, rendered, "ClusterRole") {
			rules[r.Name] = r.Rules
		}
		for _, r := range documents[rbacv1.Role](t, rendered, "Role") {
			rules[r.Name] = slices.Concat(rules[r.Name], r.Rules)
		}
		for name, all := range rules {
			for _, rule := range all {
				right := strings.TrimPrefix(name, "lanyard-") + " | " + strings.Join(rule.Verbs, ", ") + " | " + strings.Join(rule.Resources, ", ")
				if _, ok := explained[right]; !ok {
					t.Errorf("in %s mode there is a right that docs/security/rights.md doesn't explain: %s", mode, right)
				}
				explained[right] = true
			}
		}
	}
	for right, given := range explained {
		if !given {
			t.Errorf("docs/security/rights.md explains a right that nobody has: %s", right)
		}
	}
}

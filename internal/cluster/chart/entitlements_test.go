package chart_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// Where mic runs the agent's account has no right to read what concerns other nodes; and since agents wait for mic then, mic doesn't wait
// for the agents' startup taint.
func TestAgentReadsNothingOfOtherNodes(t *testing.T) {
	for name, args := range map[string][]string{
		"standard":              entitlements(),
		"managed":               {"--set", "operationMode=managed,nmi.entitlements=broker,nmi.startupTaint=example.com/nmi"},
		"managed with a broker": {"--set", "operationMode=managed,broker.tokenNamespaces={a},nmi.startupTaint=example.com/nmi"},
	} {
		t.Run(name, func(t *testing.T) {
			rendered, err := render(t, args...)
			if err != nil {
				t.Fatal(rendered)
			}
			if diff := cmp.Diff([]string{"create /events", "get /configmaps"}, rightsOf(t, rendered, "lanyard-nmi")); diff != "" {
				t.Errorf("rights of nmi (-want +got):\n%s", diff)
			}
			for _, mic := range documents[appsv1.Deployment](t, rendered, "Deployment") {
				if mic.Name == "lanyard-mic" && !slices.ContainsFunc(mic.Spec.Template.Spec.Tolerations, func(t corev1.Toleration) bool { return t.Key == "example.com/nmi" }) {
					t.Errorf("mic's tolerations: %v", mic.Spec.Template.Spec.Tolerations)
				}
			}
		})
	}
}

// Before Kubernetes 1.30 tokens name no node, by which mic would know what to tell an agent.
func TestAgentReadsByItselfWhereTokensNameNoNode(t *testing.T) {
	rendered, err := render(t, "--kube-version", "1.29.9")
	if err != nil {
		t.Fatal(rendered)
	}
	if got := rightsOf(t, rendered, "lanyard-nmi"); !slices.Contains(got, "list /pods") || slices.Contains(got, "get /configmaps") {
		t.Errorf("rights of nmi: %v", got)
	}
	if got, err := render(t, "--kube-version", "1.29.9", "--set", "nmi.entitlements=broker"); err == nil || !strings.Contains(got, "from Kubernetes 1.30 on, and this is v1.29.9") {
		t.Errorf("entitlements by the broker there: %v %s", err, got)
	}
}

// rightsOf gives what an account may do by all the roles that it is bound to.
func rightsOf(t *testing.T, rendered, account string) []string {
	t.Helper()
	roles := map[string][]rbacv1.PolicyRule{}
	for _, role := range documents[rbacv1.ClusterRole](t, rendered, "ClusterRole") {
		roles[role.Name] = role.Rules
	}
	for _, role := range documents[rbacv1.Role](t, rendered, "Role") {
		roles[role.Name] = role.Rules
	}
	var rights []string
	for _, binding := range documents[rbacv1.ClusterRoleBinding](t, rendered, "ClusterRoleBinding") {
		if binding.Subjects[0].Name == account {
			rights = append(rights, permissions(roles[binding.RoleRef.Name])...)
		}
	}
	for _, binding := range documents[rbacv1.RoleBinding](t, rendered, "RoleBinding") {
		if binding.Subjects[0].Name == account {
			rights = append(rights, permissions(roles[binding.RoleRef.Name])...)
		}
	}
	return rights
}

// What the broker may do it may do where the operator says, and in managed mode nothing else is mic's.
func TestBrokerHasTheRightsThatItIsToldToHave(t *testing.T) {
	rendered, err := render(t, append(managed(), "--set", "broker.secretNamespaces={a,b},broker.tokenNamespaces={b}")...)
	if err != nil {
		t.Fatal(rendered)
	}
	var got []string
	for _, role := range documents[rbacv1.Role](t, rendered, "Role") {
		for _, permission := range permissions(role.Rules) {
			got = append(got, role.Namespace+": "+permission)
		}
	}
	for _, role := range documents[rbacv1.ClusterRole](t, rendered, "ClusterRole") {
		for _, permission := range permissions(role.Rules) {
			if role.Name == "lanyard-broker" && !strings.HasPrefix(permission, "list ") && !strings.HasPrefix(permission, "watch ") {
				got = append(got, permission)
			}
		}
	}
	slices.Sort(got)
	want := []string{
		"a: get /secrets", "b: create /serviceaccounts/token", "b: get /secrets", "create authentication.k8s.io/tokenreviews",
		"get /pods", "get aadpodidentity.k8s.io/azureidentities", "get aadpodidentity.k8s.io/azureidentitybindings",
		"kube-system: get /configmaps", "kube-system: get /configmaps", "kube-system: patch /configmaps",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rights of the broker (-want +got):\n%s", diff)
	}
}

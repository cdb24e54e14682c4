//go:build e2e

package e2e_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
)

// lanyard runs command lines as their user types them, az's without waiting for Python.
type lanyard struct {
	t           *testing.T
	environment []string
	program     string
}

func (l lanyard) must(line ...string) string {
	l.t.Helper()
	command := exec.CommandContext(l.t.Context(), l.program, line...)
	command.Env = l.environment
	out, err := command.Output()
	if err != nil {
		complaint := ""
		if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // as exec gives it
			complaint = string(exit.Stderr)
		}
		l.t.Fatalf("lanyard %s: %v: %s", strings.Join(line, " "), err, complaint)
	}
	return strings.TrimSpace(string(out))
}

// identity makes one and returns its client ID.
func (l lanyard) identity(group, name string) string {
	l.t.Helper()
	return l.must("identity", "create", "-g", group, "-n", name, "--query", "clientId", "-o", "tsv")
}

func (l lanyard) identityID(group, name string) string {
	l.t.Helper()
	return l.must("identity", "show", "-g", group, "-n", name, "--query", "id", "-o", "tsv")
}

// grantPodIdentity gives the kubelet identity the two roles that pod identity needs.
func (l lanyard) grantPodIdentity(kubelet, nodeGroup, identityGroup string) {
	l.t.Helper()
	for _, grant := range [][2]string{
		{"Virtual Machine Contributor", nodeGroup}, {"Managed Identity Operator", nodeGroup}, {"Managed Identity Operator", identityGroup},
	} {
		l.must("role", "assignment", "create", "--role", grant[0], "--assignee", kubelet, "--scope", l.must("group", "show", "-n", grant[1], "--query", "id", "-o", "tsv"))
	}
}

// awaitNodes waits until the cluster's one scale set has the identities that are true, and not those that are false.
func (l lanyard) awaitNodes(nodeGroup string, want map[string]bool) {
	l.t.Helper()
	set := l.must("vmss", "list", "-g", nodeGroup, "--query", "[0].name", "-o", "tsv")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(500 * time.Millisecond) {
		got := strings.ToLower(l.must("vmss", "identity", "show", "-g", nodeGroup, "-n", set, "-o", "json"))
		wrong := ""
		for name, there := range want {
			if strings.Contains(got, "userassignedidentities/"+strings.ToLower(name)+`"`) != there {
				wrong = name
			}
		}
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("the nodes' identities, of which %s isn't as it should be (%v): %s", wrong, want, got)
		}
	}
}

// bindIn makes an AzureIdentity and a binding whose selector is its name.
func bindIn(t *testing.T, kube *kubectl.Kubectl, namespace, name, id, client string) {
	t.Helper()
	if err := kube.Apply(t.Context(), fmt.Sprintf(`apiVersion: aadpodidentity.k8s.io/v1
kind: AzureIdentity
metadata: {name: %[2]s, namespace: %[1]s}
spec: {type: 0, resourceID: %[3]q, clientID: %[4]q}
---
apiVersion: aadpodidentity.k8s.io/v1
kind: AzureIdentityBinding
metadata: {name: %[2]s-binding, namespace: %[1]s}
spec: {azureIdentity: %[2]s, selector: %[2]s}
`, namespace, name, id, client)); err != nil {
		t.Fatal(err)
	}
}

func rollout(t *testing.T, kube *kubectl.Kubectl, namespace string, workloads ...string) {
	t.Helper()
	for _, workload := range workloads {
		if _, err := kube.Run(t.Context(), "", "rollout", "status", workload, "-n", namespace, "--timeout=120s"); err != nil {
			pods, _ := kube.Run(t.Context(), "", "get", "pods,events", "-A")
			logs, _ := kube.Run(t.Context(), "", "logs", workload, "-n", namespace, "--all-containers", "--tail=30")
			t.Fatalf("%v\n%s\n%s", err, pods, logs)
		}
	}
}

func must(t *testing.T, kube *kubectl.Kubectl, args ...string) string {
	t.Helper()
	out, err := kube.Run(t.Context(), "", args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

func waitFor(t *testing.T, kube *kubectl.Kubectl, limit time.Duration, what string, holds func(string) bool, args ...string) string {
	t.Helper()
	out, err := kube.WaitFor(t.Context(), limit, what, holds, args...)
	if err != nil {
		pods, _ := kube.Run(t.Context(), "", "get", "pods,events", "-A")
		logs := ""
		for _, namespace := range []string{"default", "kube-system"} {
			log, _ := kube.Run(t.Context(), "", "logs", "-n", namespace, "-l", "app.kubernetes.io/component in (mic, nmi)", "--tail=30", "--prefix")
			logs += log
		}
		t.Fatalf("%v\n%s\n%s\n%s", err, out, pods, logs)
	}
	return out
}

//go:build e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
)

// goBack undoes a takeover as docs/migration.md says: helm rollback, and nmi's rules taken off the nodes. Pods have tokens by
// aad-pod-identity again, its mic takes the objects as it finds them, and the way here is open once more.
func goBack(t *testing.T, kube *kubectl.Kubectl, helm func(...string) string, page string) {
	t.Helper()
	removal, err := os.ReadFile(filepath.Join(page, "remove-rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	uids := []string{"get", "azureassignedidentities", "-A", "-o", "jsonpath={.items[*].metadata.uid}"}
	before := strings.Fields(output(t, kube, uids...))

	started := time.Now()
	helm("rollback", "aad-pod-identity")
	if err := kube.Apply(t.Context(), string(removal)); err != nil {
		t.Fatal(err)
	}
	rollout(t, kube, "kube-system", "daemonset/lanyard-remove-rules")
	must(t, kube, "delete", "daemonset", "lanyard-remove-rules", "-n", "kube-system")
	rollout(t, kube, "default", "deployment/aad-pod-identity-mic", "daemonset/aad-pod-identity-nmi")
	t.Logf("gone back after %.1f s", time.Since(started).Seconds())
	waitFor(t, kube, time.Minute, "the end of ours", func(out string) bool { return !strings.Contains(out, "lanyard-") }, "get", "pods", "-n", "kube-system", "-o", "name")

	for _, pod := range []string{"web-1", "web-2", "late"} {
		then := loadOf(output(t, kube, "logs", pod, "-n", "my-app", "--tail=1"))
		waitFor(t, kube, 2*time.Minute, "tokens for "+pod+" by aad-pod-identity", func(out string) bool {
			now := loadOf(out)
			return now.sdkGot > then.sdkGot+10 && now.plainGot > then.plainGot+10
		}, "logs", pod, "-n", "my-app", "--tail=1")
		now := loadOf(output(t, kube, "logs", pod, "-n", "my-app", "--tail=1"))
		t.Logf("%s on the way back: %d SDK tokens failed, plain requests were refused for %s", pod, now.sdkFailed-then.sdkFailed, now.plainOutage)
	}
	for _, uid := range before {
		if after := output(t, kube, uids...); !strings.Contains(after, uid) {
			t.Errorf("assigned identity %s was made anew: %s", uid, after)
		}
	}
}

// staysWithPredecessor checks that aad-pod-identity's mic is in charge: it assigns, and it cleans up what ours has made.
func staysWithPredecessor(t *testing.T, kube *kubectl.Kubectl, az lanyard, nodeGroup, client string) {
	t.Helper()
	states := []string{"get", "azureassignedidentities", "-n", "default", "-o", "jsonpath={range .items[*]}{.metadata.name}={.status.status} {end}"}
	loadPod(t, kube, "back", "jobs", client)
	waitFor(t, kube, 3*time.Minute, "an assignment by aad-pod-identity", func(out string) bool { return strings.Contains(out, "back-my-app-jobs=Assigned") }, states...)
	az.awaitNodes(nodeGroup, map[string]bool{"web": true, "jobs": true})
	for _, pod := range []string{"web-1", "web-2", "late"} {
		must(t, kube, "delete", "pod", pod, "-n", "my-app", "--now")
	}
	waitFor(t, kube, 3*time.Minute, "the end of what ours had assigned", func(out string) bool { return strings.TrimSpace(out) == "back-my-app-jobs=Assigned" }, states...)
	az.awaitNodes(nodeGroup, map[string]bool{"web": false, "jobs": true})
}

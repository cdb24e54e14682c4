//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/cli/kubectl"
	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestScenarios are end-to-end scenarios of aad-pod-identity, by their numbers in docs/migration.md, on one cluster with the
// chart in standard mode; at its end lanyard migrate prepares the way on from there.
func TestScenarios(t *testing.T) {
	cloud := rig.Start(t)
	cloud.Group(t, "rg")
	cluster := cloud.Create(t, "rg", "c", rig.NewCluster())
	kube := cloud.Kubectl(t, "rg", "c")
	nodeGroup := *cluster.Properties.NodeResourceGroup
	az := lanyard{t, cloud.Lanyard(t), filepath.Join(cloud.Build, "bin", "lanyard")}
	az.grantPodIdentity(*cluster.Properties.IdentityProfile["kubeletidentity"].ClientID, nodeGroup, "rg")
	set := az.must("vmss", "list", "-g", nodeGroup, "--query", "[0].name", "-o", "tsv")
	az.identity("rg", "foreign")
	az.must("vmss", "identity", "assign", "-g", nodeGroup, "-n", set, "--identities", "[system]", az.identityID("rg", "foreign"))
	system := az.must("vmss", "show", "-g", nodeGroup, "-n", set, "--query", "[identity.principalId, identity.tenantId]", "-o", "tsv")

	must(t, kube, "create", "namespace", "my-app")
	install := append([]string{
		"install", "lanyard", cloud.Chart(), "--kubeconfig", kube.Kubeconfig, "--namespace", "kube-system",
		"--set", "mic.replicas=2,nmi.blockInstanceMetadata=true,broker.secretNamespaces={my-app},nmi.extraArgs={--token-recheck=10s}",
	}, cloud.ChartSettings()...)
	if out, err := exec.CommandContext(t.Context(), filepath.Join(cloud.Build, "tools", "helm"), install...).CombinedOutput(); err != nil {
		t.Fatalf("helm: %v\n%s", err, out)
	}
	rollout(t, kube, "kube-system", "deployment/lanyard-mic", "daemonset/lanyard-nmi")
	right, wrong := az.identity("rg", "right"), az.identity("rg", "wrong")
	az.must("role", "assignment", "create", "--role", "Reader", "--assignee", right, "--scope", az.must("group", "show", "-n", nodeGroup, "--query", "id", "-o", "tsv"))
	bindIn(t, kube, "my-app", "right", az.identityID("rg", "right"), right)
	bindIn(t, kube, "my-app", "wrong", az.identityID("rg", "wrong"), wrong)
	for _, name := range []string{"right", "wrong"} { // both by one selector as well
		bind(t, kube, "my-app", name+"-both", name, "both")
	}

	t.Run("1 a token by client ID and without", func(t *testing.T) {
		asker{kube: kube, name: "one", label: "right", args: []string{"--raw", "--clientid=" + right}}.want(t, "HTTP 200 client_id="+right)
		asker{kube: kube, name: "any", label: "right", args: []string{"--raw"}}.want(t, "HTTP 200 client_id="+right)
		asker{kube: kube, name: "none", label: "right", args: []string{"--raw", "--clientid=" + wrong}}.want(t, "HTTP 400")
	})
	t.Run("6 the client ID decides which identity's rights count", func(t *testing.T) {
		arm := []string{"--once", "--subscriptionid=" + cloud.Admin.SubscriptionID, "--resourcegroup=" + nodeGroup}
		asker{kube: kube, name: "may", label: "both", args: append(slices.Clone(arm), "--clientid="+right)}.want(t, "successfully doARMOperations")
		asker{kube: kube, name: "may-not", label: "both", args: append(slices.Clone(arm), "--clientid="+wrong)}.want(t, "AuthorizationFailed")
	})
	t.Run("19 an init container signs in", func(t *testing.T) {
		asker{kube: kube, name: "initially", label: "right", args: []string{"--raw", "--clientid=" + right}, first: true}.want(t, "HTTP 200")
	})
	t.Run("20 an exception by label has the node's identities", func(t *testing.T) {
		if err := kube.Apply(t.Context(), `{"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzurePodIdentityException","metadata":{"name":"mine","namespace":"kube-system"},"spec":{"podLabels":{"excepted":"yes"}}}`); err != nil {
			t.Fatal(err)
		}
		asker{kube: kube, name: "excepted", namespace: "kube-system", labels: `, excepted: "yes"`, args: []string{"--raw"}}.want(t, "HTTP 200")
	})
	t.Run("22 a service principal with a secret", func(t *testing.T) {
		var made struct{ AppID, Password string }
		if err := json.Unmarshal([]byte(az.must("ad", "sp", "create-for-rbac", "--name", "app", "-o", "json")), &made); err != nil {
			t.Fatal(err)
		}
		must(t, kube, "create", "secret", "generic", "sp", "-n", "my-app", "--from-literal=clientSecret="+made.Password)
		if err := kube.Apply(t.Context(), fmt.Sprintf(`{"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzureIdentity","metadata":{"name":"sp","namespace":"my-app"},
			"spec":{"type":1,"tenantID":%q,"clientID":%q,"clientPassword":{"name":"sp","namespace":"my-app"}}}`, cloud.Admin.TenantID, made.AppID)); err != nil {
			t.Fatal(err)
		}
		bind(t, kube, "my-app", "sp", "sp", "sp")
		asker{kube: kube, name: "principal", label: "sp", args: []string{"--raw", "--clientid=" + made.AppID}}.want(t, "HTTP 200 client_id="+made.AppID)
	})
	t.Run("24 the leader goes while pods are made", func(t *testing.T) {
		holder := []string{"get", "lease", "aad-pod-identity-mic", "-n", "kube-system", "-o", "jsonpath={.spec.holderIdentity}"}
		before := output(t, kube, holder...)
		for i := range 3 {
			asker{kube: kube, name: fmt.Sprintf("early-%d", i), label: "right", args: []string{"--load=1s", "--clientid=" + right}}.start(t)
		}
		must(t, kube, "delete", "pod", strings.Split(before, "_")[0], "-n", "kube-system", "--now")
		for i := range 3 {
			asker{kube: kube, name: fmt.Sprintf("afterwards-%d", i), label: "wrong", args: []string{"--load=1s", "--clientid=" + wrong}}.start(t)
		}
		waitFor(t, kube, 2*time.Minute, "six more assignments", func(out string) bool {
			return strings.Count(out, "early-") == 3 && strings.Count(out, "afterwards-") == 3
		},
			"get", "azureassignedidentities", "-A", "-o", `jsonpath={range .items[?(@.status.status=="Assigned")]}{.spec.pod} {end}`)
		if after := output(t, kube, holder...); after == before {
			t.Errorf("%s leads still", after)
		}
	})
	t.Run("27 a malformed resource ID is refused", func(t *testing.T) {
		err := kube.Apply(t.Context(), `{"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzureIdentity","metadata":{"name":"malformed","namespace":"my-app"},"spec":{"type":0,"resourceID":"web","clientID":"c"}}`)
		if err == nil || !strings.Contains(err.Error(), "resourceID") {
			t.Errorf("it was taken: %v", err)
		}
	})
	t.Run("12 13 what was on the nodes stays when the last pod goes", func(t *testing.T) {
		must(t, kube, "delete", "pods", "--all", "-n", "my-app", "--now")
		az.awaitNodes(nodeGroup, map[string]bool{"right": false, "wrong": false, "foreign": true, "c-agentpool": true})
		if got := az.must("vmss", "show", "-g", nodeGroup, "-n", set, "--query", "[identity.principalId, identity.tenantId]", "-o", "tsv"); got != system {
			t.Errorf("the system-assigned identity was %s, is %s", system, got)
		}
	})
	t.Run("lanyard migrate", func(t *testing.T) { wantMigration(t, cloud, az, kube, right) })
	t.Run("a key that signed tokens is taken out of use", func(t *testing.T) {
		wantTokensOfAnotherKey(t, cloud, kube, "--once", "--subscriptionid="+cloud.Admin.SubscriptionID, "--resourcegroup="+nodeGroup, "--clientid="+right)
	})
	var err error // the administrator's token went with its key, too
	if cloud.Credential, cloud.Options, err = cloud.SDK(cloud.Admin.TenantID, cloud.Admin.ClientID, cloud.Admin.ClientSecret); err != nil {
		t.Fatal(err)
	}
	cloud.Delete(t, "rg", "c")
}

// wantTokensOfAnotherKey drops the key behind the token that the node agent holds. A pod that uses that one is refused by ARM; before
// long pods are given a good one, and not when the old one expires.
func wantTokensOfAnotherKey(t *testing.T, cloud *rig.Cloud, kube *kubectl.Kubectl, args ...string) {
	t.Helper()
	asker{kube: kube, name: "before-the-drop", label: "both", args: args}.want(t, "successfully doARMOperations")
	for line := range strings.SplitSeq(keys(t, cloud, "list"), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[1] == "signs" {
			t.Log(keys(t, cloud, "drop", fields[0]))
		}
	}
	const most = 20
	for number := range most {
		name := fmt.Sprintf("after-the-drop-%d", number)
		asker{kube: kube, name: name, label: "both", args: args}.start(t)
		waitFor(t, kube, 2*time.Minute, name+" to have asked", func(phase string) bool { return phase == "Succeeded" || phase == "Failed" },
			"get", "pod", name, "-n", "my-app", "-o", "jsonpath={.status.phase}")
		said := output(t, kube, "logs", name, "-n", "my-app", "-c", "ask")
		if strings.Contains(said, "successfully doARMOperations") {
			t.Logf("pod %d after the drop has a good token", number)
			return
		}
	}
	t.Errorf("%d pods after the drop have no token that ARM takes", most)
}

// wantMigration makes a workload whose identity isn't trusted, asks what a move takes, has it prepared, and asks again.
func wantMigration(t *testing.T, cloud *rig.Cloud, az lanyard, kube *kubectl.Kubectl, client string) {
	t.Helper()
	asker{kube: kube, name: "mover", label: "right", args: []string{"--load=1s", "--clientid=" + client}}.start(t)
	here := az
	here.environment = append(slices.Clone(az.environment), "KUBECONFIG="+kube.Kubeconfig, "PATH="+filepath.Join(cloud.Build, "kube"))
	said := here.must("migrate", "--namespace", "my-app")
	for _, want := range []string{"my-app/right", "az identity federated-credential create --subscription " + cloud.Admin.SubscriptionID, "system:serviceaccount:my-app:default", `--patch '{"spec":{"type":3}}'`} {
		if !strings.Contains(said, want) {
			t.Errorf("it doesn't say %s:\n%s", want, said)
		}
	}
	credentials := []string{"identity", "federated-credential", "list", "-g", "rg", "--identity-name", "right", "--query", "[].subject", "-o", "tsv"}
	if got := az.must(credentials...); got != "" {
		t.Errorf("a dry run made %s", got)
	}
	states := []string{"migrate", "--namespace", "my-app", "--query", "credentials[].state", "-o", "tsv"}
	for _, step := range []struct{ flag, want string }{{"", "missing"}, {"--apply", "created"}, {"--apply", "exists"}} {
		line := states
		if step.flag != "" {
			line = append(slices.Clone(states), step.flag)
		}
		if got := here.must(line...); got != step.want {
			t.Errorf("migrate %s: credentials are %q, want %s", step.flag, got, step.want)
		}
	}
	if got := az.must(credentials...); got != "system:serviceaccount:my-app:default" {
		t.Errorf("the identity trusts %q", got)
	}
}

func bind(t *testing.T, kube *kubectl.Kubectl, namespace, name, identity, selector string) {
	t.Helper()
	if err := kube.Apply(t.Context(), fmt.Sprintf(`{"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzureIdentityBinding","metadata":{"name":%q,"namespace":%q},"spec":{"azureIdentity":%q,"selector":%q}}`, name, namespace, identity, selector)); err != nil {
		t.Fatal(err)
	}
}

// asker is a pod of the demo image.
type asker struct {
	kube            *kubectl.Kubectl
	name, namespace string
	label, labels   string
	args            []string
	first           bool // as an init container
}

func (a asker) start(t *testing.T) asker {
	t.Helper()
	if a.namespace == "" {
		a.namespace = "my-app"
	}
	waitFor(t, a.kube, time.Minute, "the namespace's account", func(string) bool { return true }, "get", "serviceaccount", "default", "-n", a.namespace)
	args, err := json.Marshal(a.args)
	if err != nil {
		t.Fatal(err)
	}
	container := fmt.Sprintf(`{name: ask, image: %q, args: %s, env: [{name: MY_POD_NAME, value: %s}]}`, local.DemoImage, args, a.name)
	containers := "containers: [" + container + "]"
	if a.first {
		containers = fmt.Sprintf("initContainers: [%s]\n  containers: [{name: main, image: %q, args: [--raw]}]", container, local.DemoImage)
	}
	if err := a.kube.Apply(t.Context(), fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: %s, labels: {aadpodidbinding: %q%s}}\nspec:\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 1\n  %s\n",
		a.name, a.namespace, a.label, a.labels, containers)); err != nil {
		t.Fatal(err)
	}
	return a
}

// want lets the pod ask and waits for what it says.
func (a asker) want(t *testing.T, said string) {
	t.Helper()
	a = a.start(t)
	waitFor(t, a.kube, time.Minute, fmt.Sprintf("%q of pod %s", said, a.name), func(out string) bool { return strings.Contains(out, said) }, "logs", a.name, "-n", a.namespace, "-c", "ask")
}

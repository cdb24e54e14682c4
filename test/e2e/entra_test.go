//go:build e2e

package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// TestEntraUsersOfACluster walks through AKS's pages about Microsoft Entra integration with the real az and the real
// kubectl: users and groups bound by Kubernetes' own roles, local accounts disabled, and Azure's roles for Kubernetes.
func TestEntraUsersOfACluster(t *testing.T) {
	cloud := rig.Start(t)
	az := cloud.Az(t)
	tsv := func(args ...string) string { t.Helper(); return az.Must(t, append(args, "-o", "tsv")...) }
	const password = "Correct-horse-battery-1"
	alice := tsv("ad", "user", "create", "--display-name", "Alice", "--user-principal-name", "alice@lanyard.local", "--password", password, "--query", "id")
	admins := tsv("ad", "group", "create", "--display-name", "Admins", "--mail-nickname", "admins", "--query", "id")
	az.Must(t, "ad", "user", "create", "--display-name", "Bob", "--user-principal-name", "bob@lanyard.local", "--password", password)
	bob := tsv("ad", "user", "show", "--id", "bob@lanyard.local", "--query", "id")
	az.Must(t, "ad", "group", "member", "add", "--group", "Admins", "--member-id", bob)
	var robot struct{ AppID, Password string }
	if err := json.Unmarshal([]byte(az.Must(t, "ad", "sp", "create-for-rbac", "--name", "robot", "-o", "json")), &robot); err != nil {
		t.Fatal(err)
	}
	robotID := tsv("ad", "sp", "show", "--id", robot.AppID, "--query", "id")

	az.Must(t, "group", "create", "-n", "rg", "-l", rig.Location)
	az.Must(t, "aks", "create", "-g", "rg", "-n", "c", "--node-count", "1", "--enable-aad", "--aad-admin-group-object-ids", admins, "--generate-ssh-keys")
	cluster := tsv("aks", "show", "-g", "rg", "-n", "c", "--query", "id")

	// The user's kubeconfig holds no credential, and getting it is a right of its own.
	file := filepath.Join(t.TempDir(), "kubeconfig")
	az.Must(t, "aks", "get-credentials", "-g", "rg", "-n", "c", "-f", file)
	if data, err := os.ReadFile(file); err != nil || !strings.Contains(string(data), "kubelogin") || strings.Contains(string(data), "client-key-data") {
		t.Fatalf("the kubeconfig is %v\n%s", err, data)
	}
	as := func(mode string, variables ...string) person {
		return person{t, cloud, file, append(variables, "AAD_LOGIN_METHOD="+mode)}
	}
	user := func(name string) person {
		return as("ropc", "AAD_USER_PRINCIPAL_NAME="+name+"@lanyard.local", "AAD_USER_PRINCIPAL_PASSWORD="+password)
	}

	t.Run("the group of administrators", func(t *testing.T) {
		user("bob").may("get", "nodes")
		if who := user("bob").may("auth", "whoami", "-o", "json"); !strings.Contains(who, `"bob@lanyard.local"`) || !strings.Contains(who, admins) {
			t.Errorf("he is %s", who)
		}
	})
	t.Run("a user without a role, then with one of Kubernetes", func(t *testing.T) {
		user("alice").mayNot(`User "alice@lanyard.local" cannot list resource "pods"`, "get", "pods")
		user("bob").may("create", "rolebinding", "alice", "--clusterrole=view", "--user=alice@lanyard.local")
		user("alice").may("get", "pods")
		user("alice").mayNot("cannot list resource", "get", "pods", "-n", "kube-system")
	})
	t.Run("a service principal is known by its object ID", func(t *testing.T) {
		sp := as("spn", "AZURE_CLIENT_ID="+robot.AppID, "AZURE_CLIENT_SECRET="+robot.Password)
		sp.mayNot(`User "`+robotID+`" cannot list resource "pods"`, "get", "pods")
		user("bob").may("create", "clusterrolebinding", "robot", "--clusterrole=view", "--user="+robotID)
		sp.may("get", "pods", "-A")
	})
	t.Run("who leaves the group is out", func(t *testing.T) {
		az.Must(t, "ad", "group", "member", "remove", "--group", "Admins", "--member-id", bob)
		user("bob").eventuallyNot("cannot list resource", "get", "nodes")
		az.Must(t, "ad", "group", "member", "add", "--group", "Admins", "--member-id", bob)
		user("bob").eventually("get", "nodes")
	})
	t.Run("Azure's roles for Kubernetes", func(t *testing.T) {
		az.Must(t, "aks", "update", "-g", "rg", "-n", "c", "--enable-azure-rbac")
		user("alice").mayNot("User does not have access to the resource in Azure. Update role assignment to allow access.", "get", "nodes")
		az.Must(t, "role", "assignment", "create", "--role", "Azure Kubernetes Service RBAC Reader", "--assignee-object-id", alice, "--assignee-principal-type", "User", "--scope", cluster+"/namespaces/kube-system")
		user("alice").eventually("get", "pods", "-n", "kube-system")
		user("alice").mayNot("does not have access", "get", "secrets", "-n", "kube-system")
		user("alice").mayNot("does not have access", "get", "pods", "-A")
		az.Must(t, "role", "assignment", "create", "--role", "Azure Kubernetes Service RBAC Cluster Admin", "--assignee-object-id", alice, "--assignee-principal-type", "User", "--scope", cluster)
		user("alice").eventually("get", "nodes")
		user("alice").may("create", "namespace", "hers")
		az.Must(t, "role", "assignment", "delete", "--role", "Azure Kubernetes Service RBAC Cluster Admin", "--assignee", alice, "--scope", cluster)
		user("alice").eventuallyNot("does not have access", "get", "nodes")
	})
	t.Run("getting the kubeconfig needs a role of its own", func(t *testing.T) {
		hers := cloud.NewAz(t)
		hers.Must(t, "login", "-u", "alice@lanyard.local", "-p", password, "--tenant", cloud.Admin.TenantID, "--allow-no-subscriptions")
		get := []string{"aks", "get-credentials", "-g", "rg", "-n", "c", "-f", filepath.Join(t.TempDir(), "hers"), "--subscription", cloud.Admin.SubscriptionID}
		if said := hers.Refused(t, get...); !strings.Contains(said, "AuthorizationFailed") || !strings.Contains(said, "listClusterUserCredential/action") {
			t.Errorf("az says %s", said)
		}
		az.Must(t, "role", "assignment", "create", "--role", "Azure Kubernetes Service Cluster User Role", "--assignee-object-id", alice, "--assignee-principal-type", "User", "--scope", cluster)
		hers.Must(t, get...)
		if said := hers.Refused(t, append(get, "--admin")...); !strings.Contains(said, "listClusterAdminCredential/action") {
			t.Errorf("az says %s", said)
		}
	})
	t.Run("local accounts disabled", func(t *testing.T) {
		az.Must(t, "aks", "update", "-g", "rg", "-n", "c", "--disable-local-accounts")
		if said := az.Refused(t, "aks", "get-credentials", "-g", "rg", "-n", "c", "--admin", "-f", "-"); !strings.Contains(said, "Getting static credential is not allowed because this cluster is set to disable local accounts.") {
			t.Errorf("az says %s", said)
		}
		az.Must(t, "aks", "update", "-g", "rg", "-n", "c", "--enable-local-accounts")
		az.Must(t, "aks", "get-credentials", "-g", "rg", "-n", "c", "--admin", "-f", filepath.Join(t.TempDir(), "admin"))
	})
}

// person is somebody at a machine with kubectl, kubelogin and the kubeconfig that az merged.
type person struct {
	t         *testing.T
	cloud     *rig.Cloud
	file      string
	variables []string
}

func (p person) run(args ...string) (string, error) {
	command := exec.CommandContext(p.t.Context(), filepath.Join(p.cloud.Build, "kube", "kubectl"), args...)
	command.Env = append([]string{
		"PATH=" + filepath.Join(p.cloud.Build, "bin") + ":" + os.Getenv("PATH"), "HOME=" + filepath.Dir(p.file), "KUBECONFIG=" + p.file, "SSL_CERT_FILE=" + p.cloud.CAFile(),
	}, p.variables...)
	out, err := command.CombinedOutput()
	return string(out), err
}

func (p person) may(args ...string) string {
	p.t.Helper()
	out, err := p.run(args...)
	if err != nil {
		p.t.Errorf("kubectl %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

func (p person) mayNot(says string, args ...string) {
	p.t.Helper()
	if out, err := p.run(args...); err == nil || !strings.Contains(out, says) {
		p.t.Errorf("kubectl %s: %v: %s\nwant %s", strings.Join(args, " "), err, out, says)
	}
}

// soon is how long a change of roles may take to be felt: API servers remember for seconds what they were told.
const soon = 20 * time.Second

func (p person) eventually(args ...string) {
	p.t.Helper()
	p.until(func(_ string, err error) bool { return err == nil }, args...)
}

func (p person) eventuallyNot(says string, args ...string) {
	p.t.Helper()
	p.until(func(out string, err error) bool { return err != nil && strings.Contains(out, says) }, args...)
}

func (p person) until(holds func(string, error) bool, args ...string) {
	p.t.Helper()
	for deadline := time.Now().Add(soon); ; time.Sleep(200 * time.Millisecond) {
		out, err := p.run(args...)
		if holds(out, err) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Errorf("kubectl %s still says after %s: %v: %s", strings.Join(args, " "), soon, err, out)
			return
		}
	}
}

//go:build e2e

package e2e_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	aks "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/test/e2e/rig"
)

// kills is how often lanyardd is killed in all.
const kills = 20

// TestTwentyKills kills lanyardd with SIGKILL at random moments while a cluster with identities is created, updated and
// deleted, again and again. After each phase what is there is what is there without a kill: resources, role assignments,
// principals, nodes, processes and namespaces.
func TestTwentyKills(t *testing.T) {
	cloud := rig.Start(t)
	az := cloud.Az(t)
	cloud.Group(t, "rg")
	ids := map[string]string{}
	for _, name := range []string{"plane", "kubelet"} {
		ids[name] = az.Must(t, "identity", "create", "-g", "rg", "-n", name, "--query", "id", "-o", "tsv")
	}
	principal := az.Must(t, "identity", "show", "--ids", ids["plane"], "--query", "principalId", "-o", "tsv")
	az.Must(t, "role", "assignment", "create", "--role", "Managed Identity Operator", "--assignee-object-id", principal, "--assignee-principal-type", "ServicePrincipal", "--scope", ids["kubelet"])

	made := rig.NewCluster()
	made.Identity = &aks.ManagedClusterIdentity{Type: to.Ptr(aks.ResourceIdentityTypeUserAssigned),
		UserAssignedIdentities: map[string]*aks.ManagedServiceIdentityUserAssignedIdentitiesValue{ids["plane"]: {}}}
	made.Properties.IdentityProfile = map[string]*aks.UserAssignedIdentity{"kubeletidentity": {ResourceID: to.Ptr(ids["kubelet"])}}
	changed := rig.NewCluster()
	changed.Identity, changed.Properties.IdentityProfile = made.Identity, made.Properties.IdentityProfile
	changed.Properties.AgentPoolProfiles[0].Count = to.Ptr[int32](2)
	changed.Tags = map[string]*string{"changed": to.Ptr("yes")}

	h := &harassed{Cloud: cloud, t: t}
	phases := []struct {
		name string
		run  func()
	}{
		{"created", func() { h.put(made) }},
		{"updated", func() { h.put(changed) }},
		{"deleted", func() { h.remove() }},
	}
	undisturbed := map[string][]string{"": h.facts()}
	for _, phase := range phases {
		phase.run()
		undisturbed[phase.name] = h.facts()
	}
	if diff := cmp.Diff(undisturbed[""], undisturbed["deleted"]); diff != "" {
		t.Fatalf("left behind without any kill (-before +after):\n%s", diff)
	}
	for h.killed < kills && !t.Failed() {
		for _, phase := range phases {
			h.harass(phase.run)
			if diff := cmp.Diff(undisturbed[phase.name], h.facts()); diff != "" {
				t.Errorf("%s under kills, %d so far (-undisturbed +killed):\n%s", phase.name, h.killed, diff)
			}
		}
		t.Logf("%d kills", h.killed)
	}
}

// harassed is a cloud whose lanyardd dies now and then.
type harassed struct {
	*rig.Cloud
	t      *testing.T
	killed int
}

// patience is how long a phase may take with its kills.
const patience = 4 * time.Minute

// harass does something while lanyardd is killed, three times at most, and started again.
func (h *harassed) harass(do func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 3 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Duration(100+rand.IntN(2500)) * time.Millisecond):
			}
			if err := h.Kill(); err != nil {
				h.t.Errorf("killing lanyardd: %v", err)
				return
			}
			h.killed++
			if err := h.Start(h.t.Context()); err != nil {
				h.t.Errorf("starting lanyardd again: %v", err)
				return
			}
		}
	}()
	do()
	cancel()
	<-done
}

// eventually tries until it works; what fails because lanyardd is dead is tried again.
func (h *harassed) eventually(what string, try func() (bool, error)) {
	h.t.Helper()
	var last error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		ok, err := try()
		if ok {
			return
		}
		last = err
	}
	h.t.Fatalf("%s: %v\n%s", what, last, h.LogFile())
}

func (h *harassed) put(body aks.ManagedCluster) {
	h.t.Helper()
	clusters := h.Clusters(h.t)
	h.eventually("putting the cluster", func() (bool, error) {
		_, err := clusters.BeginCreateOrUpdate(h.t.Context(), "rg", "c", body, nil)
		return err == nil || strings.Contains(err.Error(), "OperationNotAllowed"), err
	})
	h.eventually("waiting for the cluster", func() (bool, error) {
		got, err := clusters.Get(h.t.Context(), "rg", "c", nil)
		return err == nil && *got.Properties.ProvisioningState == "Succeeded", err
	})
}

func (h *harassed) remove() {
	h.t.Helper()
	clusters := h.Clusters(h.t)
	h.eventually("deleting the cluster", func() (bool, error) {
		_, err := clusters.BeginDelete(h.t.Context(), "rg", "c", nil)
		return err == nil, err
	})
	h.eventually("waiting for the deletion", func() (bool, error) {
		_, err := clusters.Get(h.t.Context(), "rg", "c", nil)
		return err != nil && strings.Contains(err.Error(), "ResourceNotFound"), err
	})
}

var guid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// facts are what must not depend on kills.
func (h *harassed) facts() []string {
	h.t.Helper()
	h.eventually("lanyardd is ready", func() (bool, error) {
		client, err := h.Client()
		if err != nil {
			return false, err
		}
		answer, err := client.Get(h.Origin() + "/readyz")
		if err == nil {
			answer.Body.Close()
		}
		return err == nil && answer.StatusCode == http.StatusOK, err
	})
	az := h.Az(h.t)
	var all []string
	for _, args := range [][]string{
		{"resource", "list", "--query", "[].id"},
		{"role", "assignment", "list", "--all", "--query", "[].[scope, roleDefinitionName]"},
		{"ad", "sp", "list", "--all", "--query", "[].[displayName, servicePrincipalType]"},
	} {
		lines := strings.Split(az.Must(h.t, append(args, "-o", "tsv")...), "\n")
		slices.Sort(lines)
		for _, line := range lines {
			all = append(all, args[0]+": "+guid.ReplaceAllString(line, "GUID"))
		}
	}
	for _, name := range []string{"kube-apiserver", "kubelet", "containerd"} {
		for range processes(h.t, h.Cloud.Cloud, name) {
			all = append(all, "process: "+name)
		}
	}
	namespaces, err := filepath.Glob(filepath.Join(h.RunDir(), "*", "net", "*"))
	if err != nil {
		h.t.Fatal(err)
	}
	for range namespaces {
		all = append(all, "namespace")
	}
	if _, err := os.Stat(h.RunDir()); err != nil {
		h.t.Fatal(err)
	}
	return all
}

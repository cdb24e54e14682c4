package containerservice_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// badge makes a user-assigned identity; the control plane of the cluster may assign it, if one is given.
func (p *process) badge(name string, grantee *resource.Resource) *resource.Resource {
	p.t.Helper()
	id, _ := p.identity(name)
	if grantee != nil {
		p.grant(operatorRole, id, grantee.Identity.PrincipalID)
	}
	return p.get(armid.MustParse(id))
}

// registered has the feature that the add-on needs.
func registered(w *world) *world {
	w.features = map[string]bool{"Microsoft.ContainerService/EnablePodIdentityPreview": true}
	return w
}

// podIdentities is an update that says what az says: the whole profile.
func podIdentities(enabled bool, entries ...string) string {
	return fmt.Sprintf(`{"location":"westus2","properties":{"podIdentityProfile":{"enabled":%t,"userAssignedIdentities":[%s],"userAssignedIdentityExceptions":[]}}}`,
		enabled, strings.Join(entries, ","))
}

func entry(name string, identity *resource.Resource, more string) string {
	return fmt.Sprintf(`{"name":%q,"namespace":"my-app","identity":{"resourceId":%q}%s}`, name, identity.ID, more)
}

// update sends a document and waits for the end.
func (p *process) update(name, body string) *resource.Resource {
	p.t.Helper()
	if _, _, err := p.put(clusterID(name), body); err != nil {
		p.t.Fatalf("updating %s: %v", name, err)
	}
	p.settle(clusterID(name))
	return p.get(clusterID(name))
}

// states are the pod identities of a cluster's document with their states, and the codes of their errors.
func states(t *testing.T, cluster *resource.Resource) []string {
	t.Helper()
	is, err := resource.Read[struct {
		PodIdentityProfile struct {
			UserAssignedIdentities []struct {
				Name, ProvisioningState string
				ProvisioningInfo        struct {
					Error struct{ Error struct{ Code string } }
				}
			}
		}
	}](cluster)
	if err != nil {
		t.Fatal(err)
	}
	found := []string{}
	for _, i := range is.PodIdentityProfile.UserAssignedIdentities {
		found = append(found, strings.TrimSpace(i.Name+" "+i.ProvisioningState+" "+i.ProvisioningInfo.Error.Error.Code))
	}
	return found
}

// inCluster are the objects of the add-on's own kinds.
func (w *world) inCluster(t *testing.T) []string {
	t.Helper()
	found := []string{}
	for _, sets := range w.sets {
		for _, o := range sets["pod-identity"] {
			if strings.HasPrefix(o.GetAPIVersion(), "aadpodidentity") {
				spec, err := json.Marshal(o.Object["spec"])
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, o.GetKind()+" "+o.GetNamespace()+"/"+o.GetName()+" "+string(spec))
			}
		}
	}
	return found
}

// onScaleSets are the names of the identities of each scale set.
func (p *process) onScaleSets() map[string][]string {
	p.t.Helper()
	sets, err := p.engine.List(p.t.Context(), armid.Root(), "Microsoft.Compute/virtualMachineScaleSets")
	if err != nil {
		p.t.Fatal(err)
	}
	found := map[string][]string{}
	for _, set := range sets {
		for _, key := range set.Identity.Keys() {
			found[set.Tags["aks-managed-poolName"]] = append(found[set.Tags["aks-managed-poolName"]], armid.MustParse(key).Name())
		}
		slices.Sort(found[set.Tags["aks-managed-poolName"]])
	}
	return found
}

func (p *process) expect(step string, want, got any) {
	p.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		p.t.Errorf("%s (-want +got):\n%s", step, diff)
	}
}

const ownException = `AzurePodIdentityException kube-system/aks-addon-exception {"podLabels":{"kubernetes.azure.com/managedby":"aks"}}`

func TestPodIdentityComesAndGoes(t *testing.T) {
	t.Parallel()
	w := registered(newWorld(t))
	p := w.start()
	defer p.stop()
	c := p.create("demo", simple)
	app, second := p.badge("application-identity", c), p.badge("second", c)
	client := func(r *resource.Resource) string {
		is, err := resource.Read[map[string]string](r)
		if err != nil {
			t.Fatal(err)
		}
		return is["clientId"]
	}
	object := func(name, selector string, r *resource.Resource) []string {
		return []string{
			fmt.Sprintf(`AzureIdentity my-app/%s {"clientID":%q,"resourceID":%q,"type":0}`, name, client(r), r.ID),
			fmt.Sprintf(`AzureIdentityBinding my-app/%s-binding {"azureIdentity":%q,"selector":%q}`, name, name, selector),
		}
	}
	p.expect("nothing before", []string{}, w.inCluster(t))

	c = p.update("demo", podIdentities(true))
	p.expect("enabled", []string{ownException}, w.inCluster(t))
	if strings.Contains(string(c.Properties), "userAssignedIdentityExceptions") || strings.Contains(string(c.Properties), "aks-addon-exception") {
		t.Errorf("empty lists and the add-on's own exception aren't shown: %s", c.Properties)
	}

	outcome, _, err := p.put(clusterID("demo"), podIdentities(true, entry("my-pod-identity", app, "")))
	if err != nil {
		t.Fatal(err)
	}
	p.expect("first answer", []string{"my-pod-identity Updating"}, states(t, outcome.Resource))
	p.settle(clusterID("demo"))
	c = p.get(clusterID("demo"))
	p.expect("assigned", []string{"my-pod-identity Assigned"}, states(t, c))
	p.expect("objects", append([]string{ownException}, object("my-pod-identity", "my-pod-identity", app)...), w.inCluster(t))
	p.expect("scale set", map[string][]string{"nodepool1": {"application-identity", "demo-agentpool"}}, p.onScaleSets())
	if strings.Contains(string(c.Properties), "bindingSelector") {
		t.Error("a selector that nobody sent is shown")
	}

	const multi = `,"bindingSelector":"myMultiIdentitySelector"`
	c = p.update("demo", podIdentities(true, entry("one", app, multi), entry("two", second, multi)))
	p.expect("one selector", []string{"one Assigned", "two Assigned"}, states(t, c))
	p.expect("one selector's objects", append(append([]string{ownException}, object("one", "myMultiIdentitySelector", app)...),
		object("two", "myMultiIdentitySelector", second)...), w.inCluster(t))

	// A pool that comes later has them as well.
	p.update("demo", `{"location":"westus2","properties":{"agentPoolProfiles":[{"name":"nodepool1","count":2,"vmSize":"Standard_DS2_v2","mode":"System"},
		{"name":"later","count":1,"vmSize":"Standard_DS2_v2","mode":"User"}]}}`)
	all := []string{"application-identity", "demo-agentpool", "second"}
	p.expect("later pool", map[string][]string{"nodepool1": all, "later": all}, p.onScaleSets())

	if _, _, err := p.put(clusterID("demo"), `{"location":"westus2","properties":{"podIdentityProfile":{"enabled":false}}}`); err == nil || !strings.Contains(err.Error(), "az aks pod-identity delete") {
		t.Errorf("disabling with identities: %v", err)
	}
	c = p.update("demo", podIdentities(true, entry("two", second, multi)))
	p.expect("one is left", []string{"two Assigned"}, states(t, c))
	p.expect("its scale sets", map[string][]string{"nodepool1": {"demo-agentpool", "second"}, "later": {"demo-agentpool", "second"}}, p.onScaleSets())
	p.update("demo", podIdentities(true))
	w.calls = nil
	p.update("demo", `{"location":"westus2","properties":{"podIdentityProfile":{"enabled":false}}}`)
	p.expect("nothing after", []string{}, w.inCluster(t))
	if removal := strings.Join(w.calls, " "); !strings.Contains(removal, "Apply pod-identity Apply pod-identity-removal Apply pod-identity-removal") {
		t.Errorf("nmi's rules aren't taken off the nodes: %v", removal)
	}
	none := []string{"demo-agentpool"}
	p.expect("scale sets after", map[string][]string{"nodepool1": none, "later": none}, p.onScaleSets())
}

func TestPodIdentityExceptions(t *testing.T) {
	t.Parallel()
	w := registered(newWorld(t))
	p := w.start()
	defer p.stop()
	p.create("demo", simple)
	p.update("demo", `{"location":"westus2","properties":{"podIdentityProfile":{"enabled":true,"userAssignedIdentityExceptions":[{"name":"mine","namespace":"ns","podLabels":{"app":"custom"}}]}}}`)
	p.expect("objects", []string{ownException, `AzurePodIdentityException ns/mine {"podLabels":{"app":"custom"}}`}, w.inCluster(t))
}

// What mic, az or anybody else put on a scale set isn't the add-on's to take away.
func TestPodIdentityLeavesOthersIdentitiesOnScaleSets(t *testing.T) {
	t.Parallel()
	w := registered(newWorld(t))
	p := w.start()
	defer p.stop()
	c := p.create("demo", simple)
	app := p.badge("app", c)
	set := p.get(armid.ResourceGroup(subscription, "MC_rg_demo_westus2").Extension("Microsoft.Compute", "virtualMachineScaleSets", strings.TrimSuffix(keys(w.nodes)[0], "000000")))
	if _, err := p.engine.Update(t.Context(), set.ID, func(r *resource.Resource) error {
		r.Identity.Assign(app.ID, resource.UserAssignedIdentity{ClientID: "c", PrincipalID: "p"})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	p.update("demo", podIdentities(true, entry("app", app, "")))
	p.update("demo", podIdentities(true))
	p.expect("after", map[string][]string{"nodepool1": {"app", "demo-agentpool"}}, p.onScaleSets())
}

func TestPodIdentityWithoutTheGrant(t *testing.T) {
	t.Parallel()
	w := registered(newWorld(t))
	p := w.start()
	defer p.stop()
	c := p.create("demo", simple)
	good, bad := p.badge("good", c), p.badge("bad", nil)
	c = p.update("demo", podIdentities(true, entry("good", good, ""), entry("bad", bad, "")))
	p.expect("states", []string{"good Assigned", "bad Failed PodIdentityAddonIdentitiesAssignmentError"}, states(t, c))
	if c.ProvisioningState != resource.Failed {
		t.Errorf("the cluster is %s", c.ProvisioningState)
	}
	if objects := strings.Join(w.inCluster(t), " "); !strings.Contains(objects, "my-app/good") || strings.Contains(objects, "my-app/bad") {
		t.Errorf("objects %s", objects)
	}
	// Given the grant, the same request succeeds.
	p.grant(operatorRole, bad.ID.String(), c.Identity.PrincipalID)
	c = p.update("demo", podIdentities(true, entry("good", good, ""), entry("bad", bad, "")))
	p.expect("granted", []string{"good Assigned", "bad Assigned"}, states(t, c))
	if c.ProvisioningState != resource.Succeeded || strings.Contains(string(c.Properties), "provisioningInfo") {
		t.Errorf("the cluster is %s: %s", c.ProvisioningState, c.Properties)
	}
}

// https://github.com/Azure/aad-pod-identity/issues/1361, https://github.com/Azure/AKS/issues/2203: an entry whose identity
// or grant is gone can be removed all the same.
func TestPodIdentityIssue1361DeleteAfterTheIdentity(t *testing.T) {
	t.Parallel()
	w := registered(newWorld(t))
	p := w.start()
	defer p.stop()
	c := p.create("demo", simple)
	app := p.badge("app", c)
	p.update("demo", podIdentities(true, entry("app", app, "")))
	p.delete(app.ID)
	if c = p.update("demo", podIdentities(true)); c.ProvisioningState != resource.Succeeded {
		t.Errorf("the cluster is %s", c.ProvisioningState)
	}
	p.expect("objects", []string{ownException}, w.inCluster(t))
	p.expect("scale sets", map[string][]string{"nodepool1": {"demo-agentpool"}}, p.onScaleSets())
}

func TestPodIdentityRefusals(t *testing.T) {
	t.Parallel()
	w := registered(newWorld(t))
	p := w.start()
	defer p.stop()
	p.create("there", body(`"dnsPrefix":"demo"`, `"dnsPrefix":"there"`))
	app := p.badge("app", nil)
	many := func(n int, format string) string {
		var all []string
		for i := range n {
			all = append(all, strings.ReplaceAll(format, "N", fmt.Sprint(i)))
		}
		return strings.Join(all, ",")
	}
	gone := strings.Replace(entry("demo", app, ""), "/app", "/gone", 1)
	exceptions := func(text string) string {
		return `{"location":"westus2","properties":{"podIdentityProfile":{"enabled":true,"userAssignedIdentityExceptions":[` + text + `]}}}`
	}
	for _, tc := range []struct {
		name, cluster, body, code, text string
	}{
		{"kubenet without consent", "demo", body(`"networkPlugin":"azure"`, `"networkPlugin":"kubenet"`, `"kubernetesVersion":""`, `"podIdentityProfile":{"enabled":true}`),
			"PodIdentityAddonWithKubeNetNeedsConsent", "Network plugin kubenet is not supported to use with PodIdentity addon."},
		{"identities with the creation", "demo", body(`"kubernetesVersion":""`, `"podIdentityProfile":{"enabled":true,"userAssignedIdentities":[`+entry("demo", app, "")+`]}`),
			"PodIdentityAddonUserAssignedIdentitiesNotAllowedInCreation", ""},
		{"a name that isn't one", "there", podIdentities(true, entry("aso_manager_binding", app, "")), "BadRequest",
			"Name 'aso_manager_binding' is invalid. Please provide a valid and fully qualified DNS name."},
		{"a namespace that isn't one", "there", podIdentities(true, strings.Replace(entry("demo", app, ""), "my-app", "my.app", 1)), "BadRequest", "my.app"},
		{"a selector that no label can be", "there", podIdentities(true, entry("demo", app, `,"bindingSelector":"a b"`)), "InvalidParameter", "a b"},
		{"twice", "there", podIdentities(true, entry("demo", app, ""), entry("demo", app, "")), "InvalidParameter", "my-app/demo"},
		{"201 identities", "there", podIdentities(true, many(201, entry("demoN", app, ""))), "InvalidParameter", "at most 200 pod identities"},
		{"201 exceptions", "there", exceptions(many(201, `{"name":"eN","namespace":"n","podLabels":{}}`)), "InvalidParameter", "at most 200 pod identity exceptions"},
		{"the add-on's exception", "there", exceptions(`{"name":"aks-addon-exception","namespace":"kube-system","podLabels":{}}`), "InvalidParameter", "the addon's own"},
		{"an exception's labels", "there", exceptions(`{"name":"e","namespace":"n","podLabels":{"a b":"c"}}`), "InvalidParameter", "a b=c"},
		{"an identity that isn't there", "there", podIdentities(true, gone), "GetUserAssignedIdentityResourceError", "was not found"},
		{"another identity's client ID", "there", podIdentities(true, strings.Replace(entry("demo", app, ""), `"identity":{`, `"identity":{"clientId":"other",`, 1)), "InvalidParameter", "other"},
		{"an ID of something else", "there", podIdentities(true, strings.Replace(entry("demo", app, ""), "userAssignedIdentities/", "things/", 1)), "InvalidManagedIdentityResourceID", "things"},
	} {
		t.Run(tc.name, func(t *testing.T) { p.refuses(t, tc.cluster, tc.body, tc.code, tc.text) })
	}
	w.features = nil
	t.Run("the feature isn't registered", func(t *testing.T) {
		p.refuses(t, "there", podIdentities(true), "PodIdentityAddonFeatureFlagNotEnabled",
			"PodIdentity addon is not allowed since feature 'Microsoft.ContainerService/EnablePodIdentityPreview' is not enabled. Please see https://aka.ms/aks/previews for how to enable features.")
	})
}

func (p *process) refuses(t *testing.T, cluster, body, code, text string) {
	t.Helper()
	_, _, err := p.put(clusterID(cluster), body)
	var answer *rest.Error
	if !errors.As(err, &answer) {
		t.Fatalf("error %v, want %s", err, code)
	}
	if answer.Code != code || !strings.Contains(answer.Message, text) || answer.Status < 400 || answer.Status > 499 {
		t.Errorf("%d %s: %s; want %s: %s", answer.Status, answer.Code, answer.Message, code, text)
	}
}

func TestPodIdentityLimits(t *testing.T) {
	t.Parallel()
	w := registered(newWorld(t))
	p := w.start()
	defer p.stop()
	c := p.create("demo", simple)
	app := p.badge("app", c)
	var all []string
	for i := range 200 {
		all = append(all, entry(fmt.Sprintf("demo%d", i), app, ""))
	}
	c = p.update("demo", podIdentities(true, all...))
	if got := states(t, c); len(got) != 200 || got[199] != "demo199 Assigned" {
		t.Errorf("%d entries, %s", len(got), c.ProvisioningState)
	}
}

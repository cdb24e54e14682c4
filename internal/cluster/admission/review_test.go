package admission

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
)

const goodID = "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/web"

// world has a few objects, found by looking at each.
type world struct {
	bindings   []*aadpodid.AzureIdentityBinding
	identities []*aadpodid.AzureIdentity
}

func (w world) BindingsBySelector(selector string) (found []*aadpodid.AzureIdentityBinding, _ error) {
	for _, b := range w.bindings {
		if b.Spec.Selector == selector {
			found = append(found, b)
		}
	}
	return found, nil
}

func (w world) Identity(namespace, name string) (*aadpodid.AzureIdentity, error) {
	for _, i := range w.identities {
		if i.Namespace == namespace && i.Name == name {
			return i, nil
		}
	}
	return nil, nil
}

func in(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

func binds(namespace, name, identity, selector string) *aadpodid.AzureIdentityBinding {
	return &aadpodid.AzureIdentityBinding{ObjectMeta: in(namespace, name), Spec: aadpodid.AzureIdentityBindingSpec{AzureIdentity: identity, Selector: selector}}
}

func said(t *testing.T, v verdict, refusal string, warnings ...string) {
	t.Helper()
	switch {
	case (v.refusal == nil) != (refusal == ""):
		t.Errorf("refusal %v, want %q", v.refusal, refusal)
	case v.refusal != nil && !strings.Contains(v.refusal.Error(), refusal):
		t.Errorf("refusal %v, want %q", v.refusal, refusal)
	}
	if len(v.warnings) != len(warnings) {
		t.Fatalf("warnings %q, want %d", v.warnings, len(warnings))
	}
	for i, want := range warnings {
		if !strings.Contains(v.warnings[i], want) {
			t.Errorf("warning %q, want %q", v.warnings[i], want)
		}
	}
}

func TestIdentities(t *testing.T) {
	r := reviewer{rules: match.Rules{NodeClientID: "the-nodes"}}
	foreign := corev1.SecretReference{Namespace: "kube-system", Name: "s"}
	for name, tc := range map[string]struct {
		spec     aadpodid.AzureIdentitySpec
		refusal  string
		warnings []string
	}{
		"as it should be":       {aadpodid.AzureIdentitySpec{ResourceID: goodID, ClientID: "c"}, "", nil},
		"malformed resource ID": {aadpodid.AzureIdentitySpec{ResourceID: "web", ClientID: "c"}, "must look like", nil},
		"no resource ID":        {aadpodid.AzureIdentitySpec{ClientID: "c"}, "must look like", nil},
		"unknown type":          {aadpodid.AzureIdentitySpec{Type: 9}, "spec.type 9 is unknown", nil},
		"the nodes' identity":   {aadpodid.AzureIdentitySpec{ResourceID: goodID, ClientID: "The-Nodes"}, "identity of the nodes", nil},
		"somebody else's secret": {aadpodid.AzureIdentitySpec{Type: 1, ClientID: "c", ClientPassword: foreign},
			"own namespace", nil},
		"no client ID": {aadpodid.AzureIdentitySpec{ResourceID: goodID}, "", []string{"az identity show --ids " + goodID}},
	} {
		t.Run(name, func(t *testing.T) {
			object := &aadpodid.AzureIdentity{ObjectMeta: in("a", "web"), Spec: tc.spec}
			said(t, r.identity(nil, object), tc.refusal, tc.warnings...)
			// What is stored already can still be labelled, released, deleted.
			labelled := object.DeepCopy()
			labelled.Labels = map[string]string{"team": "x"}
			said(t, r.identity(object, labelled), "")
		})
	}
}

func TestBindings(t *testing.T) {
	identity := func(namespace, name string, confined bool) *aadpodid.AzureIdentity {
		i := &aadpodid.AzureIdentity{ObjectMeta: in(namespace, name), Spec: aadpodid.AzureIdentitySpec{ResourceID: goodID, ClientID: "c"}}
		if confined {
			i.Annotations = map[string]string{aadpodid.BehaviorAnnotation: aadpodid.BehaviorNamespaced}
		}
		return i
	}
	w := world{
		identities: []*aadpodid.AzureIdentity{identity("a", "web", false), identity("a", "db", false), identity("b", "secret-name", false),
			identity("c", "confined", true), identity("d", "confined", true)},
		bindings: []*aadpodid.AzureIdentityBinding{
			binds("a", "first", "web", "web"), binds("b", "theirs", "secret-name", "shared"), binds("c", "c", "confined", "local"),
			binds("a", "dangling", "gone", "dangling"),
		},
	}
	for name, tc := range map[string]struct {
		binding  *aadpodid.AzureIdentityBinding
		warnings []string
	}{
		"alone":                             {binds("a", "new", "web", "free"), nil},
		"itself, again":                     {binds("a", "first", "web", "web"), nil},
		"the same identity twice":           {binds("a", "second", "web", "web"), nil},
		"two identities for one selector":   {binds("a", "second", "db", "web"), []string{"AzureIdentityBinding first has the selector"}},
		"across namespaces, without a name": {binds("a", "mine", "web", "shared"), []string{"an AzureIdentityBinding of another namespace"}},
		"both confined to their namespaces": {binds("d", "mine", "confined", "local"), nil},
		"one of the two confined":           {binds("a", "mine", "web", "local"), []string{"another namespace"}},
		"beside one that leads nowhere":     {binds("a", "mine", "web", "dangling"), nil},
		"an identity that isn't there yet":  {binds("a", "new", "later", "free"), []string{"no AzureIdentity later"}},
		"no selector":                       {binds("a", "new", "web", ""), []string{"spec.selector is empty"}},
		"no identity":                       {binds("a", "new", "", "free"), []string{"spec.azureIdentity is empty"}},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := reviewer{view: w}.binding(nil, tc.binding)
			if err != nil {
				t.Fatal(err)
			}
			said(t, v, "", tc.warnings...)
			for _, warning := range v.warnings {
				if strings.Contains(warning, "secret-name") || strings.Contains(warning, "theirs") {
					t.Errorf("%q names an object of another namespace", warning)
				}
			}
		})
	}
}

package match_test

import (
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"pgregory.net/rapid"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
)

// world is a set of objects held in client-go's own indexed stores, so that the
// test goes through the same indexes as the controller.
type world struct {
	bindings, identities cache.Indexer
}

func newWorld() world {
	return world{
		bindings: cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{
			"selector": func(o any) ([]string, error) { return match.BindingSelector(o.(*aadpodid.AzureIdentityBinding)), nil },
			"identity": func(o any) ([]string, error) { return match.BindingIdentity(o.(*aadpodid.AzureIdentityBinding)), nil },
		}),
		identities: cache.NewIndexer(cache.MetaNamespaceKeyFunc, nil),
	}
}

func (w world) BindingsBySelector(selector string) ([]*aadpodid.AzureIdentityBinding, error) {
	found, err := w.bindings.ByIndex("selector", selector)
	var typed []*aadpodid.AzureIdentityBinding
	for _, o := range found {
		typed = append(typed, o.(*aadpodid.AzureIdentityBinding))
	}
	return typed, err
}

func (w world) Identity(namespace, name string) (*aadpodid.AzureIdentity, error) {
	o, ok, err := w.identities.GetByKey(match.Key(namespace, name))
	if !ok || err != nil {
		return nil, err
	}
	return o.(*aadpodid.AzureIdentity), nil
}

// naive is the definition: look at every binding and every identity.
func naive(pod *corev1.Pod, w world, force bool) []string {
	var held []string
	value, asks := pod.Labels["aadpodidbinding"]
	if !asks || value == "" || pod.Spec.NodeName == "" ||
		pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return nil
	}
	for _, i := range w.identities.List() {
		identity := i.(*aadpodid.AzureIdentity)
		for _, b := range w.bindings.List() {
			binding := b.(*aadpodid.AzureIdentityBinding)
			confined := force || identity.Annotations["aadpodidentity.k8s.io/Behavior"] == "namespaced"
			if binding.Spec.Selector == value &&
				binding.Namespace == identity.Namespace && binding.Spec.AzureIdentity == identity.Name &&
				(!confined || pod.Namespace == identity.Namespace) {
				held = append(held, identity.Namespace+"/"+identity.Name)
				break
			}
		}
	}
	sort.Strings(held)
	return held
}

func TestMatchesAreThoseOfTheNaiveProduct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		namespace := rapid.SampledFrom([]string{"a", "b", "c"})
		name := rapid.SampledFrom([]string{"x", "y", "z"})
		value := rapid.SampledFrom([]string{"", "web", "db"})
		w, force := newWorld(), rapid.Bool().Draw(t, "force")

		for range rapid.IntRange(0, 12).Draw(t, "changes") {
			meta := metav1.ObjectMeta{Namespace: namespace.Draw(t, "namespace"), Name: name.Draw(t, "name")}
			gone := rapid.IntRange(0, 4).Draw(t, "gone") == 0
			if rapid.Bool().Draw(t, "binding") {
				change(t, w.bindings, gone, &aadpodid.AzureIdentityBinding{ObjectMeta: meta, Spec: aadpodid.AzureIdentityBindingSpec{
					AzureIdentity: name.Draw(t, "identity"), Selector: value.Draw(t, "selector")}})
				continue
			}
			if rapid.Bool().Draw(t, "namespaced") {
				meta.Annotations = map[string]string{aadpodid.BehaviorAnnotation: "namespaced"}
			}
			change(t, w.identities, gone, &aadpodid.AzureIdentity{ObjectMeta: meta})
		}
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Draw(t, "pod namespace"), Labels: map[string]string{
				aadpodid.PodLabel: value.Draw(t, "label")}},
			Spec:   corev1.PodSpec{NodeName: rapid.SampledFrom([]string{"", "node"}).Draw(t, "node")},
			Status: corev1.PodStatus{Phase: rapid.SampledFrom([]corev1.PodPhase{"Pending", "Running", "Succeeded", "Failed"}).Draw(t, "phase")},
		}

		matches, err := match.Rules{ForceNamespaced: force}.Pod(pod, w)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range matches {
			got = append(got, m.Identity.Namespace+"/"+m.Identity.Name)
			if m.Binding.Namespace != m.Identity.Namespace || m.Binding.Spec.AzureIdentity != m.Identity.Name {
				t.Fatalf("binding %v doesn't name identity %v", m.Binding, m.Identity)
			}
		}
		sort.Strings(got)
		if diff := cmp.Diff(naive(pod, w, force), got); diff != "" {
			t.Fatalf("matches (-naive +got):\n%s", diff)
		}
	})
}

func change(t *rapid.T, store cache.Indexer, gone bool, o any) {
	apply := store.Update
	if gone {
		apply = store.Delete
	}
	if err := apply(o); err != nil {
		t.Fatal(err)
	}
}

func TestOwnNamespaceComesFirst(t *testing.T) {
	w := newWorld()
	for _, ns := range []string{"a", "b", "c"} {
		meta := metav1.ObjectMeta{Namespace: ns, Name: "x"}
		_ = w.identities.Add(&aadpodid.AzureIdentity{ObjectMeta: meta})
		_ = w.bindings.Add(&aadpodid.AzureIdentityBinding{ObjectMeta: meta,
			Spec: aadpodid.AzureIdentityBindingSpec{AzureIdentity: "x", Selector: "web"}})
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "b", Labels: map[string]string{aadpodid.PodLabel: "web"}},
		Spec: corev1.PodSpec{NodeName: "n"}}
	matches, err := match.Rules{}.Pod(pod, w)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range matches {
		got = append(got, m.Identity.Namespace)
	}
	if diff := cmp.Diff([]string{"b", "a", "c"}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestUsable(t *testing.T) {
	const good = "/subscriptions/S/resourcegroups/G/providers/Microsoft.ManagedIdentity/userAssignedIdentities/Web"
	tests := []struct {
		name       string
		kind       aadpodid.IdentityType
		resourceID string
		wantError  string
	}{
		{"managed identity", 0, good, ""},
		{"any letter case", 0, strings.ToUpper(good), ""},
		{"no resource ID", 0, "", "isn't the ID"},
		{"other resource", 0, "/subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/virtualMachines/v", "isn't the ID"},
		{"child of an identity", 0, good + "/federatedIdentityCredentials/f", "isn't the ID"},
		{"not a path", 0, "web", "isn't the ID"},
		{"without group", 0, "/subscriptions/S/providers/Microsoft.ManagedIdentity/userAssignedIdentities/Web", "isn't the ID"},
		{"unknown type", 7, good, "spec.type 7 is unknown"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			err := match.Usable(&aadpodid.AzureIdentity{Spec: aadpodid.AzureIdentitySpec{Type: tc.kind, ResourceID: tc.resourceID}})
			if (err == nil) != (tc.wantError == "") || (err != nil && !strings.Contains(err.Error(), tc.wantError)) {
				t.Errorf("got %v, want %q", err, tc.wantError)
			}
		})
	}
}

func TestUsableServicePrincipalsAndWorkloadIdentities(t *testing.T) {
	secret := func(namespace, name string) corev1.SecretReference {
		return corev1.SecretReference{Namespace: namespace, Name: name}
	}
	for name, tc := range map[string]struct {
		spec      aadpodid.AzureIdentitySpec
		wantError string
	}{
		"secret":                       {aadpodid.AzureIdentitySpec{Type: 1, ClientID: "c", ClientPassword: secret("", "s")}, ""},
		"secret, namespace said aloud": {aadpodid.AzureIdentitySpec{Type: 1, ClientID: "c", ClientPassword: secret("ns", "s")}, ""},
		"secret of somebody else":      {aadpodid.AzureIdentitySpec{Type: 2, ClientID: "c", ClientPassword: secret("kube-system", "s")}, "own namespace"},
		"no secret":                    {aadpodid.AzureIdentitySpec{Type: 2, ClientID: "c"}, "clientPassword.name is missing"},
		"no client":                    {aadpodid.AzureIdentitySpec{Type: 1, ClientPassword: secret("", "s")}, "clientID is missing"},
		"workload":                     {aadpodid.AzureIdentitySpec{Type: 3, ClientID: "c"}, ""},
		"workload without client":      {aadpodid.AzureIdentitySpec{Type: 3}, "clientID is missing"},
	} {
		err := match.Usable(&aadpodid.AzureIdentity{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}, Spec: tc.spec})
		if (err == nil) != (tc.wantError == "") || (err != nil && !strings.Contains(err.Error(), tc.wantError)) {
			t.Errorf("%s: got %v, want %q", name, err, tc.wantError)
		}
	}
}

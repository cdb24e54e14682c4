package cluster_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// What can be seen to be wrong from one object alone the API server refuses by
// itself, by rules in the CRDs; aad-pod-identity took everything, and said in a
// log that it ignored it. The rules must leave alone what works: an object
// without resourceID does in managed mode.
func TestMalformedObjectsAreRefused(t *testing.T) {
	l := newLab(t)
	identity := func(spec aadpodid.AzureIdentitySpec) client.Object {
		return &aadpodid.AzureIdentity{ObjectMeta: namedIn(l.ns, "x"), Spec: spec}
	}
	binding := func(selector string) client.Object {
		return &aadpodid.AzureIdentityBinding{ObjectMeta: namedIn(l.ns, "x"), Spec: aadpodid.AzureIdentityBindingSpec{AzureIdentity: "x", Selector: selector}}
	}
	password := corev1.SecretReference{Name: "s"}
	for name, tc := range map[string]struct {
		object client.Object
		want   string
	}{
		"managed identity":                {identity(aadpodid.AzureIdentitySpec{ResourceID: resourceID("x"), ClientID: "c"}), ""},
		"in any letter case":              {identity(aadpodid.AzureIdentitySpec{ResourceID: strings.ToUpper(resourceID("x"))}), ""},
		"no resource ID, as managed mode": {identity(aadpodid.AzureIdentitySpec{ClientID: "c"}), ""},
		"a name in place of an ID":        {identity(aadpodid.AzureIdentitySpec{ResourceID: "web"}), "resourceID has to look like"},
		"another resource's ID":           {identity(aadpodid.AzureIdentitySpec{ResourceID: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"}), "resourceID has to look like"},
		"a child of an identity":          {identity(aadpodid.AzureIdentitySpec{ResourceID: resourceID("x") + "/federatedIdentityCredentials/f"}), "resourceID has to look like"},
		"unknown type":                    {identity(aadpodid.AzureIdentitySpec{Type: 4, ClientID: "c"}), "type has to be 0"},
		"service principal":               {identity(aadpodid.AzureIdentitySpec{Type: 1, ClientID: "c", ClientPassword: password}), ""},
		"service principal, no client":    {identity(aadpodid.AzureIdentitySpec{Type: 1, ClientPassword: password}), "clientID is needed"},
		"service principal, no secret":    {identity(aadpodid.AzureIdentitySpec{Type: 2, ClientID: "c"}), "clientPassword.name"},
		"workload identity":               {identity(aadpodid.AzureIdentitySpec{Type: 3, ClientID: "c"}), ""},
		"workload identity, no client":    {identity(aadpodid.AzureIdentitySpec{Type: 3}), "clientID is needed"},
		"selector":                        {binding("my_app.v1-a"), ""},
		"no selector":                     {binding(""), ""},
		"label selector in its place":     {binding("app=web"), "isn't a label selector"},
		"selector too long for a label":   {binding(strings.Repeat("a", 64)), "at most 63"},
	} {
		t.Run(name, func(t *testing.T) {
			err := l.kube.Create(t.Context(), tc.object, client.DryRunAll)
			if (err == nil) != (tc.want == "") || (err != nil && !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
	wrongType := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"type": "user-assigned"}}}
	wrongType.SetGroupVersionKind(aadpodid.GroupVersion.WithKind("AzureIdentity"))
	wrongType.SetNamespace(l.ns)
	wrongType.SetName("y")
	if err := l.kube.Create(t.Context(), wrongType); err == nil || !strings.Contains(err.Error(), "spec.type") {
		t.Errorf("a type in words: %v", err)
	}
}

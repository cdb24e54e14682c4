package cluster_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/google/go-cmp/cmp"
)

// The chart's policy for bridges, tried on a real API server. Runtimes take capabilities in any spelling.
func TestNoPodKeepsNetRaw(t *testing.T) {
	l := newLab(t)
	err := install("bridge", func(o unstructured.Unstructured) bool {
		if o.GetName() != "lanyard-drop-net-raw" {
			return false
		}
		if o.GetKind() == "ValidatingAdmissionPolicy" { // here only
			here := map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": l.ns}}
			if err := unstructured.SetNestedMap(o.Object, here, "spec", "matchConstraints", "namespaceSelector"); err != nil {
				t.Fatal(err)
			}
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		capabilities *corev1.Capabilities
		refused      string
	}{
		"nothing":                {nil, "have to drop NET_RAW"},
		"another":                {&corev1.Capabilities{Drop: []corev1.Capability{"CHOWN"}}, "have to drop NET_RAW"},
		"all":                    {&corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}, ""},
		"all-in-small-letters":   {&corev1.Capabilities{Drop: []corev1.Capability{"all"}}, ""},
		"it":                     {&corev1.Capabilities{Drop: []corev1.Capability{"NET_RAW"}}, ""},
		"all-and-add-another":    {&corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"CHOWN"}}, ""},
		"all-and-add-it":         {&corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"NET_RAW"}}, "neither add NET_RAW"},
		"all-and-add-it-small":   {&corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"net_raw"}}, "neither add NET_RAW"},
		"all-and-add-all-small":  {&corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"All"}}, "neither add NET_RAW"},
		"all-and-add-cap-prefix": {&corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{"cap_Net_Raw"}}, "neither add NET_RAW"},
	} {
		l.until(func() string { // the API server takes a moment to know the policy
			pod := &corev1.Pod{ObjectMeta: namedIn(l.ns, "drops-"+name), Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "c", Image: "i", SecurityContext: &corev1.SecurityContext{Capabilities: test.capabilities},
			}}}}
			err := l.kube.Create(t.Context(), pod)
			if err == nil {
				_ = l.kube.Delete(t.Context(), pod)
			}
			if (err != nil) != (test.refused != "") || !strings.Contains(errorText(err), test.refused) {
				return cmp.Diff(test.refused, errorText(err)) + " for a pod that drops " + name
			}
			return ""
		})
	}
}

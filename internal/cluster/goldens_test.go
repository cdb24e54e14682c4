package cluster_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// A real API server takes every object that the chart renders, in all the
// combinations of values that there are golden files of, and knows every field.
func TestAPIServerTakesTheChart(t *testing.T) {
	l := newLab(t)
	kube := client.WithFieldValidation(l.kube, metav1.FieldValidationStrict)
	goldens, err := filepath.Glob(filepath.Join("chart", "testdata", "*.golden.yaml"))
	if err != nil || len(goldens) == 0 {
		t.Fatalf("%d golden files: %v", len(goldens), err)
	}
	for _, golden := range goldens {
		t.Run(strings.TrimSuffix(filepath.Base(golden), ".golden.yaml"), func(t *testing.T) {
			rendered, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			for text := range strings.SplitSeq(string(rendered), "\n---\n") {
				var o unstructured.Unstructured
				if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
					t.Fatal(err)
				}
				if o.Object == nil {
					continue
				}
				if ns := o.GetNamespace(); ns != "" {
					err := l.kube.Create(t.Context(), &corev1.Namespace{ObjectMeta: named(ns)})
					if err != nil && !apierrors.IsAlreadyExists(err) {
						t.Fatal(err)
					}
				}
				err := kube.Patch(t.Context(), &o, client.Apply, client.DryRunAll, client.ForceOwnership, client.FieldOwner("helm"))
				if err != nil {
					t.Errorf("%s %s: %v", o.GetKind(), o.GetName(), err)
				}
			}
		})
	}
}

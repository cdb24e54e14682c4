package helmchart_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/charts"
	"github.com/lanyard-project/lanyard/internal/clusters/helmchart"
)

func names(t *testing.T, r helmchart.Release) []string {
	t.Helper()
	objects, err := helmchart.Render(charts.Lanyard, "lanyard", r)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, o := range objects {
		all = append(all, strings.TrimPrefix(fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName()), " "))
	}
	return all
}

// Managed mode is nmi alone with its self-test, after the kinds that it reads. The pod of helm test isn't there.
func TestTheChartInManagedMode(t *testing.T) {
	got := names(t, helmchart.Release{Name: "lanyard", Namespace: "kube-system", KubernetesVersion: "v1.34.4", Values: map[string]any{"operationMode": "managed"}})
	want := []string{
		"CustomResourceDefinition /azureassignedidentities.aadpodidentity.k8s.io",
		"CustomResourceDefinition /azureidentities.aadpodidentity.k8s.io",
		"CustomResourceDefinition /azureidentitybindings.aadpodidentity.k8s.io",
		"CustomResourceDefinition /azurepodidentityexceptions.aadpodidentity.k8s.io",
		"AzurePodIdentityException kube-system/aks-addon-exception",
		"DaemonSet kube-system/lanyard-nmi",
		"ServiceAccount kube-system/lanyard-nmi",
		"ClusterRole /lanyard-nmi",
		"ClusterRoleBinding /lanyard-nmi",
		"DaemonSet kube-system/lanyard-probe",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestValuesThatTheSchemaRefuses(t *testing.T) {
	_, err := helmchart.Render(charts.Lanyard, "lanyard", helmchart.Release{
		Name: "lanyard", Namespace: "kube-system", KubernetesVersion: "1.34.4", Values: map[string]any{"operationMode": "sideways"},
	})
	if err == nil || !strings.Contains(err.Error(), "operationMode") {
		t.Errorf("error %v", err)
	}
}

func TestNamespaces(t *testing.T) {
	files := fstest.MapFS{
		"c/Chart.yaml":       {Data: []byte("apiVersion: v2\nname: c\nversion: 1.0.0\n")},
		"c/templates/a.yaml": {Data: []byte("kind: ConfigMap\napiVersion: v1\nmetadata: {name: own, namespace: own}\n---\n---\nkind: ConfigMap\napiVersion: v1\nmetadata: {name: release}\n---\nkind: Namespace\napiVersion: v1\nmetadata: {name: whole}\n")},
		"c/templates/t.txt":  {Data: []byte("not an object")},
	}
	objects, err := helmchart.Render(files, "c", helmchart.Release{Name: "r", Namespace: "there", KubernetesVersion: "1.34.4"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.GetNamespace()+"/"+o.GetName())
	}
	if diff := cmp.Diff([]string{"own/own", "there/release", "/whole"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

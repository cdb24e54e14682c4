package objects_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/lanyard-project/lanyard/internal/clusters/objects"
)

func object(kind, namespace, name string, data map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": kind}}
	o.SetNamespace(namespace)
	o.SetName(name)
	if data != nil {
		o.Object["data"] = data
	}
	return o
}

// cluster is a stand-in for an API server; failing decides which changes it refuses.
func cluster(failing func(change string) bool) client.WithWatch {
	check := func(change string, o client.Object) error {
		if failing != nil && failing(change+" "+o.GetName()) {
			return errors.New("cut off")
		}
		return nil
	}
	return fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme).WithInterceptorFuncs(interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, options ...client.ApplyOption) error {
			named, ok := o.(interface{ GetName() string })
			if ok && failing != nil && failing("apply "+named.GetName()) {
				return errors.New("cut off")
			}
			return c.Apply(ctx, o, options...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.DeleteOption) error {
			if err := check("delete", o); err != nil {
				return err
			}
			return c.Delete(ctx, o, options...)
		},
	}).Build()
}

func configMaps(t *testing.T, c client.Client) []string {
	t.Helper()
	var list corev1.ConfigMapList
	if err := c.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	found := []string{}
	for _, m := range list.Items {
		found = append(found, strings.TrimSpace(m.Namespace+"/"+m.Name+" "+m.Data["say"]))
	}
	return found
}

func TestASetComesAndGoesAsAWhole(t *testing.T) {
	c := cluster(nil)
	const inventory = "kube-system/lanyard-set-demo"
	mine := object("ConfigMap", "b", "mine", nil)
	if err := c.Create(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name    string
		objects []*unstructured.Unstructured
		want    []string
	}{
		{name: "nothing yet", want: []string{"b/mine"}},
		{
			name:    "made",
			objects: []*unstructured.Unstructured{object("ConfigMap", "a", "one", map[string]any{"say": "x"}), object("ConfigMap", "a", "two", nil)},
			want:    []string{"a/one x", "a/two", "b/mine"},
		},
		{
			name:    "changed, and one less",
			objects: []*unstructured.Unstructured{object("ConfigMap", "a", "one", map[string]any{"say": "y"})},
			want:    []string{"a/one y", "b/mine"},
		},
		{name: "gone", want: []string{"b/mine"}},
	} {
		if err := objects.Apply(t.Context(), c, objects.Set{Name: "demo", Objects: step.objects}); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		got := configMaps(t, c)
		if len(step.objects) > 0 {
			step.want = append(step.want, inventory)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}

func TestNamespacesStay(t *testing.T) {
	c := cluster(nil)
	if err := objects.Apply(t.Context(), c, objects.Set{Name: "demo", Objects: []*unstructured.Unstructured{object("Namespace", "", "apps", nil)}}); err != nil {
		t.Fatal(err)
	}
	if err := objects.Apply(t.Context(), c, objects.Set{Name: "demo"}); err != nil {
		t.Fatal(err)
	}
	var n corev1.Namespace
	if err := c.Get(t.Context(), client.ObjectKey{Name: "apps"}, &n); err != nil {
		t.Errorf("the namespace, with what others put in it: %v", err)
	}
}

// Wherever a call is cut off, the next one leaves exactly what it wants.
func TestCutOffAnywhere(t *testing.T) {
	for _, at := range []string{"apply one", "apply two", "delete old"} {
		broken := true
		c := cluster(func(change string) bool { return broken && change == at })
		set := objects.Set{Name: "demo", Objects: []*unstructured.Unstructured{object("ConfigMap", "a", "old", nil)}}
		if err := objects.Apply(t.Context(), c, set); err != nil {
			t.Fatal(err)
		}
		set.Objects = []*unstructured.Unstructured{object("ConfigMap", "a", "one", nil), object("ConfigMap", "a", "two", nil)}
		if err := objects.Apply(t.Context(), c, set); err == nil {
			t.Fatalf("%s: wasn't cut off", at)
		}
		broken = false
		set.Objects = nil
		if err := objects.Apply(t.Context(), c, set); err != nil {
			t.Fatal(err)
		}
		if left := configMaps(t, c); len(left) > 0 {
			t.Errorf("cut off at %s: %v are left", at, left)
		}
	}
}

func TestAwaitSaysWhatItWaitsFor(t *testing.T) {
	c := cluster(nil)
	agent := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": map[string]any{"namespace": "kube-system", "name": "agent", "generation": int64(1)},
		"status": map[string]any{"observedGeneration": int64(1), "desiredNumberScheduled": int64(2), "numberReady": int64(1), "updatedNumberScheduled": int64(2)},
	}}
	// Whoever waits gives up when it has been looked at.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	looked := interceptor.NewClient(c, interceptor.Funcs{Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
		if key.Name == agent.GetName() {
			defer cancel()
		}
		return c.Get(ctx, key, o, options...)
	}})
	err := objects.Apply(ctx, looked, objects.Set{Name: "demo", Objects: []*unstructured.Unstructured{agent}, Await: true})
	if err == nil || !strings.Contains(err.Error(), "DaemonSet kube-system/agent: runs on 1 of 2 nodes") {
		t.Errorf("error %v", err)
	}
}

func TestMissingNamesWhatWasDeleted(t *testing.T) {
	c := cluster(nil)
	set := objects.Set{Name: "s", Objects: []*unstructured.Unstructured{object("ConfigMap", "default", "a", nil), object("ConfigMap", "default", "b", nil)}}
	if err := objects.Apply(t.Context(), c, set); err != nil {
		t.Fatal(err)
	}
	missing := func() []string {
		t.Helper()
		gone, err := objects.Missing(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return gone
	}
	if gone := missing(); len(gone) != 0 {
		t.Errorf("missing at first: %v", gone)
	}
	if err := c.Delete(t.Context(), set.Objects[1]); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ConfigMap default/b"}, missing()); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if err := objects.Apply(t.Context(), c, set); err != nil {
		t.Fatal(err)
	}
	if gone := missing(); len(gone) != 0 {
		t.Errorf("missing after it was restored: %v", gone)
	}
}

package assignments_test

import (
	"testing"

	"github.com/lanyard-project/lanyard/internal/node/assignments"
	"github.com/lanyard-project/lanyard/internal/node/kube"
)

func TestExceptions(t *testing.T) {
	exception := func(namespace, name string, labels map[string]string) assignments.ExceptionObject {
		object := assignments.ExceptionObject{Meta: kube.Meta{Namespace: namespace, Name: name}}
		object.Spec.PodLabels = labels
		return object
	}
	e := assignments.NewExceptions()
	if e.Synced() {
		t.Error("synced before anything was read")
	}
	addon := exception("kube-system", "aks-addon-exception", map[string]string{"kubernetes.azure.com/managedby": "aks"})
	e.Replace([]assignments.ExceptionObject{exception("kube-system", "mic-exception", map[string]string{"app": "mic", "component": "mic"}), addon})
	for _, test := range []struct {
		name, namespace, want string
		labels                map[string]string
	}{
		{"by the value in another case", "kube-system", "aks-addon-exception", map[string]string{"kubernetes.azure.com/managedby": "AKS", "x": "y"}},
		{"one of several labels is enough", "kube-system", "mic-exception", map[string]string{"component": "mic"}},
		{"another namespace", "default", "", map[string]string{"app": "mic"}},
		{"another value", "kube-system", "", map[string]string{"app": "microservice"}},
		{"no labels", "kube-system", "", nil},
	} {
		if got := e.Of(test.namespace, test.labels); got != test.want {
			t.Errorf("%s: excepted by %q, want %q", test.name, got, test.want)
		}
	}
	changed := e.Changed()
	e.Remove(addon)
	select {
	case <-changed:
	default:
		t.Error("a removal wakes nobody")
	}
	if got := e.Of("kube-system", map[string]string{"kubernetes.azure.com/managedby": "aks"}); got != "" {
		t.Errorf("still excepted by %q", got)
	}
	e.Apply(exception("kube-system", "empty", nil))
	if got := e.Of("kube-system", nil); got != "" {
		t.Errorf("an exception without labels excepts: %q", got)
	}
}

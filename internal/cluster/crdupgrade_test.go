package cluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster"
)

// The CRDs of aad-pod-identity, which have no rules, no status subresource and no
// conditions, are replaced by ours while mic works and pods come and go: nobody
// loses his identity, what stands there stays, and the conditions appear.
func TestCRDsAreUpgradedWithoutInterruption(t *testing.T) {
	l := newLab(t)
	crds := newDefinitions(t)
	t.Cleanup(crds.upgrade) // other tests need them, whatever becomes of this one
	crds.downgrade()

	node, _ := l.scaleSet("pool", 0)
	l.bound(l.ns, "web", "web")
	malformed := &aadpodid.AzureIdentity{ObjectMeta: namedIn(l.ns, "malformed"), Spec: aadpodid.AzureIdentitySpec{ResourceID: "web", ClientID: "c"}}
	l.create(malformed)
	// The next look at the scale set is what verifies an object from before.
	l.mic(func(o *cluster.Options) { o.DriftInterval = time.Second })
	l.pod(l.ns, "stays", "web", node)
	stays := "default/stays-" + l.ns + "-web=Assigned"
	l.await(stays)
	// The old CRDs leave out the condition that mic writes at each look; that must not keep it from writing it later.
	looks := l.arm.Count("GET")
	l.until(func() string {
		if l.arm.Count("GET") < looks+2 {
			return "mic hasn't looked at the scale set again"
		}
		return ""
	})

	watched := make(chan string, 1)
	stop := make(chan struct{})
	go func() { watched <- l.lost("stays-"+l.ns+"-web", stop) }()
	for i := range 6 {
		name := fmt.Sprintf("passes-%d", i)
		pod := l.pod(l.ns, name, "web", node)
		if i == 2 {
			crds.upgrade()
		}
		l.await(stays, "default/"+name+"-"+l.ns+"-web=Assigned")
		l.delete(pod)
		l.await(stays)
	}
	close(stop)
	if lost := <-watched; lost != "" {
		t.Errorf("while the CRDs changed: %s", lost)
	}

	l.until(func() string {
		var web aadpodid.AzureIdentity
		if err := l.kube.Get(t.Context(), client.ObjectKey{Namespace: l.ns, Name: "web"}, &web); err != nil {
			return err.Error()
		}
		if !meta.IsStatusConditionTrue(web.Status.Conditions, aadpodid.ConditionVerified) {
			return fmt.Sprintf("conditions of the identity: %v", web.Status.Conditions)
		}
		return ""
	})
	// Who has written something that would be refused now can still label and delete it.
	change(l, malformed, func(i *aadpodid.AzureIdentity) { i.Labels = map[string]string{"team": "a"} })
	before := malformed.DeepCopy()
	malformed.Spec.ResourceID = "also-malformed"
	if err := l.kube.Patch(t.Context(), malformed, client.MergeFrom(before)); err == nil || !strings.Contains(err.Error(), "resourceID has to look like") {
		t.Errorf("another malformed resourceID: %v", err)
	}
	l.delete(malformed)
}

// lost follows an assigned identity and tells when it isn't Assigned.
func (l *lab) lost(name string, stop <-chan struct{}) string {
	for {
		select {
		case <-stop:
			return ""
		case <-time.After(step):
		}
		var a aadpodid.AzureAssignedIdentity
		err := l.kube.Get(l.t.Context(), types.NamespacedName{Namespace: "default", Name: name}, &a)
		switch {
		case err != nil && client.IgnoreNotFound(err) != nil:
			// The API server is the one who changes; that it doesn't answer is no loss.
		case err != nil || a.Status.Status != aadpodid.StateAssigned:
			return fmt.Sprintf("%s is %q (%v)", name, a.Status.Status, err)
		}
	}
}

// definitions are the project's CRDs, and what they would be of aad-pod-identity.
type definitions struct {
	t    *testing.T
	kube client.Client
	all  []apiextensionsv1.CustomResourceDefinition
}

func newDefinitions(t *testing.T) definitions {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	kube, err := client.New(api, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../config/crd/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d CRDs: %v", len(files), err)
	}
	d := definitions{t: t, kube: kube}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(raw, &crd); err != nil {
			t.Fatal(err)
		}
		d.all = append(d.all, crd)
	}
	return d
}

func (d definitions) downgrade() {
	for i := range d.all {
		spec := d.all[i].Spec.DeepCopy()
		version := &spec.Versions[0]
		version.Subresources = nil
		forgetRules(version.Schema.OpenAPIV3Schema)
		status := version.Schema.OpenAPIV3Schema.Properties["status"]
		delete(status.Properties, "conditions")
		delete(status.Properties, "observedGeneration")
		d.put(d.all[i].Name, *spec)
	}
	d.await(false)
}

func forgetRules(schema *apiextensionsv1.JSONSchemaProps) {
	schema.XValidations = nil
	for name, property := range schema.Properties {
		forgetRules(&property)
		schema.Properties[name] = property
	}
}

func (d definitions) upgrade() {
	for i := range d.all {
		d.put(d.all[i].Name, d.all[i].Spec)
	}
	d.await(true)
}

func (d definitions) put(name string, spec apiextensionsv1.CustomResourceDefinitionSpec) {
	d.t.Helper()
	ctx := context.WithoutCancel(d.t.Context())                       // clean-up comes after its end
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error { // the API server writes to its status meanwhile
		var crd apiextensionsv1.CustomResourceDefinition
		if err := d.kube.Get(ctx, client.ObjectKey{Name: name}, &crd); err != nil {
			return err
		}
		crd.Spec = spec
		return d.kube.Update(ctx, &crd)
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// await waits until the API server has, or has no more, a status subresource.
func (d definitions) await(want bool) {
	d.t.Helper()
	found, err := discovery.NewDiscoveryClientForConfig(api)
	if err != nil {
		d.t.Fatal(err)
	}
	(&lab{t: d.t}).until(func() string {
		list, err := found.ServerResourcesForGroupVersion(aadpodid.GroupVersion.String())
		if err != nil {
			return err.Error()
		}
		for _, r := range list.APIResources {
			if r.Name == "azureidentities/status" {
				if want {
					return ""
				}
				return "there is a status subresource still"
			}
		}
		if want {
			return "there is no status subresource yet"
		}
		return ""
	})
}

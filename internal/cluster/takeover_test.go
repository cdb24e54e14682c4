package cluster_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster"
)

// aad-pod-identity's own objects are taken over: those in use without an
// interruption, those that nobody uses are cleaned up in Azure as well.
func TestObjectsOfThePredecessorAreTakenOver(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 0, resourceID("web"), resourceID("old"))
	web, webBinding := l.bound(l.ns, "web", "web")
	old, oldBinding := l.bound(l.ns, "old", "nobody")
	l.pod(l.ns, "demo", "web", node)
	l.create(predecessors("demo", l.ns, node, web, webBinding))
	l.create(predecessors("gone", l.ns, node, old, oldBinding))
	stateLost := make(chan struct{}, 1)
	l.mic()
	go func() {
		for {
			select {
			case <-t.Context().Done():
				return
			case <-time.After(step):
			}
			var a aadpodid.AzureAssignedIdentity
			key := types.NamespacedName{Namespace: "default", Name: "demo-" + l.ns + "-web"}
			if err := l.kube.Get(t.Context(), key, &a); err == nil && a.Status.Status != "Assigned" {
				stateLost <- struct{}{}
				return
			}
		}
	}()
	l.await("default/demo-" + l.ns + "-web=Assigned")
	l.awaitAzure(set, "web")
	select {
	case <-stateLost:
		t.Error("the pod in use lost its identity for a while")
	default:
	}
}

func predecessors(pod, ns, node string, i *aadpodid.AzureIdentity, b *aadpodid.AzureIdentityBinding) *aadpodid.AzureAssignedIdentity {
	a := &aadpodid.AzureAssignedIdentity{
		ObjectMeta: namedIn("default", pod+"-"+ns+"-"+i.Name),
		Spec: aadpodid.AzureAssignedIdentitySpec{
			AzureIdentityRef: i.DeepCopy(), AzureBindingRef: b.DeepCopy(), Pod: pod, PodNamespace: ns, NodeName: node,
		},
		Status: aadpodid.AzureAssignedIdentityStatus{Status: "Assigned", AvailableReplicas: 1},
	}
	a.Spec.AzureIdentityRef.SetGroupVersionKind(aadpodid.GroupVersion.WithKind("AzureIdentity"))
	a.Spec.AzureBindingRef.SetGroupVersionKind(aadpodid.GroupVersion.WithKind("AzureIdentityBinding"))
	a.Labels = map[string]string{"nodename": node}
	a.Finalizers = []string{"azureassignedidentity.finalizers.aadpodidentity.k8s.io"}
	return a
}

func TestStandbyTakesOver(t *testing.T) {
	l := newLab(t)
	node, set := l.scaleSet("pool", 0)
	l.bound(l.ns, "web", "web")
	replica := func(port string) func(*cluster.Options) {
		return func(o *cluster.Options) {
			o.Election = cluster.Election{Name: "aad-pod-identity-mic", Namespace: "kube-system", Duration: 3 * time.Second}
			o.ProbeAddress, o.Metrics = "127.0.0.1:"+port, prometheus.NewRegistry()
		}
	}
	stop := l.mic(replica("28081"))
	l.awaitBody("http://127.0.0.1:28081/healthz", "Active")
	l.mic(replica("28082"))
	l.awaitBody("http://127.0.0.1:28082/readyz", "ok")
	l.awaitBody("http://127.0.0.1:28082/healthz", "Not Active")
	pod := l.pod(l.ns, "demo", "web", node)
	l.await("default/demo-" + l.ns + "-web=Assigned")
	stop()
	l.awaitBody("http://127.0.0.1:28082/healthz", "Active")
	l.delete(pod)
	l.await()
	l.awaitAzure(set)
}

func (l *lab) awaitBody(url, want string) {
	l.t.Helper()
	l.until(func() string {
		req, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, url, nil)
		if err != nil {
			return err.Error()
		}
		resp, err := new(http.Client).Do(req)
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err.Error()
		}
		return cmp.Diff(want, string(body))
	})
}

func TestMalformedIdentityIsExplained(t *testing.T) {
	l := newLab(t)
	node, _ := l.scaleSet("pool", 0)
	identity, _ := l.bound(l.ns, "web", "web")
	change(l, identity, func(i *aadpodid.AzureIdentity) { i.Spec.ResourceID = "web" })
	l.mic()
	l.pod(l.ns, "demo", "web", node)
	l.awaitEvent("AzureIdentity", "web", `spec.resourceID "web"`, "must look like")
	l.await()
}

package cluster_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster"
	"github.com/lanyard-project/lanyard/internal/loopback/loopbacktest"
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
	replica := func(address string) func(*cluster.Options) {
		return func(o *cluster.Options) {
			o.Election = cluster.Election{Name: "aad-pod-identity-mic", Namespace: "kube-system", Duration: aLongLead, Retry: 10 * step}
			o.ProbeAddress, o.Metrics = address, prometheus.NewRegistry()
		}
	}
	first, second := loopbacktest.Free(t), loopbacktest.Free(t)
	stop := l.mic(replica(first))
	l.awaitBody("http://"+first+"/healthz", "Active")
	l.mic(replica(second))
	l.awaitBody("http://"+second+"/readyz", "ok")
	l.awaitBody("http://"+second+"/healthz", "Not Active")
	pod := l.pod(l.ns, "demo", "web", node)
	l.await("default/demo-" + l.ns + "-web=Assigned")
	stop()
	l.awaitBody("http://"+second+"/healthz", "Active")
	l.delete(pod)
	l.await()
	l.awaitAzure(set)
}

// Two controllers that both change scale sets would undo each other's work, so
// aad-pod-identity's mic and this one hold the same lock during a migration.
func TestPredecessorAndThisNeverWorkTogether(t *testing.T) {
	l := newLab(t)
	const name = "aad-pod-identity-mic"
	elsewhere := oldElection{l.kube, "default", name}
	elsewhere.write(t, "aad-pod-identity-mic-0", aLongLead)
	address := loopbacktest.Free(t)
	l.mic(func(o *cluster.Options) {
		o.Election = cluster.Election{
			Name: name, Namespace: "kube-system", Duration: aLongLead, Retry: 10 * step,
			Predecessor: types.NamespacedName{Namespace: "default", Name: name},
		}
		o.ProbeAddress = address
	})
	l.awaitBody("http://"+address+"/readyz", "ok")
	for range 50 { // many times as long as a standby waits between two tries
		l.awaitBody("http://"+address+"/healthz", "Not Active")
		time.Sleep(step)
	}
	elsewhere.write(t, "aad-pod-identity-mic-0", time.Second) // its last sign of life
	l.awaitBody("http://"+address+"/healthz", "Active")
	taken := elsewhere.read(t)
	if strings.HasPrefix(taken.HolderIdentity, name) || taken.LeaseDurationSeconds != int(aLongLead.Seconds()) {
		t.Errorf("the old lock says %+v, so that an old mic would start to work", taken)
	}
	l.until(func() string {
		if now := elsewhere.read(t); !now.RenewTime.After(taken.RenewTime.Time) {
			return fmt.Sprintf("the old lock isn't renewed: %+v", now)
		}
		return ""
	})
}

// aLongLead is a lease that no load of the machine lets expire.
const aLongLead = time.Hour

// oldElection is a FAKE of aad-pod-identity's leader: it writes the record that
// client-go's Endpoints lock wrote.
type oldElection struct {
	kube            client.Client
	namespace, name string
}

func (e oldElection) write(t *testing.T, holder string, lasts time.Duration) {
	t.Helper()
	now := metav1.Now()
	record, err := json.Marshal(resourcelock.LeaderElectionRecord{
		HolderIdentity: holder, LeaseDurationSeconds: int(lasts.Seconds()), AcquireTime: now, RenewTime: now,
	})
	if err != nil {
		t.Error(err)
		return
	}
	o := &corev1.Endpoints{ObjectMeta: metav1.ObjectMeta{Namespace: e.namespace, Name: e.name}}
	_, err = controllerutil.CreateOrUpdate(t.Context(), e.kube, o, func() error {
		metav1.SetMetaDataAnnotation(&o.ObjectMeta, resourcelock.LeaderElectionRecordAnnotationKey, string(record))
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func (e oldElection) read(t *testing.T) (record resourcelock.LeaderElectionRecord) {
	t.Helper()
	var o corev1.Endpoints
	if err := e.kube.Get(t.Context(), types.NamespacedName{Namespace: e.namespace, Name: e.name}, &o); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(o.Annotations[resourcelock.LeaderElectionRecordAnnotationKey]), &record); err != nil {
		t.Fatal(err)
	}
	return record
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
	change(l, identity, func(i *aadpodid.AzureIdentity) { i.Spec.ResourceID = "" })
	l.mic()
	l.pod(l.ns, "demo", "web", node)
	l.awaitEvent("AzureIdentity", "web", `spec.resourceID ""`, "must look like")
	l.await()
}

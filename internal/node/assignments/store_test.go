package assignments_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/node/assignments"
	"github.com/lanyard-project/lanyard/internal/node/grant"
)

// written is an AzureAssignedIdentity as the controller writes it, with the empty metadata that the kinds carry inside.
const written = `{"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzureAssignedIdentity",
"metadata":{"name":"web-my-app-demo","namespace":"default","uid":"u1","labels":{"nodename":"n1"},"creationTimestamp":"2026-01-02T03:04:05Z"},
"spec":{"metadata":{"creationTimestamp":null},
 "azureIdentityRef":{"metadata":{"name":"demo","namespace":"my-app","creationTimestamp":null,"annotations":{"aadpodidentity.k8s.io/Behavior":"namespaced"}},
  "spec":{"metadata":{"creationTimestamp":null},"type":0,"resourceID":"/r/demo","clientID":"c1"},"status":{"metadata":{"creationTimestamp":null}}},
 "azureBindingRef":{"metadata":{"name":"b","namespace":"my-app"},"spec":{"azureIdentity":"demo","selector":"demo","weight":0}},
 "pod":"web","podNamespace":"my-app","nodename":"n1","replicas":1},
"status":{"metadata":{"creationTimestamp":null},"status":"Assigned","availableReplicas":1}}`

func object(t *testing.T, replace ...string) assignments.Object {
	t.Helper()
	var o assignments.Object
	if err := json.Unmarshal([]byte(strings.NewReplacer(replace...).Replace(written)), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestStore(t *testing.T) {
	var gone []string
	s := assignments.NewStore("n1", func(i grant.Identity) { gone = append(gone, i.ClientID) })
	want := grant.Assigned{
		Identity:     grant.Identity{ClientID: "c1", ResourceID: "/r/demo"},
		IdentityName: "demo", IdentityNamespace: "my-app", Namespaced: true, Selector: "demo", State: grant.StateAssigned,
	}
	if s.Synced() {
		t.Error("an empty store is synced")
	}
	s.Replace([]assignments.Object{
		object(t),
		object(t, `"u1"`, `"u2"`, `"pod":"web"`, `"pod":"db"`),
		object(t, `"u1"`, `"u3"`, `"pod":"web"`, `"pod":"far"`, `"nodename":"n1"`, `"nodename":"n2"`), // a label that lies
		object(t, `"u1"`, `"u4"`, `"pod":"web"`, `"pod":"bare"`, `"azureBindingRef"`, `"x"`),
	})
	if diff := cmp.Diff([]grant.Assigned{want}, s.Of(grant.Pod{Namespace: "my-app", Name: "web"})); diff != "" {
		t.Errorf("web (-want +got):\n%s", diff)
	}
	for _, pod := range []string{"far", "bare", "nobody"} {
		if got := s.Of(grant.Pod{Namespace: "my-app", Name: pod}); len(got) > 0 {
			t.Errorf("%s has %+v", pod, got)
		}
	}
	if got := s.Of(grant.Pod{Namespace: "other", Name: "web"}); len(got) > 0 {
		t.Errorf("a pod of that name in another namespace has %+v", got)
	}

	changed := s.Changed()
	// the finalizer holds the object for a while, but it entitles nobody any more
	s.Apply(object(t, `"uid":"u1"`, `"uid":"u1","deletionTimestamp":"2026-01-02T03:04:06Z"`))
	select {
	case <-changed:
	default:
		t.Error("a change wakes nobody")
	}
	if got := s.Of(grant.Pod{Namespace: "my-app", Name: "web"}); len(got) > 0 {
		t.Errorf("after deletion began: %+v", got)
	}
	if len(gone) > 0 {
		t.Errorf("%v is reported gone, but another pod has it", gone)
	}
	s.Apply(object(t, `"u1"`, `"u2"`, `"pod":"web"`, `"pod":"db"`, `"Assigned"`, `"Unassigned"`))
	if diff := cmp.Diff([]string{"c1"}, gone); diff != "" {
		t.Errorf("gone (-want +got):\n%s", diff)
	}
	s.Remove(object(t))
	s.Remove(object(t, `"u1"`, `"u2"`))
	if s.Len() != 0 {
		t.Errorf("%d entries left", s.Len())
	}
}

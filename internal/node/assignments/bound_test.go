package assignments_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/node/assignments"
	"github.com/lanyard-project/lanyard/internal/node/grant"
	"github.com/lanyard-project/lanyard/internal/node/kube"
)

func identity(namespace, name, client string) assignments.IdentityObject {
	return assignments.IdentityObject{
		Meta: kube.Meta{Namespace: namespace, Name: name, UID: "i-" + namespace + "-" + name},
		Spec: assignments.IdentitySpec{ResourceID: "/r/" + client, ClientID: client},
	}
}

func binding(namespace, name, azureIdentity, selector string) assignments.BindingObject {
	b := assignments.BindingObject{Meta: kube.Meta{Namespace: namespace, Name: name, UID: "b-" + namespace + "-" + name}}
	b.Spec.AzureIdentity, b.Spec.Selector = azureIdentity, selector
	return b
}

// clients gives the client IDs that a label in a namespace leads to; "?" is an identity that is missing.
func clients(b *assignments.Bound, namespace, label string) []string {
	list := []string{}
	for _, a := range b.Of(grant.Pod{Namespace: namespace, Name: "any", Label: label}) {
		if a.IdentityNamespace != namespace || a.Selector != label {
			list = append(list, fmt.Sprintf("%+v", a))
		}
		if a.State == grant.StateMissing {
			list = append(list, "?")
		} else {
			list = append(list, a.Identity.ClientID)
		}
	}
	slices.Sort(list)
	return list
}

func TestBound(t *testing.T) {
	now := time.Now()
	var gone []string
	b := assignments.NewBound(func(i grant.Identity) { gone = append(gone, i.ClientID) })
	i, n := b.Identities(), b.Bindings()
	n.Replace([]assignments.BindingObject{binding("a", "one", "demo", "web")})
	if b.Synced() {
		t.Error("bindings without identities are taken for everything")
	}
	for _, step := range []struct {
		name   string
		change func()
		want   []string // of label web in namespace a
		gone   []string
		silent bool // wakes nobody
	}{
		{name: "identities are read", change: func() {
			i.Replace([]assignments.IdentityObject{identity("a", "demo", "c1"), identity("b", "demo", "c2")})
		}, want: []string{"c1"}},
		{name: "the same again", change: func() { n.Apply(binding("a", "one", "demo", "web")) }, want: []string{"c1"}, silent: true},
		{name: "an identity that nothing names", change: func() { i.Apply(identity("a", "other", "c3")) }, want: []string{"c1"}, silent: true},
		{name: "a second binding", change: func() { n.Apply(binding("a", "two", "other", "web")) }, want: []string{"c1", "c3"}},
		{name: "a binding of another namespace", change: func() { n.Apply(binding("b", "one", "demo", "web")) }, want: []string{"c1", "c3"}},
		{name: "a binding to another namespace's identity", change: func() { n.Apply(binding("a", "far", "only-in-b", "web")) },
			want: []string{"?", "c1", "c3"}},
		{name: "which exists", change: func() { i.Apply(identity("b", "only-in-b", "c4")) }, want: []string{"?", "c1", "c3"}, silent: true},
		{name: "the binding goes", change: func() { n.Remove(binding("a", "far", "only-in-b", "web")) }, want: []string{"c1", "c3"}},
		{name: "the identity is edited", change: func() { i.Apply(identity("a", "demo", "c5")) }, want: []string{"c3", "c5"}, gone: []string{"c1"}},
		{name: "the binding is edited", change: func() { n.Apply(binding("a", "one", "demo", "else")) }, want: []string{"c3"}},
		{name: "it selects nobody", change: func() { n.Apply(binding("a", "one", "demo", "")) }, want: []string{"c3"}, gone: []string{"c5"}},
		{name: "it comes back", change: func() { n.Apply(binding("a", "one", "demo", "web")) }, want: []string{"c3", "c5"}},
		{name: "its deletion begins", change: func() {
			going := binding("a", "one", "demo", "web")
			going.Deleted = &now
			n.Apply(going)
		}, want: []string{"c3"}, gone: []string{"c5"}},
		{name: "the identity's deletion begins", change: func() {
			going := identity("a", "other", "c3")
			going.Deleted = &now
			i.Apply(going)
		}, want: []string{"?"}, gone: []string{"c3"}},
		{name: "it is deleted", change: func() { i.Remove(identity("a", "other", "c3")) }, want: []string{"?"}, silent: true},
		{name: "made again under its name", change: func() { i.Apply(identity("a", "other", "c6")) }, want: []string{"c6"}},
		{name: "bindings are read again", change: func() { n.Replace([]assignments.BindingObject{binding("a", "three", "other", "web")}) },
			want: []string{"c6"}, gone: []string{"c2"}},
		{name: "identities are read again", change: func() { i.Replace(nil) }, want: []string{"?"}, gone: []string{"c6"}},
	} {
		gone = nil
		changed := b.Changed()
		step.change()
		if diff := cmp.Diff(step.want, clients(b, "a", "web")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
		if diff := cmp.Diff(step.gone, gone); diff != "" {
			t.Errorf("%s: gone (-want +got):\n%s", step.name, diff)
		}
		select {
		case <-changed:
			if step.silent {
				t.Errorf("%s wakes everybody", step.name)
			}
		default:
			if !step.silent {
				t.Errorf("%s wakes nobody", step.name)
			}
		}
	}
	if !b.Synced() || b.Len() != 1 {
		t.Errorf("synced %t, %d entries", b.Synced(), b.Len())
	}
	n.Apply(binding("a", "empty", "other", ""))
	if got := clients(b, "a", ""); len(got) > 0 {
		t.Errorf("a pod without the label has %v", got)
	}
}

// Whatever the order of events, the answer is that of a fresh reading, and exactly those identities are reported gone that
// could be used before and can't be any more.
func TestBoundAgreesWithAFreshReading(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(prefix string, n int) string { return fmt.Sprint(prefix, random.IntN(n)) }
	usable := map[string]bool{}
	var gone []string
	b := assignments.NewBound(func(i grant.Identity) { gone = append(gone, i.ClientID) })
	identities, bindings := map[string]assignments.IdentityObject{}, map[string]assignments.BindingObject{}
	b.Identities().Replace(nil)
	b.Bindings().Replace(nil)
	for round := range 3000 {
		i := identity(pick("ns", 2), pick("id", 3), pick("c", 4))
		n := binding(pick("ns", 2), pick("b", 4), pick("id", 3), pick("", 2))
		switch random.IntN(5) {
		case 0, 1:
			identities[i.UID] = i
			b.Identities().Apply(i)
		case 2:
			delete(identities, i.UID)
			b.Identities().Remove(i)
		case 3:
			bindings[n.UID] = n
			b.Bindings().Apply(n)
		case 4:
			delete(bindings, n.UID)
			b.Bindings().Remove(n)
		}
		now := map[string]bool{}
		want := map[string][]string{}
		for _, n := range bindings {
			client := "?"
			if i, ok := identities["i-"+n.Namespace+"-"+n.Spec.AzureIdentity]; ok {
				client = i.Spec.ClientID
				now[client] = true
			}
			at := n.Namespace + " " + n.Spec.Selector
			want[at] = append(want[at], client)
		}
		for _, at := range []string{"ns0 0", "ns0 1", "ns1 0", "ns1 1"} {
			namespace, label, _ := strings.Cut(at, " ")
			expected := append([]string{}, want[at]...)
			slices.Sort(expected)
			if diff := cmp.Diff(expected, clients(b, namespace, label)); diff != "" {
				t.Fatalf("round %d, %s (-want +got):\n%s", round, at, diff)
			}
		}
		lost := []string{}
		for client := range usable {
			if !now[client] {
				lost = append(lost, client)
			}
		}
		slices.Sort(lost)
		slices.Sort(gone)
		if diff := cmp.Diff(lost, append([]string{}, gone...)); diff != "" {
			t.Fatalf("round %d: gone (-want +got):\n%s", round, diff)
		}
		usable, gone = now, nil
	}
}

func TestBoundReadsTheKinds(t *testing.T) {
	var i assignments.IdentityObject
	var n assignments.BindingObject
	for text, into := range map[string]any{
		`{"kind":"AzureIdentity","metadata":{"name":"demo","namespace":"a","uid":"u"},"spec":{"metadata":{"creationTimestamp":null},
			"type":1,"resourceID":"/r","clientID":"c","clientPassword":{}},"status":{}}`: &i,
		`{"kind":"AzureIdentityBinding","metadata":{"name":"b","namespace":"a","uid":"v"},"spec":{"azureIdentity":"demo","selector":"web","weight":3}}`: &n,
	} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	b := assignments.NewBound(func(grant.Identity) {})
	b.Identities().Apply(i)
	b.Bindings().Apply(n)
	want := []grant.Assigned{{
		Identity:     grant.Identity{Kind: grant.KindServicePrincipalSecret, ClientID: "c", Object: "a/demo"},
		IdentityName: "demo", IdentityNamespace: "a", Namespaced: true, Selector: "web", State: grant.StateAssigned,
	}}
	if diff := cmp.Diff(want, b.Of(grant.Pod{Namespace: "a", Label: "web"})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

package lab_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// identify makes an AzureIdentity in a namespace, or edits it.
func (a *fakeAPI) identify(namespace, name string, i identity) {
	a.put(identitiesPath, namespace+"/"+name, map[string]any{
		"metadata": map[string]any{"name": name, "namespace": namespace, "uid": "uid-i-" + namespace + "-" + name},
		"spec":     map[string]any{"type": 0, "resourceID": i.resourceID(), "clientID": i.clientID},
	})
}

// bind makes an AzureIdentityBinding in a namespace and gives its name in the fake.
func (a *fakeAPI) bind(namespace, name, azureIdentity, selector string) string {
	a.put(bindingsPath, namespace+"/"+name, map[string]any{
		"metadata": map[string]any{"name": name, "namespace": namespace, "uid": "uid-b-" + namespace + "-" + name},
		"spec":     map[string]any{"azureIdentity": azureIdentity, "selector": selector},
	})
	return namespace + "/" + name
}

// kubelet is the nodes' own identity.
var kubelet = identity{name: "kubelet", clientID: "33333333-cccc-4000-8000-000000000003", objectID: "33333333-cccc-4000-8000-0000000000ff"}

func managedWorld(t *testing.T, more ...string) *world {
	w := newWorld(t)
	w.metadata.attach(demo)
	w.metadata.attach(other)
	delete(w.api.objects, assignmentsPath) // the chart gives no right to read them
	file := filepath.Join(w.folder, "azure.json")
	if err := os.WriteFile(file, []byte(`{"userAssignedIdentityID":"`+kubelet.clientID+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w.metadata.attach(kubelet)
	w.agent(append([]string{"--operation-mode=managed", "--cloudconfig=" + file}, more...)...)
	return w
}

func TestManagedPodGetsItsIdentity(t *testing.T) {
	t.Parallel()
	w := managedWorld(t)
	w.api.identify("my-app", "demo", demo)
	w.api.bind("my-app", "demo-binding", "demo", "web")
	p := w.pod("web", "10.77.1.2", "web")

	p.wantToken("", "demo")
	p.wantToken("&client_id="+strings.ToUpper(demo.clientID), "demo")
	p.wantToken("&mi_res_id="+url.QueryEscape(strings.ToUpper(demo.resourceID())), "demo")
	p.wantToken("&object_id="+demo.objectID, "demo")
	p.wantRefusal("&client_id="+other.clientID, 400, "Identity not found (the requested identity is not assigned to pod my-app/web)")

	unlabelled := w.pod("plain", "10.77.1.3", "")
	unlabelled.wantRefusal("", 400, "Identity not found (pod my-app/plain has no label aadpodidbinding)")

	// several with one selector, as seed 003 tells
	w.api.identify("my-app", "other", other)
	w.api.bind("my-app", "other-binding", "other", "web")
	w.eventually("two identities are an ambiguity", func() bool {
		status, body, _ := fetch(p.namespace, nil, tokenURL)
		return status == http.StatusBadRequest && strings.Contains(body, "Multiple user assigned identities exist")
	})
	p.wantToken("&client_id="+demo.clientID, "demo")
	p.wantToken("&client_id="+other.clientID, "other")

	if strangers := w.metadata.visitors(); len(strangers) > 0 {
		t.Errorf("pods reached the metadata service from %v", strangers)
	}
}

// aad-pod-identity issue 1280: bindings of one namespace matched pods of another.
func TestManagedBindingsStayInTheirNamespace_Issue1280(t *testing.T) {
	t.Parallel()
	w := managedWorld(t)
	w.api.identify("elsewhere", "demo", demo)
	w.api.bind("elsewhere", "demo-binding", "demo", "web")
	w.api.bind("my-app", "reaching", "demo", "db") // to an identity that is in the other namespace only

	for _, test := range []struct{ name, address, label, want string }{
		{"web", "10.77.1.2", "web", `is there an AzureIdentityBinding with selector \"web\" in namespace my-app?`},
		{"db", "10.77.1.3", "db", "AzureIdentity my-app/demo, which an AzureIdentityBinding names, does not exist"},
	} {
		p := w.pod(test.name, test.address, test.label)
		p.wantRefusal("", 400, test.want) // a newborn pod waits for a moment
		p.wantRefusal("&client_id="+demo.clientID, 400, test.want)
	}
	if _, tokens := w.metadata.visits(); tokens > 0 {
		t.Errorf("%d tokens were minted", tokens)
	}
}

func TestManagedPodWaitsForBindingsThatComeWithIt(t *testing.T) {
	t.Parallel()
	w := managedWorld(t)
	w.api.youth = time.Hour
	p := w.pod("web", "10.77.1.2", "web")
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.wantToken("", "demo")
	}()
	w.waits()
	w.api.bind("my-app", "demo-binding", "demo", "web")
	w.waits()
	w.api.identify("my-app", "demo", demo)
	<-done
}

func TestManagedRevokedWithinASecond(t *testing.T) {
	w := managedWorld(t)
	w.api.identify("my-app", "demo", demo)
	binding := w.api.bind("my-app", "demo-binding", "demo", "web")
	p := w.pod("web", "10.77.1.2", "web")
	kept := client(p.namespace, nil) // its connection stays open
	granted := func() bool {
		status, body, err := ask(kept, tokenURL)
		return err == nil && status == http.StatusOK && whose(body) == "demo"
	}
	for _, test := range []struct {
		name          string
		revoke, again func()
		minted        int // the token is dropped, unless a binding still leads others to the identity
	}{
		{"the binding is deleted", func() { w.api.remove(bindingsPath, binding) },
			func() { w.api.bind("my-app", "demo-binding", "demo", "web") }, 1},
		{"the identity is deleted", func() { w.api.remove(identitiesPath, "my-app/demo") },
			func() { w.api.identify("my-app", "demo", demo) }, 1},
		{"the binding selects others", func() { w.api.bind("my-app", "demo-binding", "demo", "db") },
			func() { w.api.bind("my-app", "demo-binding", "demo", "web") }, 0},
	} {
		w.eventually("a token before "+test.name, granted)
		_, before := w.metadata.visits()
		test.revoke()
		w.refusedAtOnce(kept)
		test.again()
		w.eventually("a token again after "+test.name, granted)
		if _, after := w.metadata.visits(); after-before != test.minted {
			t.Errorf("%s: %d tokens were minted, want %d", test.name, after-before, test.minted)
		}
	}
}

func TestManagedIdentityEditedToAnotherResource(t *testing.T) {
	t.Parallel()
	w := managedWorld(t)
	w.api.identify("my-app", "demo", demo)
	w.api.bind("my-app", "demo-binding", "demo", "web")
	p := w.pod("web", "10.77.1.2", "web")
	p.wantToken("", "demo")

	w.api.identify("my-app", "demo", other)
	p.getsToken("other")
	p.wantRefusal("&client_id="+demo.clientID, 400, "Identity not found")

	// and to one whose client ID it only claims
	w.api.identify("my-app", "demo", identity{name: "demo", clientID: other.clientID})
	p.isRefused("is not the client ID of its resourceID")
}

// Without mic, nmi is the only one to hold back the identity that is on every node anyway.
func TestManagedNodeIdentityIsNoPods(t *testing.T) {
	t.Parallel()
	w := managedWorld(t)
	w.api.bind("my-app", "kubelet-binding", "kubelet", "web")
	p := w.pod("web", "10.77.1.2", "web")
	for _, test := range []struct {
		identity identity
		want     string
	}{
		{identity{name: "kubelet", clientID: strings.ToUpper(kubelet.clientID)}, "is the identity of the nodes themselves"},
		{identity{name: "kubelet", clientID: " " + kubelet.clientID}, "is not the client ID of its resourceID"},
		{identity{name: "kubelet", clientID: demo.clientID}, "is not the client ID of its resourceID"},
	} {
		w.api.identify("my-app", "kubelet", test.identity)
		p.isRefused(test.want)
	}
}

// An agent that may not read bindings is not ready; it doesn't take that for "nobody has anything", nor for the old mode.
func TestManagedAgentWaitsForItsCollections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.api.identify("my-app", "demo", demo)
	bindings := w.api.objects[bindingsPath]
	delete(w.api.objects, bindingsPath)
	p := w.start(group(t, "node1", "kubepods", "agent"), nil, "setpriv", contained(binary(t), w.arguments("--operation-mode=managed")...)...)
	w.eventually("the agent says what it waits for", func() bool {
		status, body, err := fetch(w.node, nil, "http://127.0.0.1:8085/readyz")
		return err == nil && status == http.StatusServiceUnavailable && strings.TrimSpace(body) == "not ready: what pods may have is known"
	})
	w.api.mu.Lock()
	w.api.objects[bindingsPath] = bindings
	w.api.mu.Unlock()
	w.ready(p)
}

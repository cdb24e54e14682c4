package lab_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	demo  = identity{name: "demo", clientID: "11111111-aaaa-4000-8000-000000000001", objectID: "11111111-aaaa-4000-8000-0000000000ff"}
	other = identity{name: "other", clientID: "22222222-bbbb-4000-8000-000000000002", objectID: "22222222-bbbb-4000-8000-0000000000ff"}
)

func TestPodGetsItsIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.metadata.attach(other)
	w.agent()
	p := w.pod("web", "10.77.1.2", "demo")
	w.api.assign(p, demo, "Assigned")

	p.wantToken("", "demo")
	p.wantToken("&client_id="+demo.clientID, "demo")
	p.wantToken("&client_id="+strings.ToUpper(demo.clientID), "demo")
	p.wantToken("&msi_res_id="+url.QueryEscape(strings.ToUpper(demo.resourceID())), "demo")
	p.wantToken("&object_id="+strings.ToUpper(demo.objectID), "demo")
	if _, tokens := w.metadata.visits(); tokens != 1 {
		t.Errorf("the metadata service minted %d tokens for one identity and resource, want 1", tokens)
	}
	p.wantRefusal("&client_id="+other.clientID, 400, "Identity not found (the requested identity is not assigned to pod my-app/web)")
	p.wantRefusal("&object_id="+other.objectID, 400, "Identity not found")

	unlabelled := w.pod("plain", "10.77.1.3", "")
	unlabelled.wantRefusal("", 400, "Identity not found (pod my-app/plain has no label aadpodidbinding)")
	unlabelled.wantRefusal("&client_id="+demo.clientID, 400, "Identity not found")

	want := "plain " + unlabelled.uid + " IdentityNotBound: No token for the pod: pod my-app/plain has no label aadpodidbinding"
	w.eventually("the pod's owner is told by one Event", func() bool {
		told := slices.DeleteFunc(w.api.events(), func(e string) bool { return !strings.HasPrefix(e, "plain ") })
		return len(told) == 1 && told[0] == want
	})

	w.api.assign(p, other, "Assigned")
	w.eventually("two identities are an ambiguity", func() bool {
		status, body, _ := fetch(p.namespace, nil, tokenURL)
		return status == http.StatusBadRequest && strings.Contains(body, "Multiple user assigned identities exist")
	})
	p.wantToken("&client_id="+other.clientID, "other")

	for target, want := range map[string]string{
		"/metadata/instance/compute/name?api-version=2021-02-01&format=text": "aks-node-0",
		"/metadata/instance?api-version=2017-08-01":                          `"name":"aks-node-0"`,
		"/metadata/identity/info?api-version=2018-02-01":                     `{"tenantId":"tenant"}`,
		"/metadata/versions": `"2018-02-01"`,
	} {
		if status, body, err := fetch(p.namespace, nil, "http://"+metadataIP+target); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s %v, want …%s…", target, status, body, err, want)
		}
	}
	if strangers := w.metadata.visitors(); len(strangers) > 0 {
		t.Errorf("pods reached the metadata service from %v", strangers)
	}
}

func TestWaitingPodSucceedsWhenTheAssignmentArrives(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	agent := w.agent()
	p := w.pod("early", "10.77.1.2", "demo")
	got := make(chan struct{})
	go func() {
		defer close(got)
		p.wantToken("", "demo")
	}()
	w.waits()
	w.api.assign(p, demo, "Created")
	select {
	case <-got:
		t.Error("there was an answer before the identity was assigned")
	case <-time.After(300 * time.Millisecond):
	}
	w.api.assign(p, demo, "Assigned")
	<-got
	agent.kill()

	w.agent("--assignment-timeout=1s")
	late := w.pod("late", "10.77.1.3", "demo")
	status, body, err := fetch(late.namespace, nil, tokenURL)
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "being assigned") {
		t.Errorf("an assignment that doesn't come: %d %s %v, want 503", status, body, err)
	}
}

func TestRevokedWithinASecond(t *testing.T) {
	w := newWorld(t)
	w.metadata.attach(demo)
	w.agent()
	p := w.pod("web", "10.77.1.2", "demo")
	name := w.api.assign(p, demo, "Assigned")
	kept := client(p.namespace, nil) // its connection stays open
	if status, body, err := ask(kept, tokenURL); status != http.StatusOK {
		t.Fatalf("before: %d %s %v", status, body, err)
	}
	w.api.remove(assignmentsPath, name)
	w.refusedAtOnce(kept)
	// the token is forgotten too
	w.api.assign(p, demo, "Assigned")
	w.eventually("assigned again", func() bool { status, _, _ := ask(kept, tokenURL); return status == http.StatusOK })
	if _, tokens := w.metadata.visits(); tokens != 2 {
		t.Errorf("%d tokens were minted, want 2: the first had to be dropped", tokens)
	}
}

func TestClientIDMustBelongToTheResourceID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.metadata.attach(other)
	w.agent()
	p := w.pod("thief", "10.77.1.2", "demo")
	w.api.assign(p, identity{name: "demo", clientID: other.clientID}, "Assigned") // demo's resource ID
	p.wantRefusal("", 400, "is not the client ID of its resourceID")
	p.wantRefusal("&client_id="+other.clientID, 400, "Identity not found")
}

func TestNodeIdentityGoesByServiceAccountAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(other)
	w.agent()
	mic := w.plug("anything", "10.77.1.2")
	mic.account = "mic"
	w.api.putPod(mic)
	w.runtime.start(mic)
	w.known(mic)
	mic.wantToken("", "the-node")
	mic.wantToken("&client_id="+other.clientID, "other")

	// the predecessor took every pod of a ReplicaSet called "mic…" for its own
	lookalike := w.pod("mic-7d9f", "10.77.1.3", "")
	lookalike.wantRefusal("&client_id="+other.clientID, 400, "Identity not found")
}

func TestTokenOutlivesItsSource(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	w.agent()
	p := w.pod("web", "10.77.1.2", "demo")
	w.api.assign(p, demo, "Assigned")
	p.wantToken("", "demo")
	w.metadata.setBroken(true)
	w.api.refuse(true)
	p.wantToken("", "demo")
	p.wantToken("&bypass_cache=true", "demo")
	w.metadata.setBroken(false)
	w.api.refuse(false)
	w.api.putPod(p)
}

// A key that signed tokens is taken out of use: a pod that says so has a good token at once, the others after a while, and not at the
// end of the old one's life.
func TestRefusedTokenIsNotRepeatedForHours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.metadata.attach(demo)
	agent := w.agent()
	p := w.pod("web", "10.77.1.2", "demo")
	w.api.assign(p, demo, "Assigned")
	keyOf := func(query string) int {
		t.Helper()
		status, body, err := fetch(p.namespace, nil, tokenURL+query)
		name, key := readToken(body)
		if err != nil || status != http.StatusOK || name != "demo" {
			t.Fatalf("%d %s, %v", status, body, err)
		}
		return key
	}
	keyOf("")
	w.metadata.rotate()
	if got := keyOf("&bypass_cache=true"); got != 1 {
		t.Errorf("who says that its token was refused is given one by key %d, want 1", got)
	}
	if got := keyOf(""); got != 1 {
		t.Errorf("afterwards the others are given one by key %d, want 1", got)
	}
	w.metadata.mu.Lock()
	if bypassed := w.metadata.bypassed; !slices.Equal(bypassed, []int{1}) {
		t.Errorf("the service's memory was to be bypassed for the keys %v, want once", bypassed)
	}
	w.metadata.mu.Unlock()
	agent.kill()

	w.agent("--token-recheck=1s")
	w.known(p)
	keyOf("")
	w.metadata.rotate()
	w.eventually("those who say nothing are given a good token", func() bool { return keyOf("") == 2 })
}

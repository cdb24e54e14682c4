package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/brokerapi"
	"github.com/lanyard-project/lanyard/internal/node/kube"
	"github.com/lanyard-project/lanyard/internal/node/source"
)

const (
	podsPath       = "/api/v1/pods"
	assignedPath   = "/apis/aadpodidentity.k8s.io/v1/azureassignedidentities"
	identitiesPath = "/apis/aadpodidentity.k8s.io/v1/azureidentities"
	bindingsPath   = "/apis/aadpodidentity.k8s.io/v1/azureidentitybindings"
	exceptionsPath = "/apis/aadpodidentity.k8s.io/v1/azurepodidentityexceptions"
)

// told is what an agent has heard of a collection.
type told struct {
	mu       sync.Mutex
	objects  map[string]string // by name, as it came
	readings int               // of all of it
}

type toldObject struct {
	kube.Meta `json:"metadata"`
	whole     string
}

// UnmarshalJSON keeps what was read.
func (o *toldObject) UnmarshalJSON(content []byte) error {
	var head struct {
		Metadata kube.Meta `json:"metadata"`
	}
	o.whole = string(content)
	err := json.Unmarshal(content, &head)
	o.Meta = head.Metadata
	return err
}

func (s *told) Replace(all []toldObject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readings++
	s.objects = map[string]string{}
	for _, object := range all {
		s.objects[object.Name] = object.whole
	}
}

func (s *told) Apply(object toldObject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[object.Name] = object.whole
}

func (s *told) Remove(object toldObject) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, object.Name)
}

// of gives the object whose name contains a word, and all of what is known.
func (s *told) of(word string) (found bool, all string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, object := range s.objects {
		found = found || strings.Contains(name, word)
		all += object
	}
	return found, all
}

// follow has the agent's own client watch a collection until the test ends.
func (b *brokered) follow(agent *source.Broker, path string) *told {
	sink := &told{objects: map[string]string{}}
	watcher := &kube.Watcher[toldObject]{
		Client: agent, Collection: kube.Collection{Path: path}, Sink: sink, Clock: clock.RealClock{}, Log: slog.New(slog.NewTextHandler(logWriter(b.t), nil)),
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		watcher.Run(ctx)
	}()
	b.t.Cleanup(func() {
		cancel()
		<-done
	})
	return sink
}

// read waits until a collection was read.
func (b *brokered) read(sink *told) {
	b.t.Helper()
	b.until(func() string {
		sink.mu.Lock()
		defer sink.mu.Unlock()
		if sink.readings == 0 {
			return "nothing was read"
		}
		return ""
	})
}

// knows waits until a collection has an object of a name, or hasn't.
func (b *brokered) knows(sink *told, word string, want bool) {
	b.t.Helper()
	b.until(func() string {
		if got, all := sink.of(word); got != want {
			return "the agent knows of " + word + ": " + map[bool]string{true: "yes", false: "no"}[got] + "; it was told " + all
		}
		return ""
	})
}

// Property 22: an agent is told of its own node's pods and assignments, whatever it asks for, and of these no more than it needs.
func TestAgentIsToldOfItsOwnNodeOnly(t *testing.T) {
	b := newBrokered(t, false)
	own, foreign := b.agent(b.nodes[0], "lanyard-nmi", brokerapi.Audience), b.agent(b.nodes[1], "lanyard-nmi", brokerapi.Audience)
	b.bound(b.ns, "demo", "web")
	pod := b.worker(b.ns, "web", "web", "web", b.nodes[0])
	secretive := &corev1.Pod{ObjectMeta: namedIn(b.ns, "secretive"), Spec: corev1.PodSpec{
		NodeName: b.nodes[0], AutomountServiceAccountToken: ptr.To(false),
		Containers: []corev1.Container{{Name: "c", Image: "i", Env: []corev1.EnvVar{{Name: "PASSWORD", Value: "hunter2"}}}},
	}}
	secretive.Labels, secretive.Annotations = map[string]string{"app": "any"}, map[string]string{"note": "hunter2"}
	b.create(secretive)
	exception := &aadpodid.AzurePodIdentityException{ObjectMeta: namedIn(b.ns, "addon"), Spec: aadpodid.AzurePodIdentityExceptionSpec{PodLabels: map[string]string{"a": "b"}}}
	b.create(exception)
	t.Cleanup(func() { _ = b.kube.Delete(context.WithoutCancel(t.Context()), exception) })

	pods, assigned, exceptions := b.follow(own, podsPath), b.follow(own, assignedPath), b.follow(own, exceptionsPath)
	otherPods, otherAssigned := b.follow(foreign, podsPath), b.follow(foreign, assignedPath)
	b.knows(pods, "web", true)
	b.knows(pods, "secretive", true)
	b.knows(assigned, "web-"+b.ns+"-demo", true)
	b.knows(exceptions, "addon", true)
	b.worker(b.ns, "later", "web", "web", b.nodes[0]) // and what comes after a watch began
	b.worker(b.ns, "elsewhere", "web", "web", b.nodes[1])
	b.knows(pods, "later", true)
	b.knows(assigned, "later-"+b.ns+"-demo", true)
	b.knows(otherAssigned, "elsewhere-"+b.ns+"-demo", true)
	b.delete(pod)
	b.knows(pods, "web", false)
	b.knows(assigned, "web-"+b.ns+"-demo", false)

	_, all := pods.of("")
	_, alsoAll := assigned.of("")
	for _, word := range []string{"elsewhere", "hunter2", b.nodes[1]} {
		if strings.Contains(all+alsoAll, word) {
			t.Errorf("the agent of another node was told of %s", word)
		}
	}
	if !strings.Contains(all, `"aadpodidbinding":"web"`) || !strings.Contains(all, `"app":"any"`) || !strings.Contains(all, `"serviceAccountName":"web"`) ||
		!strings.Contains(alsoAll, resourceID("demo")) {
		t.Errorf("the agent wasn't told what it decides on:\n%s\n%s", all, alsoAll)
	}
	if _, of := otherPods.of(""); strings.Contains(of, "later") || strings.Contains(of, "secretive") {
		t.Errorf("the other node's agent was told %s", of)
	}

	elsewhere := url.Values{"fieldSelector": {"spec.nodeName=" + b.nodes[1]}, "labelSelector": {"aadpodidbinding=web"}}
	response, err := own.Get(t.Context(), podsPath, elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || strings.Contains(string(body), "elsewhere") || !strings.Contains(string(body), "secretive") {
		t.Errorf("asked for another node's pods: %s, %v", body, err)
	}
	for _, path := range []string{
		"/api/v1/secrets", "/api/v1/namespaces/kube-system/pods", podsPath + "/", podsPath + "/../secrets", "//api/v1/pods", "/api/v1/pods/web",
		"/apis/aadpodidentity.k8s.io/v1/azureidentities", "",
	} {
		var refused *kube.StatusError
		if _, err := own.Get(t.Context(), path, nil); !errors.As(err, &refused) || refused.Code != http.StatusNotFound && refused.Code != http.StatusBadRequest {
			t.Errorf("asked for %q: %v", path, err)
		}
	}
	var refused *kube.StatusError
	stranger := b.agent(b.nodes[0], "default", brokerapi.Audience)
	if _, err := stranger.Get(t.Context(), podsPath, nil); !errors.As(err, &refused) || refused.Code != http.StatusUnauthorized {
		t.Errorf("asked by who isn't an agent: %v", err)
	}
}

// Property 22 in managed mode: an agent is told of the bindings and identities of its own pods' namespaces, and of no others'. When the
// first pod of another namespace comes to its node, it is told of that one's.
func TestManagedAgentIsToldOfItsPodsNamespacesOnly(t *testing.T) {
	b := newBrokered(t, true)
	foreign := b.namespace("foreign-")
	b.identify(b.ns, "before", aadpodid.AzureIdentitySpec{ResourceID: resourceID("before"), ClientID: "c", ClientPassword: corev1.SecretReference{Name: "hunter2"}})
	b.identify(foreign, "theirs", aadpodid.AzureIdentitySpec{ResourceID: resourceID("theirs"), ClientID: "c"})
	own, other := b.agent(b.nodes[0], "lanyard-nmi", brokerapi.Audience), b.agent(b.nodes[1], "lanyard-nmi", brokerapi.Audience)
	identities, bindings := b.follow(own, identitiesPath), b.follow(own, bindingsPath)
	others := b.follow(other, identitiesPath)
	b.read(identities)
	b.read(others)
	if known, all := identities.of(""); known {
		t.Errorf("the agent of a node without pods was told %s", all)
	}

	b.worker(b.ns, "web", "web", "before", b.nodes[0])
	b.knows(identities, "before", true)
	b.knows(bindings, "before", true)
	b.identify(b.ns, "later", aadpodid.AzureIdentitySpec{ResourceID: resourceID("later"), ClientID: "c"})
	b.knows(identities, "later", true)
	b.knows(bindings, "later", true)
	b.identify(foreign, "theirs-too", aadpodid.AzureIdentitySpec{ResourceID: resourceID("theirs-too"), ClientID: "c"})
	b.delete(&aadpodid.AzureIdentity{ObjectMeta: namedIn(b.ns, "before")})
	b.knows(identities, "before", false)
	_, all := identities.of("")
	_, alsoAll := bindings.of("")
	for _, word := range []string{"theirs", foreign, "hunter2"} {
		if strings.Contains(all+alsoAll, word) {
			t.Errorf("the agent was told of %s:\n%s\n%s", word, all, alsoAll)
		}
	}
	if !strings.Contains(all, resourceID("later")) || !strings.Contains(alsoAll, `"selector":"later"`) {
		t.Errorf("the agent wasn't told what it decides on:\n%s\n%s", all, alsoAll)
	}

	b.worker(foreign, "guest", "web", "theirs", b.nodes[0])
	b.knows(identities, "theirs", true)
	b.knows(identities, "theirs-too", true)
	b.knows(bindings, "theirs-too", true)
	if known, all := others.of(""); known {
		t.Errorf("the other node's agent was told %s", all)
	}
	var refused *kube.StatusError
	if _, err := own.Get(t.Context(), assignedPath, nil); !errors.As(err, &refused) || refused.Code != http.StatusNotFound {
		t.Errorf("asked for assigned identities: %v", err)
	}
}

// An agent that is taken over can't keep mic and the API server busy with lists.
func TestListsOfANodeAreBounded(t *testing.T) {
	b := newBrokered(t, true)
	greedy, modest := b.agent(b.nodes[0], "lanyard-nmi", brokerapi.Audience), b.agent(b.nodes[1], "lanyard-nmi", brokerapi.Audience)
	list := func(agent *source.Broker) int {
		response, err := agent.Get(t.Context(), podsPath, nil)
		var refused *kube.StatusError
		switch {
		case err == nil:
			_ = response.Body.Close()
			return http.StatusOK
		case errors.As(err, &refused):
			return refused.Code
		default:
			return 0
		}
	}
	b.until(func() string { // more at a time than come back, however slow the machine
		var refused atomic.Bool
		b.atOnce(200, func(int) {
			if list(greedy) == http.StatusTooManyRequests {
				refused.Store(true)
			}
		})
		if refused.Load() {
			return ""
		}
		return "a node may list without end"
	})
	if got := list(modest); got != http.StatusOK {
		t.Errorf("another node's agent got %d", got)
	}
	b.until(func() string { // and it comes back
		if got := list(greedy); got != http.StatusOK {
			return fmt.Sprintf("after a while the node's agent still gets %d", got)
		}
		return ""
	})
}

// Versions are the API server's, so a watch goes on at another replica where it ended at the first, and nothing is read again.
func TestAgentsWatchGoesOnAtAnotherReplica(t *testing.T) {
	b := &brokered{lab: newLab(t), service: newTokenService(t)}
	b.nodes[0], _ = b.scaleSet("a", 0)
	stop := b.replica("mic-1", true)
	agent := b.agent(b.nodes[0], "lanyard-nmi", brokerapi.Audience)
	pods := b.follow(agent, podsPath)
	b.worker(b.ns, "first", "web", "web", b.nodes[0])
	b.knows(pods, "first", true)
	b.replica("mic-2", true)
	stop()
	b.worker(b.ns, "second", "web", "web", b.nodes[0])
	b.knows(pods, "second", true)
	if pods.readings != 1 {
		t.Errorf("all was read %d times", pods.readings)
	}
}

// An agent that is taken over can't keep mic busy with watches.
func TestWatchesOfANodeAreBounded(t *testing.T) {
	b := newBrokered(t, true)
	agent := b.agent(b.nodes[0], "lanyard-nmi", brokerapi.Audience)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var codes []int
	b.until(func() string {
		codes = nil
		for range 20 {
			_, err := agent.Get(ctx, podsPath, url.Values{"watch": {"1"}})
			var refused *kube.StatusError
			switch {
			case err == nil:
				codes = append(codes, http.StatusOK)
			case errors.As(err, &refused):
				codes = append(codes, refused.Code)
				return ""
			default:
				return err.Error()
			}
		}
		return ""
	})
	if !slices.Contains(codes, http.StatusTooManyRequests) {
		t.Errorf("answers: %v", codes)
	}
}

package serve_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/node/grant"
	"github.com/lanyard-project/lanyard/internal/node/pods"
	"github.com/lanyard-project/lanyard/internal/node/serve"
	"github.com/lanyard-project/lanyard/internal/node/tokencache"
)

func TestToken(t *testing.T) {
	for _, test := range []struct {
		name       string
		path       string
		arrange    func(*rig)
		status     int
		body       string
		result     string
		retryAfter string
	}{
		{name: "granted", path: target, status: 200, body: `"access_token":"the-token"`, result: "token"},
		{name: "by client ID", path: target + "&client_id=C1", status: 200, body: "the-token", result: "token"},
		{name: "by object ID", path: target + "&object_id=O1", status: 200, body: `"object_id":"O1"`, result: "token"},
		{name: "another client ID", path: target + "&client_id=c2", status: 400, body: "Identity not found (", result: "not_entitled"},
		{name: "another object ID", path: target + "&object_id=o2", status: 400, body: "Identity not found (", result: "not_entitled"},
		{name: "the API server is silent for too long", path: target, arrange: func(r *rig) { r.stale = true }, status: 503,
			body: "has not been heard for too long", result: "stale", retryAfter: "10"},
		{name: "no label", path: target, arrange: func(r *rig) { r.fact.Label = "" }, status: 400,
			body: "Identity not found (pod my-app/web has no label", result: "not_entitled"},
		{name: "the pod is gone", path: target, arrange: func(r *rig) { r.sandbox = pods.Sandbox{} }, status: 403,
			body: "could not be proven", result: "unproven"},
		{name: "the pod goes while the token comes", path: target, arrange: func(r *rig) {
			fetch := r.fetch
			r.fetch = func(s imds.Selector) (tokencache.Token, error) {
				r.set(func() { r.sandbox = pods.Sandbox{ID: "s2", UID: "u2", Namespace: "my-app", Name: "web"} })
				return fetch(s)
			}
		}, status: 403, body: "could not be proven", result: "gone"},
		{name: "the assignment goes while the token comes", path: target, arrange: func(r *rig) {
			fetch := r.fetch
			r.fetch = func(s imds.Selector) (tokencache.Token, error) {
				r.set(func() { r.assigned, r.fact.Created = nil, time.Time{} })
				return fetch(s)
			}
		}, status: 400, body: "Identity not found", result: "not_entitled"},
		{name: "the assignment doesn't come", path: target, arrange: func(r *rig) { r.assigned = nil }, status: 503,
			body: "being assigned", result: "waited", retryAfter: "5"},
		{name: "the API server hasn't described the pod", path: target, arrange: func(r *rig) { r.known = false }, status: 503,
			body: "has not described", result: "waited", retryAfter: "5"},
		{name: "the node doesn't know the identity yet", path: target, arrange: func(r *rig) {
			r.fetch = func(imds.Selector) (tokencache.Token, error) { return tokencache.Token{}, imds.NotFound("") }
		}, status: 503, body: "does not know the identity yet", result: "waited", retryAfter: "5"},
		{name: "the token service doesn't know the resource", path: target, arrange: func(r *rig) {
			r.fetch = func(imds.Selector) (tokencache.Token, error) {
				return tokencache.Token{}, imds.InvalidResource("AADSTS500011: The resource principal …")
			}
		}, status: 400, body: `"invalid_resource"`, result: "source_failed"},
		{name: "the source fails", path: target, arrange: func(r *rig) {
			r.fetch = func(imds.Selector) (tokencache.Token, error) {
				return tokencache.Token{}, errors.New("dial tcp 10.0.0.1: the-inner-detail")
			}
		}, status: 503, body: "could not be fetched", result: "source_failed", retryAfter: "1"},
		{name: "another identity's token", path: target, arrange: func(r *rig) {
			fetch := r.fetch
			r.fetch = func(s imds.Selector) (tokencache.Token, error) {
				token, err := fetch(s)
				token.ClientID = "c9"
				return token, err
			}
		}, status: 400, body: "is not the client ID of its resourceID", result: "not_entitled"},
		{name: "the node's identity, by policy", path: target, arrange: func(r *rig) {
			r.fact.ServiceAccount, r.fact.Label, r.assigned = "mic", "", nil
		}, status: 200, body: "the-token", result: "node_token"},
		{name: "no Metadata header is the predecessor's error", path: "", status: 400,
			body: `{"error":"invalid_request","error_description":"Required metadata header not specified"}`, result: "invalid"},
		{name: "too many requests", path: target, arrange: func(r *rig) { r.options.PerSecond = 1e-9 }, status: 429, result: "limited", retryAfter: "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var audit bytes.Buffer
			r := newRig(t, &audit)
			r.options.Rules = imds.Rules{MissingHeaderCode: imds.CodeInvalidRequest}
			if test.arrange != nil {
				test.arrange(r)
			}
			if test.name == "too many requests" {
				handler := serve.NewProven(r.options)
				handler.ServeHTTP(discard{}, request(target))
				check(t, handler, request(target), test.status, test.body, test.retryAfter)
			} else {
				asked := request(target)
				if test.path != "" {
					asked = request(test.path)
				} else {
					asked.Header.Del("Metadata")
				}
				check(t, serve.NewProven(r.options), asked, test.status, test.body, test.retryAfter)
			}
			if !strings.Contains(audit.String(), `"result":"`+test.result+`"`) {
				t.Errorf("audit: %s, want result %s", &audit, test.result)
			}
			if strings.Contains(audit.String(), "the-token") {
				t.Errorf("the audit log holds a token: %s", &audit)
			}
		})
	}
}

func TestWaitEndsWithTheEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &bytes.Buffer{})
		r.options.Patience = time.Minute
		assigned := r.assigned
		r.assigned = []grant.Assigned{{Identity: demo, Selector: "demo", State: grant.StateCreated}}
		go func() {
			time.Sleep(7 * time.Second)
			r.set(func() { r.assigned = assigned })
		}()
		started := time.Now()
		if w := r.ask(target); w.Code != http.StatusOK || time.Since(started) != 7*time.Second {
			t.Errorf("got %d %s after %s", w.Code, w.Body, time.Since(started))
		}
	})
}

// A pod that is too old to wait for its first identity is told so then, and not when patience ends.
func TestWaitEndsWithThePodsYouth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &bytes.Buffer{})
		r.options.Patience, r.options.Policy.Young = time.Minute, 3*time.Second
		r.assigned, r.fact.Created = nil, time.Now().Add(-time.Second)
		started := time.Now()
		if w := r.ask(target); w.Code != http.StatusBadRequest || time.Since(started) != 2*time.Second {
			t.Errorf("got %d %s after %s", w.Code, w.Body, time.Since(started))
		}
	})
}

func TestRevokedPodDoesNotWait(t *testing.T) {
	r := newRig(t, &bytes.Buffer{})
	r.options.Patience = time.Hour
	handler := serve.NewProven(r.options)
	check(t, handler, request(target), 200, "the-token", "")
	r.set(func() { r.assigned = nil })
	check(t, handler, request(target), 400, "Identity not found", "")
}

func TestDocuments(t *testing.T) {
	r := newRig(t, &bytes.Buffer{})
	handler := serve.NewProven(r.options)
	check(t, handler, request("/metadata/instance?api-version=2021-02-01"), 200, `{"compute":{}}`, "")
	check(t, handler, request("/metadata/identity/info?api-version=2018-02-01"), 200, `{"tenantId":"t"}`, "")
	check(t, handler, request("/metadata/versions"), 200, `"apiVersions"`, "")
	r.options.BlockInstance = true
	check(t, serve.NewProven(r.options), request("/metadata/instance?api-version=2021-02-01"), 403, "Request blocked by AAD Pod Identity NMI", "")
}

func TestPodServedBeforeIsServedWhileTheAPIServerIsSilent(t *testing.T) {
	r := newRig(t, &bytes.Buffer{})
	handler := serve.NewProven(r.options)
	check(t, handler, request(target), 200, "the-token", "")
	r.stale = true
	check(t, handler, request(target), 200, "the-token", "")
	r.set(func() { r.sandbox.UID, r.sandbox.ID, r.fact.UID = "u2", "s2", "u2" }) // its successor is a new caller
	check(t, handler, request(target), 503, "too long", "10")
}

func TestOwnerIsToldWhatHeCanPutRight(t *testing.T) {
	r := newRig(t, &bytes.Buffer{})
	for _, path := range []string{target, target + "&client_id=x", target + "XYZ", "/metadata/versions"} {
		r.ask(path)
	}
	r.set(func() { r.fact.Label = "" })
	r.ask(target)
	want := []string{
		"web IdentityNotBound: No token for the pod: the requested identity is not assigned to pod my-app/web",
		"web IdentityNotBound: No token for the pod: pod my-app/web has no label aadpodidbinding",
	}
	if diff := cmp.Diff(want, r.told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

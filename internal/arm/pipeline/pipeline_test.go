package pipeline_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTokensAreDemanded(t *testing.T) {
	w := newWorld(t)
	path := sub + "/resourcegroups/g"
	for _, c := range []struct{ name, authorization, code, message string }{
		{"no header", "", "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."},
		{"basic", "Basic b3duZXI6eA==", "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."},
		{"expired", "Bearer expired", "ExpiredAuthenticationToken", "The access token expiry UTC time '8/21/2018 3:22:00 PM' is earlier than current UTC time '"},
		{"audience", "Bearer audience", "InvalidAuthenticationTokenAudience", "The access token has been obtained for wrong audience or resource 'https://vault.azure.net'."},
		{"forged", "bearer forged", "InvalidAuthenticationToken", "The access token is invalid."},
		{"other tenant", "Bearer stranger", "InvalidAuthenticationTokenTenant", "The access token is from the wrong issuer 'https://localhost:8443/" + otherTenant + "/'. It must match the tenant 'https://localhost:8443/" + tenant + "/'"},
	} {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "POST"} {
			a := w.do(t, method, path, "{}", "Authorization", c.authorization)
			if method == "POST" && c.name == "other tenant" {
				continue // no such route, which a verified caller may know
			}
			if a.status != 401 || a.code() != c.code || !strings.HasPrefix(a.message(), c.message) {
				t.Errorf("%s %s: %d %s", method, c.name, a.status, a.body)
			}
			if challenge := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, `Bearer authorization_uri="https://localhost:8443/`+tenant+`", error="invalid_token", error_description="`) {
				t.Errorf("%s %s: WWW-Authenticate %s", method, c.name, challenge)
			}
			if a.header.Get("x-ms-failure-cause") != "gateway" {
				t.Errorf("%s %s: not marked as the gateway's", method, c.name)
			}
		}
	}
}

func TestCallsThatMeanNothing(t *testing.T) {
	w := newWorld(t)
	group := w.group(t, "g")
	for _, c := range []struct {
		name, method, path string
		status             int
		code, message      string
	}{
		{"no api-version", "GET", group + "?api-version=", 400, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required for all requests."},
		{"ARM's own type", "GET", group + "?api-version=1999-01-01", 400, "InvalidApiVersionParameter", "The api-version '1999-01-01' is invalid. The supported versions are '2025-04-01,"},
		{"a provider's type", "GET", group + "/providers/toys.test/BALLS/b?api-version=1999-01-01", 400, "NoRegisteredProviderFound", "No registered resource provider found for location 'eastus' and API version '1999-01-01' for type 'balls'. The supported api-versions are '2024-01-01, 2023-01-01'."},
		{"unknown namespace", "GET", group + "/providers/Nobody.Here/balls/b", 404, "InvalidResourceNamespace", "The resource namespace 'Nobody.Here' is invalid."},
		{"unknown type", "GET", group + "/providers/toys.test/kites/k", 404, "InvalidResourceType", "The resource type could not be found in the namespace 'Toys.Test' for api version '2024-01-01'."},
		{"unknown child", "GET", group + "/providers/toys.test/balls/b/kites/k", 404, "InvalidResourceType", ""},
		{"unknown collection", "GET", group + "/providers/toys.test/kites", 404, "InvalidResourceType", ""},
		{"wrong level", "GET", sub + "/providers/toys.test/balls/b", 404, "InvalidResourceType", ""},
		{"wrong verb", "POST", group, 405, "MethodNotAllowed", "The requested resource does not support http method 'POST'."},
		{"verb of a collection", "PUT", group + "/providers/toys.test/balls", 405, "MethodNotAllowed", ""},
		{"verb of an action", "GET", group + "/providers/toys.test/boxes/b/open", 405, "MethodNotAllowed", ""},
		{"unknown subscription", "GET", "/subscriptions/none/resourcegroups/g", 404, "SubscriptionNotFound", "The subscription 'none' could not be found."},
		{"unknown group", "GET", sub + "/resourcegroups/None", 404, "ResourceGroupNotFound", "Resource group 'None' could not be found."},
		{"in an unknown group", "GET", sub + "/resourcegroups/None/providers/toys.test/balls/b", 404, "ResourceGroupNotFound", "Resource group 'None' could not be found."},
		{"list in an unknown group", "GET", sub + "/resourcegroups/None/providers/toys.test/balls", 404, "ResourceGroupNotFound", ""},
		{"unknown resource", "GET", group + "/providers/toys.test/Balls/B", 404, "ResourceNotFound", "The Resource 'Toys.Test/balls/B' under resource group 'g' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"},
		{"dot segments", "GET", sub + "/../g", 400, "InvalidResourceId", ""},
		{"unknown operation", "GET", sub + "/providers/Toys.Test/locations/eastus/operations/none", 404, "OperationNotFound", ""},
		{"delete in an unknown group", "DELETE", sub + "/resourcegroups/None/providers/toys.test/balls/b", 404, "ResourceGroupNotFound", ""},
		{"create in an unknown group", "PUT", sub + "/resourcegroups/None/providers/toys.test/balls/b", 404, "ResourceGroupNotFound", ""},
		{"child of nothing", "PUT", group + "/providers/toys.test/balls/b/dots/d", 404, "ParentResourceNotFound", "Can not perform requested operation on nested resource. Parent resource 'Toys.Test/balls/b' not found."},
	} {
		a := w.do(t, c.method, c.path, `{"location":"eastus"}`)
		if a.status != c.status || a.code() != c.code || !strings.HasPrefix(a.message(), c.message) {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
	}
	w.want(t, w.do(t, "DELETE", group+"/providers/toys.test/balls/b", ""), 204)
	w.want(t, w.do(t, "HEAD", sub+"/resourcegroups/G", ""), 204)
	if a := w.want(t, w.do(t, "HEAD", sub+"/resourcegroups/none", ""), 404); a.body != "" {
		t.Error("HEAD has a body")
	}
}

func TestDocumentsKeepWhatClientsSent(t *testing.T) {
	w := newWorld(t)
	w.group(t, "Grp")
	lower := strings.ToLower(sub + "/resourcegroups/GRP/providers/toys.test/balls/Red")
	a := w.want(t, w.do(t, "PUT", lower, `{"location":"West US 2","name":"x","id":"/x","futureTop":{"a":[1.0]},
		"properties":{"color":"red","future":{"deep":[1,{"x":null}]},"provisioningState":"Nonsense"}}`), 201)
	want := map[string]any{
		"id": sub + "/resourcegroups/Grp/providers/Toys.Test/balls/red", "name": "red", "type": "Toys.Test/balls", "location": "westus2",
		"tags": map[string]any{}, "futureTop": map[string]any{"a": []any{1.0}},
		"properties": map[string]any{"color": "red", "future": map[string]any{"deep": []any{1.0, map[string]any{"x": nil}}}},
		"etag":       a.doc["etag"], "systemData": a.doc["systemData"],
	}
	if diff := cmp.Diff(want, a.doc); diff != "" {
		t.Error(diff)
	}
	if a.at("systemData.createdBy") != "owner-app" || a.at("systemData.createdByType") != "Application" || a.header.Get("ETag") != a.doc["etag"] {
		t.Errorf("system data or ETag: %s %v", a.body, a.header)
	}
	again := w.want(t, w.do(t, "GET", lower, ""), 200)
	if diff := cmp.Diff(a.doc, again.doc); diff != "" {
		t.Error(diff)
	}
	// What GET gave can be PUT again and changes nothing but who wrote last.
	echoed := w.want(t, w.do(t, "PUT", lower, again.body), 200)
	delete(echoed.doc, "etag")
	delete(echoed.doc, "systemData")
	delete(again.doc, "etag")
	delete(again.doc, "systemData")
	if diff := cmp.Diff(again.doc, echoed.doc); diff != "" {
		t.Error(diff)
	}
	patched := w.want(t, w.do(t, "PATCH", lower, `{"tags":{"a":"b"},"properties":{"color":null,"future":{"more":true}}}`), 200)
	if diff := cmp.Diff(map[string]any{"future": map[string]any{"deep": []any{1.0, map[string]any{"x": nil}}, "more": true}}, patched.doc["properties"]); diff != "" {
		t.Error(diff)
	}
	w.want(t, w.do(t, "PATCH", lower+"x", `{}`), 404)
	if a := w.do(t, "PUT", lower, `{"location":"eastus"}`); a.code() != "InvalidResourceLocation" || a.status != 409 {
		t.Error(a.body)
	}
	w.want(t, w.do(t, "DELETE", lower, ""), 200)
	w.want(t, w.do(t, "GET", lower, ""), 404)
}

func TestBodiesThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	ball := w.group(t, "g") + "/providers/Toys.Test/balls/b"
	for _, c := range []struct{ name, body, code string }{
		{"empty", "", "InvalidRequestContent"}, {"no object", "[]", "InvalidRequestContent"}, {"null", "null", "InvalidRequestContent"},
		{"cut off", `{"location":`, "InvalidRequestContent"}, {"tags", `{"location":"eastus","tags":{"a":1}}`, "InvalidRequestContent"},
		{"properties", `{"location":"eastus","properties":[]}`, "InvalidRequestContent"},
		{"no location", `{}`, "LocationRequired"}, {"location", `{"location":"moon"}`, "LocationNotAvailableForResourceType"},
		{"rule", `{"location":"eastus","properties":{"color":"invisible"}}`, "InvalidParameter"},
	} {
		if a := w.do(t, "PUT", ball, c.body); a.status != 400 || a.code() != c.code {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
	}
	if a := w.do(t, "PUT", ball, "<x/>", "Content-Type", "application/xml"); a.status != 415 {
		t.Error(a.body)
	}
}

func TestRightsAreEnforced(t *testing.T) {
	w := newWorld(t)
	group := w.group(t, "g")
	ball, box := group+"/providers/Toys.Test/balls/b", group+"/providers/Toys.Test/boxes/x"
	mia := []string{"Authorization", "Bearer mia"}
	a := w.do(t, "GET", ball, "", mia...)
	want := "The client 'mia-app' with object id 'mia' does not have authorization to perform action 'Toys.Test/balls/read' over scope '" + ball + "' or the scope is invalid. If access was recently granted, please refresh your credentials."
	if a.status != 403 || a.code() != "AuthorizationFailed" || a.message() != want {
		t.Error(a.body)
	}
	w.rules.grant("mia", "Toys.Test/balls/write", group)
	w.want(t, w.do(t, "PUT", ball, `{"location":"eastus"}`, mia...), 201)
	a = w.do(t, "PUT", ball, fmt.Sprintf(`{"location":"eastus","properties":{"in":%q}}`, box), mia...)
	want = "The client 'mia-app' with object id 'mia' has permission to perform action 'Toys.Test/balls/write' on scope '" + ball + "'; however, it does not have permission to perform action 'Toys.Test/boxes/put/action' on the linked scope(s) '" + box + "' or the linked scope(s) are invalid."
	if a.status != 403 || a.code() != "LinkedAuthorizationFailed" || a.message() != want {
		t.Error(a.body)
	}
	if got := w.want(t, w.do(t, "GET", ball, ""), 200); strings.Contains(got.body, `"in"`) {
		t.Error("the refused write was stored")
	}
	// Lists of ARM's own show what the caller may read, nothing more.
	if a := w.want(t, w.do(t, "GET", sub+"/resourcegroups", "", mia...), 200); len(a.doc["value"].([]any)) != 0 {
		t.Error(a.body)
	}
	w.rules.grant("mia", "Toys.Test/balls/read", ball)
	if a := w.want(t, w.do(t, "GET", sub+"/resources", "", mia...), 200); len(a.doc["value"].([]any)) != 1 {
		t.Error(a.body)
	}
	if a := w.want(t, w.do(t, "GET", "/subscriptions", ""), 200); len(a.doc["value"].([]any)) != 1 {
		t.Error("shows another tenant's subscription: ", a.body)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	allowed := 0
	for _, e := range w.entries {
		if e.Allowed != (e.Status < 400 || e.Status == 400) && e.Status != 404 {
			t.Errorf("recorded %+v", e)
		}
		if e.Allowed {
			allowed++
		}
	}
	if allowed == 0 {
		t.Error("nothing was recorded")
	}
}

func TestETags(t *testing.T) {
	w := newWorld(t)
	ball := w.group(t, "g") + "/providers/Toys.Test/balls/b"
	w.want(t, w.do(t, "PUT", ball, `{"location":"eastus"}`, "If-Match", "*"), 412)
	first := w.want(t, w.do(t, "PUT", ball, `{"location":"eastus"}`, "If-None-Match", "*"), 201).header.Get("ETag")
	w.want(t, w.do(t, "PUT", ball, `{"location":"eastus"}`, "If-None-Match", "*"), 412)
	second := w.want(t, w.do(t, "PUT", ball, `{"location":"eastus"}`, "If-Match", first), 200).header.Get("ETag")
	if first == second {
		t.Error("the ETag didn't change")
	}
	if a := w.want(t, w.do(t, "PATCH", ball, `{}`, "If-Match", first), 412); a.code() != "PreconditionFailed" {
		t.Error(a.body)
	}
	w.want(t, w.do(t, "GET", ball, "", "If-None-Match", second), 304)
	w.want(t, w.do(t, "DELETE", ball, "", "If-Match", first), 412)
	w.want(t, w.do(t, "DELETE", ball, "", "If-Match", `"x", `+second), 200)
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	group := w.group(t, "g")
	const n = 25
	for i := range n {
		w.want(t, w.do(t, "PUT", fmt.Sprintf("%s/providers/Toys.Test/balls/b%02d", group, i), `{"location":"eastus"}`), 201)
		w.want(t, w.do(t, "PUT", fmt.Sprintf("%s/providers/Toys.Test/balls/b%02d/dots/d", group, i), `{}`), 201)
	}
	for name, start := range map[string]string{
		"group": group + "/providers/Toys.Test/balls?$top=10", "subscription": sub + "/providers/toys.test/balls?$top=10",
		"generic": sub + "/resources?$filter=" + url.QueryEscape("resourceType eq 'Toys.Test/balls'") + "&$top=10",
	} {
		var names []string
		for next := start; next != ""; {
			a := w.want(t, w.do(t, "GET", strings.TrimPrefix(next, origin), ""), 200)
			for _, item := range a.doc["value"].([]any) {
				names = append(names, item.(map[string]any)["name"].(string))
			}
			next, _ = a.doc["nextLink"].(string)
			if len(names) == 10 { // a write between two pages neither repeats nor hides the others
				w.want(t, w.do(t, "PUT", group+"/providers/Toys.Test/balls/a"+name, `{"location":"eastus"}`), 201)
			}
		}
		seen := map[string]int{}
		for _, name := range names {
			seen[name]++
		}
		for i := range n {
			if seen[fmt.Sprintf("b%02d", i)] != 1 {
				t.Errorf("%s: b%02d is listed %d times", name, i, seen[fmt.Sprintf("b%02d", i)])
			}
		}
	}
	a := w.want(t, w.do(t, "GET", group+"/providers/Toys.Test/balls?$top=1", ""), 200)
	next := strings.TrimPrefix(a.doc["nextLink"].(string), origin)
	if a := w.do(t, "GET", next+"&$filter=x", ""); a.code() != "InvalidSkipToken" {
		t.Error("a token serves another query: ", a.body)
	}
	if a := w.do(t, "GET", next, "", "Authorization", "Bearer stranger"); a.status == 200 {
		t.Error("a token serves another caller: ", a.body)
	}
	if a := w.want(t, w.do(t, "GET", group+"/providers/Toys.Test/balls/b00/dots", ""), 200); len(a.doc["value"].([]any)) != 1 {
		t.Error(a.body)
	}
	for _, bad := range []string{"?$top=x", "?$top=0", "?$skiptoken=zzz"} {
		w.want(t, w.do(t, "GET", group+"/providers/Toys.Test/balls"+bad, ""), 400)
	}
}

func TestConcurrentWritesOfOneResource(t *testing.T) {
	w := newWorld(t)
	ball := w.group(t, "g") + "/providers/Toys.Test/balls/b"
	const n = 12
	var created, updated sync.Map
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			a := w.do(t, "PUT", ball, fmt.Sprintf(`{"location":"eastus","properties":{"n":%d}}`, i))
			switch a.status {
			case 201:
				created.Store(i, true)
			case 200:
				updated.Store(i, true)
			default:
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	wg.Wait()
	count := func(m *sync.Map) (n int) { m.Range(func(any, any) bool { n++; return true }); return n }
	if count(&created) != 1 || count(&updated) != n-1 {
		t.Errorf("%d created, %d updated", count(&created), count(&updated))
	}
	for i := range n { // patches of different properties don't lose each other
		wg.Go(func() {
			if a := w.do(t, "PATCH", ball, fmt.Sprintf(`{"properties":{"p%d":true}}`, i)); a.status != 200 {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	wg.Wait()
	a := w.want(t, w.do(t, "GET", ball, ""), 200)
	if len(a.doc["properties"].(map[string]any)) != n+1 {
		t.Error(a.body)
	}
}

// eventually polls until the call has the status.
func (w *world) eventually(t *testing.T, status int, method, path string) answer {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		a := w.do(t, method, strings.TrimPrefix(path, origin), "")
		if a.status == status && a.at("status") != "InProgress" {
			return a
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s %s stays %d: %s", method, path, a.status, a.body)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

package pipeline_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// limited is the world with limits on what a caller may do in an hour, which does not end.
func (w *world) limited(l pipeline.Limits) {
	o := w.pipeline.Options
	o.Limits = &l
	o.Clock = clocktesting.NewFakeClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	w.pipeline = pipeline.New(o)
}

func TestCallersAreThrottledByTheHour(t *testing.T) {
	w := newWorld(t)
	w.group(t, "g")
	w.limited(pipeline.Limits{Reads: 2, Writes: 1, Deletes: 1})
	get := func(as string) answer {
		return w.do(t, "GET", sub+"/resourceGroups/g", "", "Authorization", "Bearer "+as)
	}
	if left := w.want(t, get("owner"), 200).header.Get("x-ms-ratelimit-remaining-subscription-reads"); left != "1" {
		t.Errorf("left: %q", left)
	}
	w.want(t, get("owner"), 200)
	refused := w.want(t, get("owner"), 429)
	if refused.code() != "SubscriptionRequestsThrottled" || refused.header.Get("Retry-After") == "" || refused.header.Get("x-ms-ratelimit-remaining-subscription-reads") != "0" {
		t.Error(refused.body, refused.header)
	}
	// A call that a template deployment makes is of this hour too: it must not begin
	// the allowances of everybody anew.
	w.pipeline.HandleAs(t.Context(), providers.Caller{ObjectID: "eve", TenantID: tenant}, pipeline.Call{Method: "GET", Path: sub + "/resourceGroups/g", Query: url.Values{"api-version": {"2021-04-01"}}})
	w.want(t, get("owner"), 429)
	// Another kind of call and another caller have allowances of their own.
	w.want(t, w.do(t, "PUT", sub+"/resourceGroups/h", `{"location":"eastus"}`), 201)
	w.want(t, get("mia"), 403)
	// Who proves nothing uses up nothing, and learns nothing.
	for range 5 {
		if a := w.want(t, get("forged"), 401); a.header.Get("x-ms-ratelimit-remaining-subscription-reads") != "" {
			t.Error(a.header)
		}
	}
}

func TestNobodyMakesOrReadsPositions(t *testing.T) {
	w := newWorld(t)
	for i := range 3 {
		w.group(t, fmt.Sprint("g", i))
	}
	token := func(a answer) string {
		next, _ := a.at("nextLink").(string)
		u, err := url.Parse(next)
		if err != nil {
			t.Fatal(err)
		}
		return u.Query().Get("$skiptoken")
	}
	first := w.want(t, w.do(t, "GET", sub+"/resourcegroups?$top=1", ""), 200)
	position := token(first)
	if position == "" {
		t.Fatal(first.body)
	}
	at := func(query string, header ...string) answer {
		return w.do(t, "GET", sub+"/resourcegroups?"+query+"&$skiptoken="+url.QueryEscape(position), "", header...)
	}
	w.want(t, at("$top=1"), 200)
	// A group that comes before the position meanwhile shifts nothing.
	w.group(t, "a-group-in-front")
	if a := w.want(t, at("$top=1"), 200); !strings.Contains(a.body, `"g1"`) {
		t.Errorf("after the first page: %s", a.body)
	}
	for name, a := range map[string]answer{
		"another filter": at("$top=1&$filter=" + url.QueryEscape("tagName eq 'a'")),
		"another caller": at("$top=1", "Authorization", "Bearer mia"),
		"changed":        w.do(t, "GET", sub+"/resourcegroups?$skiptoken="+url.QueryEscape(position[:len(position)-4]+"AAAA"), ""),
		"made up":        w.do(t, "GET", sub+"/resourcegroups?$skiptoken=eyJhIjoiL3N1YiIsInEiOiJ4In0", ""),
		"nothing":        w.do(t, "GET", sub+"/resourcegroups?$skiptoken=%3D", ""),
	} {
		if a.status != 400 || a.code() != "InvalidSkipToken" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

func TestWhatNobodyServesIsToldToAdministrators(t *testing.T) {
	w := newWorld(t)
	w.group(t, "g")
	for range 2 {
		w.want(t, w.do(t, "PUT", sub+"/resourceGroups/g/providers/Microsoft.Nowhere/things/one?api-version=2020-01-01&sig=secret", `{"password":"p"}`, "User-Agent", "tool/1"), 404)
	}
	w.want(t, w.do(t, "PUT", sub+"/resourceGroups/g/providers/Microsoft.Nowhere/things/two?api-version=2020-01-01", `{}`), 404)
	w.want(t, w.do(t, "GET", sub+"/resourceGroups/g/providers/Toys.Test/balls/b?api-version=1999-01-01", ""), 400)
	w.want(t, w.do(t, "GET", sub+"/resourceGroups/g/providers/Microsoft.Stranger/things/one", "", "Authorization", "Bearer forged"), 401)
	ask := func(as string) answer {
		return render(t, w.pipeline.Gaps(t.Context(), pipeline.Call{Method: "GET", Path: "/debug/unhandled", Header: http.Header{"Authorization": {"Bearer " + as}}, Origin: origin}))
	}
	w.want(t, ask("forged"), 401)
	w.want(t, ask("mia"), 403)
	told := w.want(t, ask("owner"), 200)
	var page struct{ Value []pipeline.Unhandled }
	if err := json.Unmarshal([]byte(told.body), &page); err != nil {
		t.Fatal(err)
	}
	if len(page.Value) != 2 || page.Value[0].Count != 3 || page.Value[0].Code != "InvalidResourceNamespace" || page.Value[0].UserAgent != "tool/1" ||
		page.Value[1].Code != "NoRegisteredProviderFound" || page.Value[1].APIVersion != "1999-01-01" {
		t.Errorf("%+v", page.Value)
	}
	for _, secret := range []string{"secret", "password", "Stranger"} {
		if strings.Contains(told.body, secret) {
			t.Errorf("%q is in the record", secret)
		}
	}
	// However many gaps there are, the record stays small.
	for i := range 700 {
		w.do(t, "GET", fmt.Sprintf("%s/providers/Microsoft.X%d/things", sub, i), "")
	}
	told = w.want(t, ask("owner"), 200)
	if err := json.Unmarshal([]byte(told.body), &page); err != nil || len(page.Value) > 500 {
		t.Errorf("%d gaps, %v", len(page.Value), err)
	}
}

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/edge"
	"github.com/lanyard-project/lanyard/internal/obs/meters"
)

func TestRequestsAreCountedByWhoAnsweredThem(t *testing.T) {
	m := meters.New()
	told := 0
	count := countRequest(m, func(edge.Access) { told++ })
	for path, want := range map[string]string{
		"/subscriptions/s": "arm", "/Providers": "arm", "/v1.0/users": "graph", "//subscriptions/s": "arm", "/metadata/endpoints": "other",
		"/0000/oauth2/v2.0/token": "token", "/": "token",
	} {
		a := edge.Access{Method: http.MethodGet, Path: path, Status: http.StatusOK, Host: "localhost:8443"}
		if got := serviceOf(a); got != want {
			t.Errorf("%s is answered by %s, want %s", path, got, want)
		}
		count(a)
	}
	count(edge.Access{Method: http.MethodGet, Path: "/subscriptions", Status: http.StatusOK, Host: "account.blob.core.windows.net"})
	countOperation(m, func(ops.Event) { told++ })(ops.Event{Kind: "operation", State: ops.Succeeded})
	countOperation(m, func(ops.Event) { told++ })(ops.Event{Kind: "write", State: "Creating"})
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`lanyardd_requests_total{class="2xx",method="GET",service="arm"} 3`, `lanyardd_requests_total{class="2xx",method="GET",service="data"} 1`,
		`lanyardd_operations_total{state="succeeded"} 1`,
	} {
		if !strings.Contains(answer.Body.String(), want) {
			t.Errorf("no %s in %s", want, answer.Body)
		}
	}
	if told != 10 {
		t.Errorf("%d of 10 were told to who comes next", told)
	}
}

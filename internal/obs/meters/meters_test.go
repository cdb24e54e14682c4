package meters_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/obs/meters"
)

func TestMetersSayHowOftenAndNameNobody(t *testing.T) {
	m := meters.New()
	m.Request("arm", "GET", 200, time.Millisecond)
	m.Request("arm", "GET", 204, time.Millisecond)
	m.Request("arm", "INVENTED-1", 405, time.Millisecond)
	m.Request("arm", "INVENTED-2", 405, time.Millisecond)
	m.Request("token", "POST", 0, time.Second)
	m.Decision(true)
	m.Decision(false)
	m.Token("metadata", true)
	m.Operation("Succeeded")
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text := answer.Body.String()
	for _, want := range []string{
		`lanyardd_requests_total{class="2xx",method="GET",service="arm"} 2`,
		`lanyardd_requests_total{class="4xx",method="other",service="arm"} 2`,
		`lanyardd_requests_total{class="none",method="POST",service="token"} 1`,
		`lanyardd_request_seconds_count{service="arm"} 4`,
		`lanyardd_decisions_total{allowed="false"} 1`,
		`lanyardd_tokens_total{issued="true",via="metadata"} 1`,
		`lanyardd_operations_total{state="succeeded"} 1`,
		"go_goroutines ", "process_resident_memory_bytes ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(text, "INVENTED") {
		t.Error("a client's word is a label")
	}
	elsewhere := httptest.NewRecorder()
	m.Handler().ServeHTTP(elsewhere, httptest.NewRequest(http.MethodGet, "/debug/pprof/", nil))
	if elsewhere.Code != http.StatusNotFound {
		t.Errorf("/debug/pprof/: %d", elsewhere.Code)
	}
}

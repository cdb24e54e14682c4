package serve_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lanyard-project/lanyard/internal/node/pods"
	"github.com/lanyard-project/lanyard/internal/node/serve"
)

func TestOnePodsLimitLeavesTheOthersAlone(t *testing.T) {
	rig := newRig(t, io.Discard)
	rig.options.PerSecond = 1
	handler := serve.NewProven(rig.options)
	ask := func() int {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request(target))
		return w.Code
	}
	limited := 0
	for range 100 {
		if ask() == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited < 95 {
		t.Errorf("%d of 100 requests were too many, at one a second", limited)
	}
	rig.set(func() {
		rig.sandbox = pods.Sandbox{ID: "s2", UID: "u2", Namespace: "my-app", Name: "other"}
		rig.fact.UID = "u2"
	})
	if got := ask(); got != http.StatusOK {
		t.Errorf("another pod got %d", got)
	}
}

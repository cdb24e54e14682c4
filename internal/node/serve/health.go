package serve

import (
	"net/http"
	"strings"
)

// Check is one thing that has to be so before the agent is ready.
type Check struct {
	Name string
	OK   func() bool
}

// Health answers the probes. It says which check fails and nothing else, and no profiler hides behind it.
func Health(checks []Check) http.Handler {
	failing := func() []string {
		var names []string
		for _, check := range checks {
			if !check.OK() {
				names = append(names, check.Name)
			}
		}
		return names
	}
	mux := http.NewServeMux()
	// alive whatever the checks say: a restart doesn't bring the API server back. The words are the predecessor's.
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if len(failing()) > 0 {
			_, _ = w.Write([]byte("Not Active"))
			return
		}
		_, _ = w.Write([]byte("Active"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if names := failing(); len(names) > 0 {
			http.Error(w, "not ready: "+strings.Join(names, ", "), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok"))
	})
	return mux
}

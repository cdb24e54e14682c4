package probe_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/node/probe"
)

// helm test ends well when the agent answers, also one that wasn't ready at first, and badly when it is somebody else who does.
func TestOnce(t *testing.T) {
	for name, test := range map[string]struct {
		server   string
		unready  int32
		patience time.Duration
		want     string
	}{
		"agent":                           {imds.Agent, 0, time.Minute, ""},
		"agent that starts":               {imds.Agent, 1, time.Minute, ""},
		"the node's own metadata service": {"", 0, time.Second, "answered by somebody else than the agent"},
		"agent that never gets ready":     {imds.Agent, 1000, time.Second, "503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Server", test.server)
				if asked.Add(1) <= test.unready {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			}))
			defer server.Close()
			p := probe.Probe{URL: server.URL, Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler)}
			err := p.Once(t.Context(), test.patience)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

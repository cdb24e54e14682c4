package cluster

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// health answers the kubelet and people who ask which replica leads. It has
// its own mux: nothing else is ever reachable on its port.
type health struct {
	address string
	elected <-chan struct{}
	cache   cache.Cache
	// parts are what else has to be ready, by name: it returns why it isn't.
	parts map[string]func() error
}

func addHealth(mgr manager.Manager, address string, parts map[string]func() error) error {
	if address == "" || address == "0" {
		return nil
	}
	h := &health{address: address, elected: mgr.Elected(), cache: mgr.GetCache(), parts: parts}
	if err := mgr.Add(h); err != nil {
		return fmt.Errorf("adding the health server: %w", err)
	}
	return nil
}

// NeedLeaderElection is false: standbys answer too.
func (h *health) NeedLeaderElection() bool { return false }

// Start serves until the context ends.
func (h *health) Start(ctx context.Context) error {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", h.address)
	if err != nil {
		return fmt.Errorf("listening for health probes: %w", err)
	}
	return serve(ctx, &http.Server{Handler: h.routes(), ReadHeaderTimeout: readHeaderTimeout}, listener)
}

func (h *health) routes() http.Handler {
	mux := http.NewServeMux()
	// The texts are aad-pod-identity's; its users' checks read them.
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-h.elected:
			_, _ = io.WriteString(w, "Active")
		default:
			_, _ = io.WriteString(w, "Not Active")
		}
	})
	// Ready means that the caches are full, so that this replica can lead at
	// once, and that whoever asks its other parts gets an answer. It says nothing
	// of Azure: a new mic doesn't help against a sick Azure.
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		wait, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if !h.cache.WaitForCacheSync(wait) {
			http.Error(w, "caches aren't filled yet", http.StatusServiceUnavailable)
			return
		}
		for name, ready := range h.parts {
			if err := ready(); err != nil {
				http.Error(w, name+": "+err.Error(), http.StatusServiceUnavailable)
				return
			}
		}
		_, _ = io.WriteString(w, "ok")
	})
	return mux
}

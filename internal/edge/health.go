package edge

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// health answers whether the process lives and whether it can serve.
type health struct {
	ready func(ctx context.Context) error
}

func (h *health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if strings.EqualFold(strings.Trim(r.URL.Path, "/"), "readyz") && h.ready != nil {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := h.ready(ctx); err != nil {
			http.Error(w, "the store doesn't answer", http.StatusServiceUnavailable)
			return
		}
	}
	_, _ = w.Write([]byte("ok\n"))
}

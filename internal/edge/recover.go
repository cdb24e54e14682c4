package edge

import (
	"log/slog"
	"net/http"
	"runtime/debug"
)

// recoverPanics makes a panic the failure of one request.
func recoverPanics(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares this value itself
				panic(p)
			}
			log.Error("request panicked", "request", idsOf(w).request, "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(`{"error":{"code":"InternalServerError","message":"The server encountered an internal error. Please retry the request."}}`))
		}()
		next.ServeHTTP(w, r)
	})
}

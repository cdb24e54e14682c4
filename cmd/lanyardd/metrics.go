package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/edge"
	"github.com/lanyard-project/lanyard/internal/obs/meters"
)

// serveMeters answers /metrics at an address of its own, if there is one.
func serveMeters(ctx context.Context, m *meters.Meters, address string, log *slog.Logger) error {
	if address == "" {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listening for metrics: %w", err)
	}
	server := &http.Server{Handler: m.Handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	log.Info("serving metrics", "address", listener.Addr().String())
	return ignoreClosed(server.Serve(listener))
}

// countRequest counts a request and tells the next one of it.
func countRequest(m *meters.Meters, next func(edge.Access)) func(edge.Access) {
	return func(a edge.Access) {
		m.Request(serviceOf(a), a.Method, a.Status, a.Duration)
		next(a)
	}
}

// serviceOf is who answered a request: one of a few words.
func serviceOf(a edge.Access) string {
	if ofDataPlane(a.Host) != "" {
		return "data"
	}
	first, _, _ := strings.Cut(strings.TrimLeft(a.Path, "/"), "/")
	switch strings.ToLower(first) {
	case "subscriptions", "providers", "tenants", "debug":
		return "arm"
	case "v1.0":
		return "graph"
	case "metadata", "healthz", "readyz", "lanyard", "extensions", "charts", "oidc":
		return "other"
	}
	return "token"
}

// countOperation counts an operation that has ended and tells the next one of it.
func countOperation(m *meters.Meters, next func(ops.Event)) func(ops.Event) {
	return func(e ops.Event) {
		if e.Kind == "operation" {
			m.Operation(e.State)
		}
		next(e)
	}
}

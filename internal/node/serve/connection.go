package serve

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/lanyard-project/lanyard/internal/node/attest"
	"github.com/lanyard-project/lanyard/internal/node/pods"
)

type connectionKey struct{}

// connection is what is known about a TCP connection from the moment it was accepted.
type connection struct {
	origin pods.Binding
	failed error
}

func remember(ctx context.Context, conn net.Conn) context.Context {
	origin, err := attest.Origin(conn)
	return context.WithValue(ctx, connectionKey{}, connection{origin: origin, failed: err})
}

func connectionOf(ctx context.Context) connection {
	known, _ := ctx.Value(connectionKey{}).(connection)
	return known
}

// NewServer puts a handler behind limits on everything that a client can drag out. longest is how long an answer may
// take.
func NewServer(handler http.Handler, longest time.Duration, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ConnContext:       remember,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      longest + 10*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

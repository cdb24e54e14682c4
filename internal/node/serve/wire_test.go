package serve_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/node/pods"
	"github.com/lanyard-project/lanyard/internal/node/serve"
	"github.com/lanyard-project/lanyard/internal/node/wire"
)

// BenchmarkTokenHitOnTheWire is a cached token over a loopback connection, the client's part included.
func BenchmarkTokenHitOnTheWire(b *testing.B) {
	rig := newRig(b, io.Discard)
	server := &wire.Server{
		Handler: serve.NewProven(rig.options), Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler), Idle: time.Minute, Patience: time.Second,
		Accepted: func(ctx context.Context, _ net.Conn) (context.Context, func(), bool) {
			return serve.WithOrigin(ctx, pods.Binding{Interface: 7}), func() {}, true
		},
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = server.Serve(b.Context(), listener) }()
	defer server.Shutdown(b.Context())
	conn, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := conn.Write([]byte("GET " + target + " HTTP/1.1\r\nHost: 169.254.169.254\r\nUser-Agent: Go-http-client/1.1\r\nMetadata: true\r\nAccept-Encoding: gzip\r\n\r\n")); err != nil {
			b.Fatal(err)
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil || response.StatusCode != http.StatusOK {
			b.Fatal(response, err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
	}
}

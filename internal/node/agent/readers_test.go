package agent

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// While aad-pod-identity's agent has the port of the probes, ours serves pods all the same, and takes the port over.
func TestPortOfThePredecessorIsWaitedFor(t *testing.T) {
	predecessor, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.2:0") // an address whose ports nobody else takes meanwhile
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	address := predecessor.Addr().String()
	if err := listenOn(ctx, group, address, 10, answer, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatalf("it didn't wait: %v", err)
	}
	if err := predecessor.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := new(http.Client).Do(request)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusTeapot {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody took the port over: %v", err)
		}
	}
	cancel()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

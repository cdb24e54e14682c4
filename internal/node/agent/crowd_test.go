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

// Any pod reaches the node's metrics port. However many connections it opens, the agent holds a bounded number, and answers again
// when they go.
func TestCrowdAtTheMetricsPortIsBounded(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.2:0") // an address whose ports nobody else takes meanwhile
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	ctx, stop := context.WithCancel(t.Context())
	var group errgroup.Group
	answer := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	if err := listenOn(ctx, &group, address, mostReaders, answer, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	crowd := make([]net.Conn, mostReaders)
	for i := range crowd {
		if crowd[i], err = net.Dial("tcp", address); err != nil {
			t.Fatal(err)
		}
	}
	get := func(patience time.Duration) error {
		client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Get("http://" + address)
		if err == nil {
			_ = response.Body.Close()
		}
		return err
	}
	if get(200*time.Millisecond) == nil {
		t.Errorf("there was room beyond %d connections", mostReaders)
	}
	for _, conn := range crowd {
		_ = conn.Close()
	}
	if err := get(time.Minute); err != nil {
		t.Errorf("when the crowd had left: %v", err)
	}
	stop()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

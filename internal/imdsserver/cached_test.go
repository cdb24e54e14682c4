package imdsserver_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/imdsserver"
)

// BenchmarkCachedToken is a machine that asks over and over for the token of its
// identity, over a kept connection: with every request the machine is found by its
// address, the identity is still attached and exists, and the answer is recorded.
// The empty handler, in turns with it so that both see the same machine, sends as
// many bytes.
func BenchmarkCachedToken(b *testing.B) {
	const plenty = 1e9
	c := newRealCloud(b, imdsserver.Limits{PerSecond: plenty, Burst: plenty})
	body := get(c.handler, node, tokenPath).Body.Bytes()
	cached, stopCached := asked(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = netip.AddrPortFrom(node, 40000).String() // as on the VNet's own listener
		c.handler.ServeHTTP(w, r)
	}))
	defer stopCached()
	noop, stopNoop := asked(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = w.Write(body)
	}))
	defer stopNoop()
	var ours, theirs time.Duration
	for b.Loop() {
		began := time.Now()
		cached()
		between := time.Now()
		noop()
		ours, theirs = ours+between.Sub(began), theirs+time.Since(between)
	}
	n := float64(b.N)
	b.ReportMetric(n/ours.Seconds(), "cached_rps")
	b.ReportMetric(n/theirs.Seconds(), "noop_rps")
}

// asked serves the handler and returns one request to it, whose answer must be good.
func asked(b *testing.B, h http.Handler) (once, stop func()) {
	b.Helper()
	server := httptest.NewServer(h)
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, server.URL+tokenPath, nil)
	check(b, err)
	request.Header.Set("Metadata", "true")
	client := server.Client()
	var sink bytes.Buffer
	return func() {
		response, err := client.Do(request)
		check(b, err)
		sink.Reset()
		_, err = io.Copy(&sink, response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			b.Fatal(response.Status, sink.String(), err)
		}
	}, server.Close
}

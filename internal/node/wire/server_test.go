package wire_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/node/wire"
)

// script is a handler whose path says what to do.
type script struct {
	entered chan struct{} // one for each request that waits
	left    chan error    // why it stopped waiting
	finish  chan struct{}
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.RequestURI {
	case "/wait":
		s.entered <- struct{}{}
		select {
		case <-r.Context().Done():
			s.left <- r.Context().Err()
		case <-s.finish:
			s.left <- nil
		}
	case "/close":
		w.Header().Set("Connection", "close")
	case "/split":
		w.Header().Set("X", "a\r\nMetadata: true")
	case "/panic":
		panic("a fault")
	}
	fmt.Fprintf(w, "%s %s", r.Method, r.RequestURI)
}

func (s *script) Malformed(_ context.Context, w http.ResponseWriter, why string) {
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, why)
}

type rig struct {
	t        *testing.T
	script   *script
	server   *wire.Server
	listener net.Listener
	address  string
	log      bytes.Buffer
}

func start(t *testing.T, change ...func(*wire.Server)) *rig {
	t.Helper()
	r := &rig{t: t, script: &script{entered: make(chan struct{}, 8), left: make(chan error, 8), finish: make(chan struct{})}}
	r.server = &wire.Server{
		Handler: r.script, Clock: clock.RealClock{}, Log: slog.New(slog.NewTextHandler(&r.log, nil)),
		Idle: time.Hour, Patience: time.Hour,
	}
	for _, c := range change {
		c(r.server)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.listener, r.address = listener, listener.Addr().String()
	done := make(chan error)
	go func() { done <- r.server.Serve(context.WithoutCancel(t.Context()), listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		r.server.Shutdown(ctx)
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
		if n := r.server.Connections(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
	return r
}

type peer struct {
	net.Conn
	t      *testing.T
	reader *bufio.Reader
}

func (r *rig) dial() *peer {
	r.t.Helper()
	conn, err := net.Dial("tcp4", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	return &peer{Conn: conn, t: r.t, reader: bufio.NewReader(conn)}
}

func (p *peer) send(text string) {
	if _, err := io.WriteString(p, text); err != nil {
		p.t.Errorf("sending: %v", err)
	}
}

// want reads an answer.
func (p *peer) want(status int, body string, closes bool) *http.Response {
	p.t.Helper()
	response, err := http.ReadResponse(p.reader, nil)
	if err != nil {
		p.t.Fatalf("reading an answer, of which %q was wanted: %v", body, err)
	}
	got, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status || !strings.Contains(string(got), body) || response.Close != closes {
		p.t.Errorf("got %s, %q, closing %t, %v; want %d, %q, closing %t", response.Status, got, response.Close, err, status, body, closes)
	}
	return response
}

// ended wants the connection to be closed without another answer.
func (p *peer) ended() {
	p.t.Helper()
	if rest, err := io.ReadAll(p.reader); len(rest) > 0 || err != nil && !strings.Contains(err.Error(), "reset") {
		p.t.Errorf("after the end: %q, %v", rest, err)
	}
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n" }

func TestConnectionIsKept(t *testing.T) {
	p := start(t).dial()
	p.send(get("/1"))
	if response := p.want(200, "GET /1", false); response.Header.Get("Date") == "" || response.Status != "200 OK" {
		t.Errorf("answer %s, %v", response.Status, response.Header)
	}
	p.send(get("/2") + get("/3") + get("/4")[:10]) // in one packet, and a half
	p.want(200, "GET /2", false)
	p.want(200, "GET /3", false)
	p.send(get("/4")[10:])
	p.want(200, "GET /4", false)
	p.send(get("/close"))
	p.want(200, "GET /close", true)
	p.ended()
}

func TestOddRequestsEndTheConnection(t *testing.T) {
	long := "GET /" + strings.Repeat("a", 20<<10)
	for name, test := range map[string]struct {
		send, body string
		status     int
	}{
		"a body":               {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 44\r\n\r\n" + get("/smuggled"), "POST /", 200},
		"chunks":               {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get("/smuggled"), "POST /", 200},
		"an upgrade":           {"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + get("/smuggled"), "GET /", 200},
		"not HTTP":             {"\x16\x03\x01\r\n\r\n", "request line is malformed", 400},
		"a head without end":   {long, "too long", 400},
		"a malformed one":      {"GET / HTTP/1.0\r\n\r\n" + get("/smuggled"), "HTTP/1.1 is required", 400},
		"a head that trickles": {"GET / HTTP/1.1\r\n", "didn't come in time", 400},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, func(s *wire.Server) {
				if name == "a head that trickles" {
					s.Patience = 200 * time.Millisecond
				}
			}).dial()
			p.send(test.send)
			p.want(test.status, test.body, true)
			p.ended()
		})
	}
}

func TestAnswerCantBeSplit(t *testing.T) {
	p := start(t).dial()
	p.send(get("/split"))
	if response := p.want(200, "", false); response.Header.Get("X")+response.Header.Get("Metadata") != "" {
		t.Errorf("headers %v", response.Header)
	}
	p.send("HEAD /1 HTTP/1.1\r\nHost: h\r\n\r\n" + get("/2"))
	response, err := http.ReadResponse(p.reader, &http.Request{Method: http.MethodHead})
	if err != nil || response.ContentLength != int64(len("HEAD /1")) {
		t.Errorf("HEAD: %v, %v", response, err)
	}
	p.want(200, "GET /2", false)
}

func TestContextEndsWhenTheClientLeaves(t *testing.T) {
	r := start(t)
	leaving := r.dial()
	leaving.send(get("/wait"))
	<-r.script.entered
	_ = leaving.Close()
	if err := <-r.script.left; !errors.Is(err, context.Canceled) {
		t.Errorf("the client left, but waiting ended with %v", err)
	}

	staying := r.dial()
	staying.send(get("/wait"))
	<-r.script.entered
	staying.send(get("/2")) // who asks for more hasn't left
	time.Sleep(20 * time.Millisecond)
	r.script.finish <- struct{}{}
	if err := <-r.script.left; err != nil {
		t.Errorf("waiting ended with %v", err)
	}
	staying.want(200, "GET /wait", false)
	staying.want(200, "GET /2", false)
	staying.send(get("/wait")) // and a second time on one connection
	<-r.script.entered
	_ = staying.Close()
	if err := <-r.script.left; !errors.Is(err, context.Canceled) {
		t.Errorf("the client left, but waiting ended with %v", err)
	}
}

func TestShutdownAnswersWhatItHasTaken(t *testing.T) {
	r := start(t)
	idle, busy := r.dial(), r.dial()
	idle.send(get("/1"))
	idle.want(200, "GET /1", false)
	busy.send(get("/wait"))
	<-r.script.entered
	done := make(chan struct{})
	go func() {
		r.server.Shutdown(t.Context())
		close(done)
	}()
	idle.ended()
	if _, err := r.listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the end a connection may be taken: %v", err)
	}
	select {
	case <-done:
		t.Error("the server didn't wait for the request that it had taken")
	case <-time.After(20 * time.Millisecond):
	}
	r.script.finish <- struct{}{}
	if err := <-r.script.left; err != nil {
		t.Errorf("the request was cut: %v", err)
	}
	busy.want(200, "GET /wait", true)
	<-done
}

func TestDoorkeeperAndFaults(t *testing.T) {
	released := make(chan struct{}, 1)
	var taken atomic.Bool
	r := start(t, func(s *wire.Server) {
		s.Accepted = func(ctx context.Context, _ net.Conn) (context.Context, func(), bool) {
			if taken.Swap(true) {
				return ctx, nil, false
			}
			return ctx, func() { released <- struct{}{} }, true
		}
	})
	first := r.dial()
	first.send(get("/1"))
	first.want(200, "GET /1", false)
	r.dial().ended()
	first.send(get("/panic"))
	first.ended()
	<-released
	r.server.Shutdown(t.Context())
	if !strings.Contains(r.log.String(), "a fault") {
		t.Errorf("log %q", r.log.String())
	}
}

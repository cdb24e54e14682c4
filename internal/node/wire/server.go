package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

// Handler answers requests, and what isn't one.
type Handler interface {
	http.Handler
	// Malformed answers something that can't be read as a request; why holds nothing of it.
	Malformed(ctx context.Context, w http.ResponseWriter, why string)
}

// Server serves connections. All fields are needed unless stated.
type Server struct {
	Handler Handler
	Clock   clock.PassiveClock
	Log     *slog.Logger
	// Accepted prepares a new connection: the context is that of its requests, and release is called when the connection has
	// ended. Not ok closes it at once. Nil takes every connection.
	Accepted func(context.Context, net.Conn) (ctx context.Context, release func(), ok bool)
	// Idle is how long a connection may say nothing between requests.
	Idle time.Duration
	// Patience is how long a head may take from its first byte on, and the client to take an answer.
	Patience time.Duration

	latest atomic.Pointer[dated] // the second that all connections write at the moment

	mu          sync.Mutex
	closed      bool
	listener    net.Listener
	connections map[*connection]struct{}
	group       sync.WaitGroup
}

// Serve serves a listener's connections, until the listener is closed.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	s.mu.Lock()
	s.listener, s.connections = listener, map[*connection]struct{}{}
	s.mu.Unlock()
	for pause := time.Duration(0); ; {
		conn, err := listener.Accept()
		if err == nil {
			pause = 0
			s.start(ctx, conn)
			continue
		}
		if s.isClosed() || errors.Is(err, net.ErrClosed) {
			return http.ErrServerClosed
		}
		var passing interface{ Temporary() bool } // out of files, or a connection that is gone already
		if !errors.As(err, &passing) || !passing.Temporary() {
			return fmt.Errorf("accepting connections: %w", err)
		}
		const least, most = 5 * time.Millisecond, time.Second
		pause = min(max(2*pause, least), most)
		s.Log.Warn("accepting a connection failed, trying again", "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return http.ErrServerClosed
		}
	}
}

func (s *Server) start(ctx context.Context, conn net.Conn) {
	c := &connection{server: s, net: conn}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = conn.Close()
		return
	}
	s.connections[c] = struct{}{}
	s.group.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.group.Done()
		defer s.forget(c)
		defer conn.Close()
		defer func() {
			if fault := recover(); fault != nil {
				s.Log.Error("serving a connection failed", "fault", fault, "stack", string(debug.Stack()))
			}
		}()
		if s.Accepted != nil {
			known, release, ok := s.Accepted(ctx, conn)
			if !ok {
				return
			}
			defer release()
			ctx = known
		}
		c.serve(ctx)
	}()
}

func (s *Server) forget(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.connections, c)
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Connections gives the number of connections.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.connections)
}

// Shutdown takes no more requests, lets those be answered that are being served, and returns when all connections have ended;
// when the context ends first, it cuts them.
func (s *Server) Shutdown(ctx context.Context) {
	s.each(func(c *connection) {
		c.stopping.Store(true)
		_ = c.net.SetReadDeadline(time.Unix(1, 0)) // wakes those that wait for a request
	})
	done := make(chan struct{})
	go func() {
		s.group.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.each(func(c *connection) { _ = c.net.Close() })
		<-done
	}
}

// each closes the listener and does something to every connection.
func (s *Server) each(do func(*connection)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.listener != nil {
		_ = s.listener.Close()
	}
	for c := range s.connections {
		do(c)
	}
}

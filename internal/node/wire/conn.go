package wire

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

const firstBuffer = 2 << 10

// connection is served by one goroutine.
type connection struct {
	server *Server
	net    net.Conn
	parser parser
	answer response
	watch  *departure

	in       []byte // received, not yet used
	out      []byte
	readBy   time.Time // deadlines as they are set, so that they needn't be set for each request
	writeBy  time.Time
	stopping atomic.Bool
}

// serve answers requests until somebody has enough.
func (c *connection) serve(ctx context.Context) {
	c.in = make([]byte, 0, firstBuffer)
	c.answer.header = make(http.Header, 4)
	c.watch = newDeparture(ctx, c)
	for {
		size, err := c.head()
		if err != nil {
			c.refuse(err)
			return
		}
		head := string(c.in[:size])
		c.in = c.in[:copy(c.in, c.in[size:])]
		request, err := c.parser.parse(head)
		if err != nil {
			c.refuse(err)
			return
		}
		if request.Context() != context.Context(c.watch) {
			c.parser.request = *request.WithContext(c.watch)
		}
		c.server.Handler.ServeHTTP(&c.answer, request)
		if c.watch.end() {
			c.watch = newDeparture(ctx, c)
		}
		last := request.Close || c.stopping.Load() || len(c.answer.header["Connection"]) > 0
		if c.send(request.Method == http.MethodHead, last) != nil {
			return
		}
		if last {
			if request.ContentLength != 0 {
				c.linger()
			}
			return
		}
	}
}

// refuse answers what isn't a request. Somebody who says nothing gets no answer.
func (c *connection) refuse(err error) {
	var what malformed
	if !errors.As(err, &what) {
		return
	}
	c.server.Handler.Malformed(c.watch, &c.answer, what.Error())
	c.watch.end()
	if c.send(false, true) == nil {
		c.linger()
	}
}

// head waits for a whole head and gives its length.
func (c *connection) head() (int, error) {
	idle := true
	if len(c.in) == 0 {
		if err := c.extend(&c.readBy, c.net.SetReadDeadline, c.server.Idle); err != nil {
			return 0, err
		}
	}
	if c.stopping.Load() { // asked after the deadline is set, which Shutdown moves after it has said so
		return 0, net.ErrClosed
	}
	for searched := 0; ; {
		if len(c.in) > 0 {
			if end := bytes.Index(c.in[searched:], []byte("\r\n\r\n")); end >= 0 {
				return searched + end + 4, nil
			}
			if len(c.in) >= MaxHead {
				return 0, malformed("the request's line and headers are too long")
			}
			searched = max(0, len(c.in)-3)
			if idle { // from its first byte on, a head has to come soon
				idle, c.readBy = false, time.Time{}
				if err := c.net.SetReadDeadline(c.server.Clock.Now().Add(c.server.Patience)); err != nil {
					return 0, err
				}
			}
		}
		if len(c.in) == cap(c.in) {
			c.in = append(make([]byte, 0, min(2*cap(c.in), MaxHead)), c.in...)
		}
		n, err := c.net.Read(c.in[len(c.in):cap(c.in)])
		c.in = c.in[:len(c.in)+n]
		if err != nil {
			if len(c.in) > 0 && errors.Is(err, os.ErrDeadlineExceeded) && !c.stopping.Load() {
				return 0, malformed("the request didn't come in time")
			}
			return 0, err
		}
	}
}

// send writes the answer and forgets it.
func (c *connection) send(bodiless, last bool) error {
	c.out = c.answer.render(c.out[:0], c.server.date(c.server.Clock.Now()), bodiless, last)
	c.answer.reset()
	err := c.extend(&c.writeBy, c.net.SetWriteDeadline, c.server.Patience)
	if err == nil {
		_, err = c.net.Write(c.out)
	}
	clear(c.out) // it may hold a token
	const keep = 16 << 10
	if cap(c.out) > keep {
		c.out = nil
	}
	return err
}

// extend moves a deadline, to be at least the given time away. It isn't moved for each request: that costs as much as
// reading one.
func (c *connection) extend(deadline *time.Time, set func(time.Time) error, least time.Duration) error {
	now := c.server.Clock.Now()
	if deadline.Sub(now) >= least {
		return nil
	}
	*deadline = now.Add(least + least/2)
	return set(*deadline)
}

// linger lets the client read the answer before what it still sends makes the kernel reset the connection.
func (c *connection) linger() {
	closer, ok := c.net.(interface{ CloseWrite() error })
	if !ok || closer.CloseWrite() != nil {
		return
	}
	const moment, most = 250 * time.Millisecond, 64 << 10
	if c.net.SetReadDeadline(c.server.Clock.Now().Add(moment)) != nil {
		return
	}
	for got := 0; got < most; {
		n, err := c.net.Read(c.in[:cap(c.in)])
		if err != nil {
			return
		}
		got += n
	}
}

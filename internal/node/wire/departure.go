package wire

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// departure is a request's context: it ends when the client closes the connection. Watching for that takes a goroutine and a
// read, so it begins only when somebody asks for Done; most requests are answered at once and nobody does. As with any
// handler's context, nobody may ask when the handler has returned.
type departure struct {
	context.Context // the connection's, with its values

	connection *connection

	mu      sync.Mutex
	started bool
	cancel  context.CancelFunc
	watched context.Context //nolint:containedctx // it is one
	idle    chan struct{}   // closed when nobody reads any more
}

func newDeparture(ctx context.Context, c *connection) *departure {
	return &departure{Context: ctx, connection: c}
}

// Done begins to watch.
func (d *departure) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.started {
		d.started, d.idle = true, make(chan struct{})
		d.watched, d.cancel = context.WithCancel(d.Context)
		if len(d.connection.in) > 0 { // the next request is here already: the client hasn't left
			close(d.idle)
		} else {
			go d.read()
		}
	}
	return d.watched.Done()
}

// Err says whether it has ended.
func (d *departure) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.started {
		return d.watched.Err()
	}
	return d.Context.Err()
}

// read waits for anything to happen on the connection.
func (d *departure) read() {
	defer close(d.idle)
	c := d.connection
	n, err := c.net.Read(c.in[:1])
	c.in = c.in[:n]
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		d.cancel()
	}
}

// end says that the request has been answered: what was watched for it no longer is. It reports whether that used the context
// up; else it serves the next request too.
func (d *departure) end() (usedUp bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.started {
		return false
	}
	_ = d.connection.net.SetReadDeadline(time.Unix(1, 0)) // wakes the reader; a closed connection needs no waking
	<-d.idle
	d.cancel()
	d.connection.readBy = time.Time{}
	return true
}

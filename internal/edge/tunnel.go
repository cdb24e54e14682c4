package edge

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// handshakeLimit is how long a client may take to say what it wants, and
	// maxBeginning how many bytes.
	handshakeLimit = 10 * time.Second
	maxBeginning   = 16 << 10
	// mostUnread is how much more of a refused client's bytes is taken.
	mostUnread = 256 << 10
)

// Tunnel makes the front's listener an HTTP proxy as well, for the names of the
// cloud itself: on a machine whose resolver doesn't know them, a client reaches
// NAME.azurecr.io with HTTPS_PROXY=http://localhost:8443 and nothing else.
//
// The first byte of a connection tells TLS, which goes on as ever, from a proxy's
// CONNECT, whose tunnel ends right here: what is sent through it is TLS for this
// same server. Names that aren't below one of the routes' suffixes, and aren't this
// server's own, are refused: nothing leaves the machine.
func Tunnel(listener net.Listener, hosts ...HostRoute) net.Listener {
	return newTunnel(listener, handshakeLimit, hosts)
}

func newTunnel(listener net.Listener, patience time.Duration, hosts []HostRoute) net.Listener {
	t := &tunnel{Listener: listener, hosts: hosts, patience: patience, ready: make(chan net.Conn), failed: make(chan error), closed: make(chan struct{})}
	go t.accept()
	return t
}

type tunnel struct {
	net.Listener
	hosts    []HostRoute
	patience time.Duration

	ready  chan net.Conn
	failed chan error
	once   sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (t *tunnel) Accept() (net.Conn, error) {
	select {
	case c := <-t.ready:
		return c, nil
	case err := <-t.failed:
		return nil, err
	case <-t.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. The goroutines end with it.
func (t *tunnel) Close() error {
	t.once.Do(func() { close(t.closed) })
	return t.Listener.Close()
}

func (t *tunnel) accept() {
	for {
		c, err := t.Listener.Accept()
		if err != nil {
			select {
			case t.failed <- err:
			case <-t.closed:
			}
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		go t.begin(c)
	}
}

// begin finds out what the client speaks and hands the connection on.
func (t *tunnel) begin(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(t.patience)) // fails with the connection
	bounded := &io.LimitedReader{R: c, N: maxBeginning}
	in := bufio.NewReader(bounded)
	first, err := in.Peek(1)
	if err == nil && first[0] != recordOfHandshake {
		err = t.connect(c, in)
	}
	if err != nil {
		_ = c.Close()
		return
	}
	bounded.N = math.MaxInt64
	_ = c.SetDeadline(time.Time{})
	select {
	case t.ready <- &begun{Conn: c, in: in}:
	case <-t.closed:
		_ = c.Close()
	}
}

// recordOfHandshake is the first byte that a TLS client sends.
const recordOfHandshake = 0x16

// connect answers CONNECT, or refuses.
func (t *tunnel) connect(c net.Conn, in *bufio.Reader) error {
	request, err := http.ReadRequest(in)
	if err != nil {
		return refuse(c, http.StatusBadRequest, "This is neither TLS nor HTTP.")
	}
	if request.Method != http.MethodConnect {
		return refuse(c, http.StatusBadRequest, "Client sent an HTTP request to an HTTPS server.")
	}
	if !t.ours(request.Host) {
		return refuse(c, http.StatusForbidden, fmt.Sprintf(
			"%s isn't a name of this cloud, and this proxy leads nowhere else: unset HTTPS_PROXY, or add the name to NO_PROXY.", request.Host))
	}
	_, err = io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n")
	return err
}

// ours reports whether a tunnel's end is this server.
func (t *tunnel) ours(target string) bool {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return false
	}
	if _, own, err := net.SplitHostPort(t.Addr().String()); err == nil && port == own && (host == "localhost" || host == "127.0.0.1" || host == "::1") {
		return true
	}
	for _, route := range t.hosts {
		if port == "443" && belongs(host, route.Suffix) {
			return true
		}
	}
	return false
}

var errRefused = errors.New("refused")

func refuse(c net.Conn, status int, text string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s\n", status, http.StatusText(status), len(text)+1, text)
	_, err := io.WriteString(c, b.String())
	if half, ok := c.(interface{ CloseWrite() error }); ok && err == nil {
		// A connection that is closed over something unread is reset, and the client's
		// kernel may then throw the answer away. It ends by the connection's deadline.
		err = half.CloseWrite()
		_, _ = io.CopyN(io.Discard, c, mostUnread)
	}
	return errors.Join(errRefused, err)
}

// begun is a connection of which the beginning was read already.
type begun struct {
	net.Conn
	in *bufio.Reader // nil once it is empty; only readers look at it, one at a time
}

// Read hands out what is left of the beginning, then reads from the connection
// itself.
func (b *begun) Read(p []byte) (int, error) {
	if b.in == nil {
		return b.Conn.Read(p)
	}
	if b.in.Buffered() == 0 {
		b.in = nil
		return b.Conn.Read(p)
	}
	return b.in.Read(p)
}

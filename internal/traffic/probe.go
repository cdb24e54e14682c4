package traffic

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// check is how the health of a backend is found out.
type check struct {
	scheme   string // tcp, http or https
	port     uint16
	path     string
	interval time.Duration
	failures int
}

func (p probe) check() *check {
	return &check{
		scheme: strings.ToLower(p.Protocol), port: p.Port, path: p.Path,
		interval: time.Duration(max(p.Interval, 1)) * time.Second, failures: max(1, p.Failures),
	}
}

const (
	probeTimeout = time.Second
	// A backend that is new to its probe is asked this often, for so long: on Azure
	// it would come in with the next regular one.
	firstInterval = 100 * time.Millisecond
	firstPhase    = 15 * time.Second
)

// patient is who is probed, and how.
type patient struct {
	vnet    string
	address netip.Addr
	check   check
}

// watcher follows the health of one patient.
type watcher struct {
	cancel context.CancelFunc
	asked  chan struct{} // closed after the first answer

	mu      sync.Mutex
	healthy bool
	failed  int
}

func (w *watcher) isHealthy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.healthy
}

// learn reports whether the answer changes what is thought of the patient.
func (w *watcher) learn(ok bool, failures int) (changed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.healthy
	if ok {
		w.failed, w.healthy = 0, true
	} else if w.failed++; w.failed >= failures {
		w.healthy = false
	}
	return was != w.healthy
}

// watch follows a patient until the context ends; it calls changed when the
// patient's health has changed.
func (c *Carrier) watch(ctx context.Context, p patient, changed func()) *watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{cancel: cancel, asked: make(chan struct{})}
	c.tasks.Go(func() {
		begun := c.options.Clock.Now()
		for first := true; ; first = false {
			ok := c.ask(ctx, p)
			if ctx.Err() != nil {
				return
			}
			was := w.learn(ok, p.check.failures)
			if first {
				close(w.asked)
			} else if was {
				changed()
			}
			wait := p.check.interval
			if !w.isHealthy() && c.options.Clock.Since(begun) < firstPhase {
				wait = firstInterval
			}
			select {
			case <-ctx.Done():
				return
			case <-c.options.Clock.After(wait):
			}
		}
	})
	return w
}

// ask probes once.
func (c *Carrier) ask(ctx context.Context, p patient) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	at := net.JoinHostPort(p.address.String(), strconv.Itoa(int(p.check.port)))
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return c.options.Engine.Dial(ctx, p.vnet, "tcp4", at)
	}
	if p.check.scheme == "tcp" {
		conn, err := dial(ctx, "", "")
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s://%s/%s", p.check.scheme, at, strings.TrimPrefix(cmp.Or(p.check.path, "/"), "/")), nil)
	if err != nil {
		return false
	}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true, TLSClientConfig: anyCertificate()}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

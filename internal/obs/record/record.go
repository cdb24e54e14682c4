package record

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"
	"k8s.io/utils/clock"
)

// complainEvery bounds how often a failing record is logged.
const complainEvery = time.Minute

// Options say where the record goes. The zero limits mean the defaults.
type Options struct {
	Path     string // of the current file; older ones lie beside it with a time in their names
	MaxMB    int    // a file's size (default 64)
	MaxFiles int    // how many older files are kept (default 10)
	Clock    clock.PassiveClock
	Log      *slog.Logger
}

// Log is the record. It is safe for concurrent use; a nil Log records nothing.
//
// Lines are written by a goroutine of its own, those of a few milliseconds at once,
// so that a call doesn't wait for a disk that is busy with somebody's sync, nor
// pay for a write of its own. A caller waits only when thousands of lines are
// behind. A process that is killed loses the lines of its last moment, one that is
// closed none.
type Log struct {
	options Options
	file    io.WriteCloser
	lines   chan line
	done    chan struct{}

	closing    sync.RWMutex
	closed     bool
	complained time.Time // of the writing goroutine
}

// line is an entry on its way; written is closed once it and all before it are in
// the file.
type line struct {
	text    []byte
	written chan struct{}
}

const (
	// behind is how many lines may wait.
	behind = 8192
	// gather is for how long lines are collected before they are written.
	gather = 5 * time.Millisecond
)

// Open opens or makes the file.
func Open(o Options) (*Log, error) {
	if o.MaxMB == 0 {
		o.MaxMB = 64
	}
	if o.MaxFiles == 0 {
		o.MaxFiles = 10
	}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return nil, fmt.Errorf("opening the record: %w", err)
	}
	file := &lumberjack.Logger{Filename: o.Path, MaxSize: o.MaxMB, MaxBackups: o.MaxFiles, Compress: true}
	// The first write tells now, not at the first request, whether the place is good.
	if _, err := file.Write(nil); err != nil {
		return nil, fmt.Errorf("opening the record: %w", err)
	}
	l := &Log{options: o, file: file, lines: make(chan line, behind), done: make(chan struct{})}
	go l.run()
	return l, nil
}

// run writes lines until Close, all that are there at once.
func (l *Log) run() {
	defer close(l.done)
	const most = 256 << 10
	var waiting []byte
	var asked []chan struct{}
	take := func(l line) {
		waiting = append(waiting, l.text...)
		if l.written != nil {
			asked = append(asked, l.written)
		}
	}
	for first := range l.lines {
		take(first)
		if first.written == nil {
			time.Sleep(gather)
		}
		for more := true; more && len(waiting) < most; {
			select {
			case next, ok := <-l.lines:
				take(next)
				more = ok
			default:
				more = false
			}
		}
		if _, err := l.file.Write(waiting); err != nil {
			l.complain(err)
		}
		for _, written := range asked {
			close(written)
		}
		waiting, asked = waiting[:0], asked[:0]
	}
}

// Flush waits until everything that was recorded is in the file.
func (l *Log) Flush() {
	if l == nil {
		return
	}
	l.closing.RLock()
	defer l.closing.RUnlock()
	if l.closed {
		return
	}
	written := make(chan struct{})
	l.lines <- line{written: written}
	<-written
}

// Close writes what is waiting and closes the file.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.closing.Lock()
	was := l.closed
	l.closed = true
	l.closing.Unlock()
	if was {
		return nil
	}
	close(l.lines)
	<-l.done
	return l.file.Close()
}

// Decision is an answer of the ARM pipeline.
type Decision struct {
	CorrelationID string `json:"correlationId,omitempty"`
	RequestID     string `json:"requestId,omitempty"`
	TenantID      string `json:"tenantId,omitempty"`
	Caller        string `json:"caller,omitempty"` // object ID; empty if the token was refused
	AppID         string `json:"appId,omitempty"`
	TokenID       string `json:"tokenId,omitempty"`
	Method        string `json:"method"`
	Path          string `json:"path"`
	Action        string `json:"action,omitempty"`
	Scope         string `json:"scope,omitempty"`
	Allowed       bool   `json:"allowed"`
	Assignment    string `json:"assignment,omitempty"` // the role assignment that allowed it
	Status        int    `json:"status"`
	Code          string `json:"code,omitempty"`
	Reason        string `json:"reason,omitempty"`
	Remote        string `json:"remote,omitempty"`
	Called        string `json:"called,omitempty"` // what, without names: "PUT Microsoft.Network/virtualNetworks"
	APIVersion    string `json:"apiVersion,omitempty"`
	UserAgent     string `json:"userAgent,omitempty"`
}

// Request is one that isn't ARM's: to Graph, to the token service, or for what
// clients learn the cloud by. It has no query.
type Request struct {
	CorrelationID string `json:"correlationId,omitempty"`
	RequestID     string `json:"requestId,omitempty"`
	Method        string `json:"method"`
	Host          string `json:"host,omitempty"` // of a data plane: which account, namespace or registry
	Path          string `json:"path"`
	Status        int    `json:"status"`
	UserAgent     string `json:"userAgent,omitempty"`
	Remote        string `json:"remote,omitempty"`
}

// Token is an answer of the token service or the metadata service.
type Token struct {
	CorrelationID string    `json:"correlationId,omitempty"`
	TraceID       string    `json:"traceId,omitempty"`
	Via           string    `json:"via"` // "token endpoint", "metadata", "sign-in page", "device page"
	TenantID      string    `json:"tenantId,omitempty"`
	AppID         string    `json:"appId,omitempty"`
	ObjectID      string    `json:"objectId,omitempty"`
	Resource      string    `json:"resource,omitempty"` // the audience, or what was asked for
	Credential    string    `json:"credential,omitempty"`
	Host          string    `json:"host,omitempty"` // the machine that asked
	Issued        bool      `json:"issued"`
	SignedIn      bool      `json:"signedIn,omitempty"` // a user, at a page, for whom a client gets its token later
	Cached        bool      `json:"cached,omitempty"`
	TokenID       string    `json:"tokenId,omitempty"`
	KeyID         string    `json:"keyId,omitempty"`
	Expires       time.Time `json:"expires,omitzero"`
	Code          int       `json:"code,omitempty"` // AADSTS
	Reason        string    `json:"reason,omitempty"`
	Remote        string    `json:"remote,omitempty"`
}

// Decision records an answer of the pipeline.
func (l *Log) Decision(d Decision) {
	l.write(struct {
		Time time.Time `json:"time"`
		Kind string    `json:"kind"`
		Decision
	}{l.now(), "decision", d})
}

// Request records a request that has no other entry.
func (l *Log) Request(r Request) {
	l.write(struct {
		Time time.Time `json:"time"`
		Kind string    `json:"kind"`
		Request
	}{l.now(), "request", r})
}

// Token records an issued or refused token.
func (l *Log) Token(t Token) {
	l.write(struct {
		Time time.Time `json:"time"`
		Kind string    `json:"kind"`
		Token
	}{l.now(), "token", t})
}

func (l *Log) now() time.Time {
	if l == nil {
		return time.Time{}
	}
	return l.options.Clock.Now().UTC()
}

func (l *Log) write(entry any) {
	if l == nil {
		return
	}
	text, err := json.Marshal(entry)
	if err != nil {
		return // unreachable: entries are texts, numbers and times
	}
	l.closing.RLock()
	defer l.closing.RUnlock()
	if !l.closed {
		l.lines <- line{text: append(text, '\n')}
	}
}

// complain logs that the record can't be written, not with every line.
func (l *Log) complain(err error) {
	if now := l.options.Clock.Now(); now.Sub(l.complained) >= complainEvery {
		l.complained = now
		l.options.Log.Error("writing the record failed", "path", l.options.Path, "error", err)
	}
}

package record

import (
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
	MaxFiles int    // how many older files are kept (default 5)
	Clock    clock.PassiveClock
	Log      *slog.Logger
	Counter  Counter // nil is fine
}

// Counter is told of what is recorded.
type Counter interface {
	Decision(allowed bool)
	Token(via string, issued bool)
}

// Log is the record. It is safe for concurrent use; a nil Log records nothing.
//
// Lines are written by a goroutine of its own, those of a few milliseconds at once,
// so that a call doesn't wait for a disk that is busy with somebody's sync, nor
// pay for a write of its own. A caller waits only when megabytes are behind. A
// process that is killed loses the lines of its last moment, one that is closed none.
type Log struct {
	options Options
	file    io.WriteCloser
	done    chan struct{}
	wake    chan struct{} // holds one when there is something to write

	writing sync.Mutex // of who writes to the file
	spare   []byte     // memory of written lines for the next ones
	// complained is when a failing disk was last logged.
	complained time.Time

	mu      sync.Mutex
	room    sync.Cond // told when lines were taken
	waiting []byte
	closed  bool
}

const (
	// behind is how many bytes of lines may wait.
	behind = 4 << 20
	// gather is for how long lines are collected before they are written.
	gather = 5 * time.Millisecond
)

// Open opens or makes the file.
func Open(o Options) (*Log, error) {
	if o.MaxMB == 0 {
		o.MaxMB = 64
	}
	if o.MaxFiles == 0 {
		o.MaxFiles = 5
	}
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o700); err != nil {
		return nil, fmt.Errorf("opening the record: %w", err)
	}
	// Older files aren't compressed: that would cost a busy cloud more than all of its
	// reads' decisions do.
	file := &lumberjack.Logger{Filename: o.Path, MaxSize: o.MaxMB, MaxBackups: o.MaxFiles}
	// The first write tells now, not at the first request, whether the place is good.
	if _, err := file.Write(nil); err != nil {
		return nil, fmt.Errorf("opening the record: %w", err)
	}
	l := &Log{options: o, file: file, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	l.room.L = &l.mu
	go l.run()
	return l, nil
}

// run writes lines until Close, all that are there at once.
func (l *Log) run() {
	defer close(l.done)
	for range l.wake {
		time.Sleep(gather)
		l.Flush()
	}
}

// Flush writes everything that was recorded into the file.
func (l *Log) Flush() {
	if l == nil {
		return
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	lines := l.waiting
	l.waiting, l.spare = l.spare, nil
	l.mu.Unlock()
	l.room.Broadcast()
	l.spare = lines[:0]
	if len(lines) == 0 {
		return
	}
	if _, err := l.file.Write(lines); err != nil {
		l.complain(err)
	}
}

// Close writes what is waiting and closes the file.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	was := l.closed
	l.closed = true
	l.mu.Unlock()
	if was {
		return nil
	}
	close(l.wake)
	<-l.done
	l.Flush()
	return l.file.Close()
}

// write adds a line.
func (l *Log) write(line []byte) {
	l.mu.Lock()
	for len(l.waiting) > behind && !l.closed {
		l.room.Wait()
	}
	if l.closed {
		l.mu.Unlock()
		return
	}
	first := len(l.waiting) == 0
	l.waiting = append(l.waiting, line...)
	if first {
		select {
		case l.wake <- struct{}{}:
		default: // it is awake
		}
	}
	l.mu.Unlock()
}

// complain logs that the record can't be written, not with every line.
func (l *Log) complain(err error) {
	if now := l.options.Clock.Now(); now.Sub(l.complained) >= complainEvery {
		l.complained = now
		l.options.Log.Error("writing the record failed", "path", l.options.Path, "error", err)
	}
}

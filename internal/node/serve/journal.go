package serve

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// Journal collects a log's lines and writes them together, at the latest after a moment: a container's output is a pipe
// that another process reads, and waking it for each of ten thousand requests a second costs more than the requests. An
// agent that is killed takes the last moment's lines with it; one that is stopped doesn't.
type Journal struct {
	out   io.Writer
	clock clock.Clock

	mu     sync.Mutex
	lines  []byte
	due    chan struct{}
	failed error
}

const (
	journalMoment = 50 * time.Millisecond
	journalSize   = 256 << 10
)

// NewJournal makes a journal; Run has to be running.
func NewJournal(out io.Writer, clk clock.Clock) *Journal {
	return &Journal{out: out, clock: clk, due: make(chan struct{}, 1)}
}

// Write takes one line.
func (j *Journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line...)
	if len(j.lines) >= journalSize {
		j.flush()
	}
	select {
	case j.due <- struct{}{}:
	default:
	}
	return len(line), j.failed
}

// Run writes what is collected until the context ends, and what is left then.
func (j *Journal) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return j.Flush()
		case <-j.due:
		}
		select {
		case <-ctx.Done():
		case <-j.clock.After(journalMoment):
		}
		if err := j.Flush(); err != nil {
			return err
		}
	}
}

// Flush writes what is collected now.
func (j *Journal) Flush() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.flush()
	return j.failed
}

// flush writes; the lock is held.
func (j *Journal) flush() {
	if len(j.lines) == 0 {
		return
	}
	_, err := j.out.Write(j.lines)
	j.failed = errors.Join(j.failed, err)
	j.lines = j.lines[:0]
}

package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// progress shows one program's way on one line: rewritten every second on a
// terminal, a new line now and then in a log.
type progress struct {
	w        io.Writer
	terminal bool
	title    string
	start    time.Time

	mu        sync.Mutex
	stale     int // packages to compile, 0 while unknown
	packages  int
	downloads int

	stop chan struct{}
	done chan struct{}
}

// logEvery is how often a log gets a line about a program under way.
const logEvery = 20 * time.Second

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func newProgress(f *os.File, title string) *progress {
	p := &progress{
		w: f, terminal: isTerminal(f), title: title, start: time.Now(),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go p.show()
	return p
}

func (p *progress) compiled()   { p.mu.Lock(); p.packages++; p.mu.Unlock() }
func (p *progress) downloaded() { p.mu.Lock(); p.downloads++; p.mu.Unlock() }

// expect says how many packages will be compiled.
func (p *progress) expect(stale int) { p.mu.Lock(); p.stale = stale; p.mu.Unlock() }

// end shows how it ended and lets go of the line.
func (p *progress) end(result string) {
	close(p.stop)
	<-p.done
	fmt.Fprintf(p.w, "%s%s  %s in %s\n", p.clear(), p.title, result, elapsed(time.Since(p.start)))
}

func (p *progress) show() {
	defer close(p.done)
	every := logEvery
	if p.terminal {
		every = time.Second
		p.line()
	} else {
		fmt.Fprintln(p.w, p.title)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			p.line()
		}
	}
}

func (p *progress) line() {
	p.mu.Lock()
	packages, stale, downloads := p.packages, p.stale, p.downloads
	p.mu.Unlock()
	text := fmt.Sprintf("%s  %s", p.title, elapsed(time.Since(p.start)))
	if downloads > 0 {
		text += fmt.Sprintf(", %d modules fetched", downloads)
	}
	if stale > 0 {
		text += fmt.Sprintf(", %d of %d packages compiled", min(packages, stale), stale)
	}
	if p.terminal {
		fmt.Fprint(p.w, p.clear(), text)
		return
	}
	fmt.Fprintln(p.w, text)
}

func (p *progress) clear() string {
	if p.terminal {
		return "\r\033[K"
	}
	return ""
}

// elapsed prints a time as one reads it from a kitchen clock.
func elapsed(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}

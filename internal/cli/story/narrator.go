package story

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Narrator prints the story with the time since its start.
type Narrator struct {
	Out   io.Writer
	Color bool

	mu      sync.Mutex
	started time.Time
}

// Title begins a step.
func (n *Narrator) Title(number int, text string) {
	n.line("")
	n.line(n.paint("1", fmt.Sprintf("%d. %s", number, text)))
}

// Command shows what a user would type.
func (n *Narrator) Command(lines ...string) {
	for _, line := range lines {
		n.line("   " + n.paint("36", "$ "+line))
	}
}

// Say tells what is going on.
func (n *Narrator) Say(format string, args ...any) {
	for line := range strings.SplitSeq(strings.TrimSpace(fmt.Sprintf(format, args...)), "\n") {
		n.line(strings.TrimRight("     "+line, " "))
	}
}

// Tick says what went as it should.
func (n *Narrator) Tick(format string, args ...any) {
	n.line("   " + n.paint("32", "✓ ") + fmt.Sprintf(format, args...))
}

// Cross says what didn't.
func (n *Narrator) Cross(format string, args ...any) {
	n.line("   " + n.paint("31", "✗ ") + fmt.Sprintf(format, args...))
}

func (n *Narrator) line(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.started.IsZero() {
		n.started = time.Now()
	}
	if text == "" {
		fmt.Fprintln(n.Out)
		return
	}
	fmt.Fprintf(n.Out, "%6.1fs %s\n", time.Since(n.started).Seconds(), text)
}

func (n *Narrator) paint(code, text string) string {
	if !n.Color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

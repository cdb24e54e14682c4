package command

import (
	"fmt"
	"time"
)

// Progress shows on a terminal that something is being waited for, until the returned
// function is called. It writes to stderr only.
func (c *Call) Progress(label string) (done func()) {
	if c.Program.quiet || !IsTerminal(c.Program.Err) || c.Program.Getenv("LANYARD_NO_PROGRESS") != "" {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	started := time.Now()
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for i := 0; ; i++ {
			select {
			case <-stop:
				fmt.Fprint(c.Program.Err, "\r\x1b[K")
				return
			case <-ticker.C:
				fmt.Fprintf(c.Program.Err, "\r %c %s .. %s\x1b[K", `|/-\`[i%4], label, time.Since(started).Truncate(time.Second))
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

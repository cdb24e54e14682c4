package machine

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// shutdownGrace is how long processes that are no units, such as containers,
// have between the request to end and the end.
const shutdownGrace = 3 * time.Second

// runInit is the machine's first process for the rest of its life.
func runInit(dir string, log *slog.Logger) error {
	lock, err := strconv.Atoi(os.Getenv(lockEnv))
	if err != nil {
		return fmt.Errorf("taking over the machine lock: %w", err)
	}
	unix.CloseOnExec(lock)
	spec, err := readSpec(dir)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT)
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	// The terminal of whoever started us may go.
	signal.Ignore(unix.SIGHUP, unix.SIGPIPE)
	if err := enterRoot(dir, spec); err != nil {
		return err
	}
	if err := os.MkdirAll(spec.UnitLogs, 0o750); err != nil {
		return fmt.Errorf("creating log folder: %w", err)
	}
	log.Info("machine started", "machine", spec.ID, "units", len(spec.Units))

	s := newSupervisor(spec, log)
	s.advance()
	rotate := time.NewTicker(time.Minute)
	for {
		select {
		case <-children:
			s.reap()
		case i := <-s.ready:
			s.isReady(i)
		case i := <-s.due:
			s.start(i)
		case <-rotate.C:
			s.rotateLogs()
		case sig := <-signals:
			log.Info("machine stopping", "machine", spec.ID, "signal", sig.String())
			s.shutdown()
			return nil
		}
	}
}

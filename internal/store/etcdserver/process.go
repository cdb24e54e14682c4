package etcdserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// launch returns once an etcd holds the lock and its socket accepts. It reports
// whether that one had been running before.
func (s *Server) launch(ctx context.Context) (adopted bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	pid, err := holder(s.paths.lock())
	if err != nil {
		return false, fmt.Errorf("looking for a running etcd: %w", err)
	}
	var exited <-chan error
	if pid == 0 {
		if exited, err = s.spawn(); err != nil {
			return false, fmt.Errorf("starting etcd: %w", err)
		}
	}
	for {
		if pid, err := holder(s.paths.lock()); err == nil && pid != 0 && accepts(ctx, s.paths.socket()) {
			return exited == nil, nil
		}
		select {
		case err := <-exited:
			return false, fmt.Errorf("starting etcd: it ended at once (%w): %s (see %s)", errOr(err, errors.New("status 0")), tail(s.paths.crash()), s.paths.log())
		case <-ctx.Done():
			return false, fmt.Errorf("waiting for etcd: %w: %s (see %s)", ctx.Err(), tail(s.paths.crash()), s.paths.log())
		case <-time.After(pollInterval):
		}
	}
}

// spawn starts etcd in a session of its own, so that no signal to our group or
// terminal reaches it. The channel gives its exit; reading it is optional.
func (s *Server) spawn() (<-chan error, error) {
	crash, err := os.OpenFile(s.paths.crash(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer crash.Close()
	arguments := append(append([]string{}, s.options.Arguments...), "--data-dir="+s.paths.data, "--run-dir="+s.paths.run)
	command := exec.Command(s.options.Executable, arguments...) //nolint:noctx // etcd outlives us on purpose
	command.Dir = "/"
	command.Env = environment()
	command.Stdout, command.Stderr = crash, crash
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return nil, err
	}
	exited := make(chan error, 1)
	go func() { exited <- command.Wait() }() // also reaps it; ends with etcd or with us
	return exited, nil
}

// environment is what etcd gets of ours: what it needs, and how memory is to be used.
func environment() []string {
	var out []string
	for _, name := range []string{"PATH", "HOME", "GOGC", "GOMEMLIMIT"} {
		if value, ok := os.LookupEnv(name); ok {
			out = append(out, name+"="+value)
		}
	}
	return out
}

func accepts(ctx context.Context, socket string) bool {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// stopProcess asks the etcd that holds the lock to end, insists after a while, and
// waits until the lock is free.
func stopProcess(ctx context.Context, p paths) error {
	insist := time.Now().Add(stopTimeout)
	signal := syscall.SIGTERM
	for last := 0; ; {
		pid, err := holder(p.lock())
		if err != nil {
			return fmt.Errorf("stopping etcd: %w", err)
		}
		if pid == 0 {
			return nil
		}
		if time.Now().After(insist) && signal != syscall.SIGKILL {
			signal, last = syscall.SIGKILL, 0
		}
		if pid != last {
			if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("stopping etcd: %w", err)
			}
			last = pid
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("stopping etcd: %w", ctx.Err())
		case <-time.After(pollInterval):
		}
	}
}

// StopRunning ends the etcd of these folders, if one runs, without signing in to
// it: for taking a local cloud down after its daemon is gone.
func StopRunning(ctx context.Context, dataDir, runDir string) error {
	return stopProcess(ctx, paths{data: dataDir, run: runDir})
}

func errOr(err, fallback error) error {
	if err == nil {
		return fallback
	}
	return err
}

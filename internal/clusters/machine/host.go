package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

// Host starts and stops machines, known by folders below Dir.
type Host struct {
	Dir string
	Log *slog.Logger
}

// Machine is a machine that runs.
type Machine struct {
	ID string
	// PID is its init, as this process's /proc numbers it.
	PID int
	// Started is when.
	Started time.Time
}

// Path is a path inside the machine, as seen from outside.
func (m Machine) Path(inside string) string {
	return filepath.Join("/proc", fmt.Sprint(m.PID), "root", inside)
}

// Ensure starts the machine unless it runs. It returns when its init runs, not
// when its units are ready.
func (h *Host) Ensure(ctx context.Context, spec Spec) (Machine, error) {
	dir := filepath.Join(h.Dir, spec.ID)
	if m, ok, err := h.Running(ctx, spec.ID); err != nil || ok {
		return m, err
	}
	// What was before leaves nothing: not a process, and no groups of
	// containers either, which a kubelet would wait for in vain.
	if err := spec.Cgroup.Remove(ctx); err != nil {
		return Machine{}, err
	}
	if err := os.MkdirAll(filepath.Join(dir, rootDir), 0o700); err != nil {
		return Machine{}, fmt.Errorf("creating machine %s: %w", spec.ID, err)
	}
	b, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return Machine{}, fmt.Errorf("creating machine %s: %w", spec.ID, err)
	}
	if err := renameio.WriteFile(filepath.Join(dir, specFile), b, 0o600); err != nil {
		return Machine{}, fmt.Errorf("creating machine %s: %w", spec.ID, err)
	}
	ended, err := h.start(dir, spec)
	if err != nil {
		return Machine{}, fmt.Errorf("starting machine %s: %w", spec.ID, err)
	}
	for over := false; ; {
		m, ok, err := h.Running(ctx, spec.ID)
		if err != nil || ok {
			return m, err
		}
		if over {
			return Machine{}, fmt.Errorf("starting machine %s: its init ended; see %s", spec.ID, spec.Log)
		}
		select {
		case <-ended:
			// Perhaps because another init was first: look once more.
			over = true
		case <-ctx.Done():
			return Machine{}, fmt.Errorf("starting machine %s: %w; see %s", spec.ID, ctx.Err(), spec.Log)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Differs reports whether the machine was started with other units or binds than
// the spec's. One that was never started doesn't.
func (h *Host) Differs(spec Spec) bool {
	was, err := readSpec(filepath.Join(h.Dir, spec.ID))
	if err != nil {
		return false
	}
	return !reflect.DeepEqual(was.Units, spec.Units) || !reflect.DeepEqual(was.Binds, spec.Binds)
}

// start re-executes this program as the machine's init and lets go of it.
func (h *Host) start(dir string, spec Spec) (ended <-chan struct{}, err error) {
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	//nolint:noctx // a machine outlives who starts it; Stop ends it
	cmd := exec.Command("/proc/self/exe", stageEnter, dir)
	cmd.Args[0] = processName
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + searchPath}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &unix.SysProcAttr{
		Setsid:     true,
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	// Reaped when it ends while we still live; otherwise by the system's init.
	go func() {
		defer close(done)
		err := cmd.Wait()
		h.Log.Info("machine ended", "machine", spec.ID, "pid", cmd.Process.Pid, "result", fmt.Sprint(err))
	}()
	return done, nil
}

// Running finds the machine's init, whoever started it.
func (h *Host) Running(ctx context.Context, id string) (Machine, bool, error) {
	dir := filepath.Join(h.Dir, id)
	for {
		held, err := lockHeld(filepath.Join(dir, lockFile))
		if err != nil {
			return Machine{}, false, fmt.Errorf("looking for machine %s: %w", id, err)
		}
		if !held {
			return Machine{}, false, nil
		}
		// The init writes who it is right after it got the lock.
		who, err := readIdentity(filepath.Join(dir, pidFile))
		if err == nil && who.alive() {
			return Machine{ID: id, PID: who.PID, Started: who.Started}, true, nil
		}
		select {
		case <-ctx.Done():
			return Machine{}, false, fmt.Errorf("looking for machine %s: it holds its lock but says not who it is: %w", id, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// lockHeld reports whether an init holds the lock.
func lockHeld(path string) (bool, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	// Shared, so that two that look at the same time do not see each other.
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// Stop ends the machine: its init is asked to stop the units in reverse order,
// and after grace the kernel ends whatever is left. No grace is a power cut.
func (h *Host) Stop(ctx context.Context, id string, grace time.Duration) error {
	m, ok, err := h.Running(ctx, id)
	if err != nil || !ok {
		return err
	}
	fd, err := unix.PidfdOpen(m.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stopping machine %s: %w", id, err)
	}
	defer unix.Close(fd)
	// The descriptor now holds the process; is it still the one that was read?
	if again, ok, err := h.Running(ctx, id); err != nil || !ok || again != m {
		return err
	}
	if grace > 0 {
		if err := send(fd, unix.SIGTERM); err != nil {
			return fmt.Errorf("stopping machine %s: %w", id, err)
		}
		deadline, cancel := context.WithTimeout(ctx, grace)
		defer cancel()
		if waitEnd(deadline, fd) == nil {
			return nil
		}
		h.Log.Warn("machine did not stop in time, killing it", "machine", id, "grace", grace)
	}
	if err := send(fd, unix.SIGKILL); err != nil {
		return fmt.Errorf("killing machine %s: %w", id, err)
	}
	if err := waitEnd(ctx, fd); err != nil {
		return fmt.Errorf("waiting for machine %s to end: %w", id, err)
	}
	return nil
}

// Remove forgets a machine that doesn't run.
func (h *Host) Remove(id string) error {
	if err := os.RemoveAll(filepath.Join(h.Dir, id)); err != nil {
		return fmt.Errorf("removing machine %s: %w", id, err)
	}
	return nil
}

func send(pidfd int, s unix.Signal) error {
	err := unix.PidfdSendSignal(pidfd, s, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// waitEnd waits for a process that need not be a child. A PID namespace's init
// has ended only when all its processes have.
func waitEnd(ctx context.Context, pidfd int) error {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 20)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if n > 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

package machine

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// forkExec starts a unit's program. Not os/exec: the init waits for every
// child in one place, and a second waiter would take results away from it.
func forkExec(u Unit, stdin, log uintptr) (int, error) {
	pid, err := syscall.ForkExec(u.Args[0], u.Args, &syscall.ProcAttr{
		Dir:   "/",
		Env:   append([]string{"PATH=" + searchPath, "HOME=/root"}, u.Env...),
		Files: []uintptr{stdin, log, log},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return 0, fmt.Errorf("executing %s: %w", u.Args[0], err)
	}
	return pid, nil
}

// awaitFile returns i when the file exists.
func awaitFile(i int, path string) int {
	for path != "" {
		if _, err := os.Stat(path); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return i
}

// awaitSocket returns i when the address, "network:address", accepts.
func awaitSocket(i int, address string) int {
	network, address, ok := strings.Cut(address, ":")
	dialer := net.Dialer{Timeout: time.Second}
	for ok {
		c, err := dialer.DialContext(context.Background(), network, address)
		if err == nil {
			c.Close()
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return i
}

func describe(w unix.WaitStatus) string {
	if w.Signaled() {
		return "killed by " + unix.SignalName(w.Signal())
	}
	return fmt.Sprintf("exit %d", w.ExitStatus())
}

// rotateLogs begins the log of a unit anew when it has grown too long. The
// unit keeps its descriptor, which appends, so the file is copied and cut.
func (s *supervisor) rotateLogs() {
	for _, u := range s.spec.Units {
		path := s.logPath(u)
		if st, err := os.Stat(path); err != nil || st.Size() < logLimit {
			continue
		}
		if err := copyAndCut(path); err != nil {
			s.log.Warn("rotating log", "unit", u.Name, "error", err)
		}
	}
}

func copyAndCut(path string) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path+".1", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Truncate(path, 0)
}

package machine

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// A unit that ends is started again after firstDelay, doubled up to
	// lastDelay as long as it keeps ending within steady of its start.
	firstDelay = 500 * time.Millisecond
	lastDelay  = 15 * time.Second
	steady     = time.Minute
	// logLimit is the size at which a unit's log begins anew; the one before
	// is kept.
	logLimit = 16 << 20
)

// supervisor keeps the units running. All its methods run on one goroutine.
type supervisor struct {
	spec  Spec
	log   *slog.Logger
	units []*process
	// ready and due carry indexes of units: ready to be relied on, due to be
	// started (again).
	ready chan int
	due   chan int
}

type process struct {
	pid     int
	started time.Time
	delay   time.Duration
	begun   bool
	// how and when it ended by itself last, and how often.
	how     string
	ended   time.Time
	times   int
	isReady bool
}

func newSupervisor(spec Spec, log *slog.Logger) *supervisor {
	s := &supervisor{spec: spec, log: log, ready: make(chan int), due: make(chan int)}
	for range spec.Units {
		s.units = append(s.units, &process{})
	}
	return s
}

// advance begins the first unit that has not begun, if those before are ready.
func (s *supervisor) advance() {
	for i, p := range s.units {
		if !p.begun {
			p.begun = true
			go func() { s.due <- awaitFile(i, s.spec.Units[i].After) }()
			return
		}
		if !p.isReady {
			return
		}
	}
}

func (s *supervisor) start(i int) {
	u, p := s.spec.Units[i], s.units[i]
	pid, err := s.spawn(u)
	p.started = time.Now()
	if err != nil {
		s.log.Error("starting unit", "unit", u.Name, "error", err)
		s.again(i)
		return
	}
	p.pid = pid
	s.tell()
	s.log.Info("unit started", "unit", u.Name, "pid", pid)
	if !p.isReady {
		go func() { s.ready <- awaitSocket(i, u.Ready) }()
	}
}

func (s *supervisor) isReady(i int) {
	if s.units[i].isReady {
		return
	}
	s.units[i].isReady = true
	s.log.Info("unit ready", "unit", s.spec.Units[i].Name, "after", time.Since(s.units[i].started).Round(time.Millisecond))
	s.advance()
}

// spawn starts the unit's program in a session of its own.
func (s *supervisor) spawn(u Unit) (int, error) {
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(null)
	log, err := unix.Open(s.logPath(u), unix.O_CREAT|unix.O_APPEND|unix.O_WRONLY|unix.O_CLOEXEC, 0o640)
	if err != nil {
		return 0, err
	}
	defer unix.Close(log)
	return forkExec(u, uintptr(null), uintptr(log))
}

func (s *supervisor) logPath(u Unit) string {
	return filepath.Join(s.spec.UnitLogs, u.Name+".log")
}

// reap collects every process that ended: units, and what others left to us.
func (s *supervisor) reap() {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		for i, p := range s.units {
			if p.pid == pid {
				p.pid = 0
				p.how, p.ended, p.times = describe(status), time.Now(), p.times+1
				s.tell()
				s.log.Warn("unit ended", "unit", s.spec.Units[i].Name, "status", describe(status), "after", time.Since(p.started).Round(time.Millisecond))
				s.again(i)
			}
		}
	}
}

// again has the unit started later.
func (s *supervisor) again(i int) {
	p := s.units[i]
	if time.Since(p.started) > steady || p.delay == 0 {
		p.delay = firstDelay
	} else {
		p.delay = min(2*p.delay, lastDelay)
	}
	delay := p.delay
	go func() { time.Sleep(delay); s.due <- i }()
}

// shutdown stops the units, last started first, then asks every other process
// to end. The kernel ends what remains when the init returns.
func (s *supervisor) shutdown() {
	for i := len(s.units) - 1; i >= 0; i-- {
		u, p := s.spec.Units[i], s.units[i]
		if p.pid == 0 {
			continue
		}
		_ = unix.Kill(p.pid, unix.SIGTERM)
		if !s.awaitEnd(p.pid, time.Duration(u.StopSeconds)*time.Second) {
			s.log.Warn("unit did not stop in time, killing it", "unit", u.Name)
			_ = unix.Kill(p.pid, unix.SIGKILL)
			s.awaitEnd(p.pid, time.Second)
		}
	}
	_ = unix.Kill(-1, unix.SIGTERM)
	for end := time.Now().Add(shutdownGrace); time.Now().Before(end) && workloads(); {
		reapAny()
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *supervisor) awaitEnd(pid int, limit time.Duration) bool {
	for end := time.Now().Add(limit); ; {
		reapAny()
		if errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			return true
		}
		if time.Now().After(end) {
			return false
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func reapAny() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if err != nil || pid <= 0 {
			return
		}
	}
}

// workloads reports whether processes remain other than this one and the
// container shims, which end only when they are killed.
func workloads() bool {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return false
	}
	for _, e := range entries {
		if e.Name()[0] < '1' || e.Name()[0] > '9' || e.Name() == "1" {
			continue
		}
		comm, err := os.ReadFile("/proc/" + e.Name() + "/comm")
		if err == nil && !strings.HasPrefix(string(comm), "containerd-shim") {
			return true
		}
	}
	return false
}

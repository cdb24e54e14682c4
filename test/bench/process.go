package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// memory is what lanyardd has in memory.
func (m *measured) memory() float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.pid()))
	if err != nil {
		return math.NaN()
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kilobytes, _ := strconv.ParseFloat(fields[1], 64)
			return kilobytes * 1024
		}
	}
	return math.NaN()
}

// pid is lanyardd's process, 0 when there is none.
func (m *measured) pid() int {
	raw, err := os.ReadFile(filepath.Join(m.cloud.Dir, "lanyardd.pid"))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(raw)))
	return pid
}

// etcdPID is the process that holds the lock of lanyardd's etcd, 0 when there is none.
func (m *measured) etcdPID() int {
	file, err := os.OpenFile(filepath.Join(m.cloud.RunDir(), "etcd", "etcd.lock"), os.O_RDWR, 0)
	if err != nil {
		return 0
	}
	defer file.Close()
	whole := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_GETLK, &whole); err != nil || whole.Type == syscall.F_UNLCK {
		return 0
	}
	return int(whole.Pid)
}

// ticksPerSecond is how Linux counts processor time for programs.
const ticksPerSecond = 100

// cpuSeconds is the processor time that a process has used.
func cpuSeconds(pid int) float64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return math.NaN()
	}
	// Behind the name, which may hold anything: fields 14 and 15 of proc(5).
	fields := strings.Fields(string(raw)[strings.LastIndexByte(string(raw), ')')+1:])
	var ticks float64
	for _, field := range fields[11:13] {
		n, _ := strconv.ParseFloat(field, 64)
		ticks += n
	}
	return ticks / ticksPerSecond
}

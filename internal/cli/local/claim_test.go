package local

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The second of two demos at the same time adopted the first one's cloud and took
// it down under its feet.
func TestOneLauncherPerCloud(t *testing.T) {
	cloud := &Cloud{Dir: t.TempDir()}
	release, err := cloud.Claim()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cloud.Claim(); err == nil || !strings.Contains(err.Error(), "another lanyard is at work") {
		t.Errorf("a second launcher got %v", err)
	}
	release()
	running := pretend(t, cloud)
	if _, err := cloud.Claim(); err == nil || !strings.Contains(err.Error(), "lanyard down") {
		t.Errorf("with a cloud that was kept running: %v", err)
	}
	end(t, running)
	again, err := cloud.Claim()
	if err != nil {
		t.Fatalf("after both ended: %v", err)
	}
	again()
}

// A launcher that was killed, or raced another one, left a number of nobody's in
// the file, and Down couldn't end the lanyardd that ran.
func TestRunningLanyarddIsFoundWithoutItsNumber(t *testing.T) {
	cloud, other := &Cloud{Dir: t.TempDir()}, &Cloud{Dir: t.TempDir()}
	running := pretend(t, cloud)
	defer end(t, running)
	for _, written := range []string{"", "1", "999999999", "x"} {
		if err := os.WriteFile(cloud.pidFile(), []byte(written), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := cloud.pid(); got != running.Process.Pid {
			t.Errorf("with %q in the file lanyardd is %d, want %d", written, got, running.Process.Pid)
		}
	}
	if got := other.pid(); got != 0 {
		t.Errorf("another folder's lanyardd is %d", got)
	}
}

// pretend starts a process with the command line of the cloud's lanyardd.
func pretend(t *testing.T, cloud *Cloud) *exec.Cmd {
	t.Helper()
	up := filepath.Join(t.TempDir(), "up")
	command := exec.Command("/bin/sh", "-c", "touch "+up+"; read wait", "serve", "--data-dir="+cloud.DataDir(), "--more")
	if _, err := command.StdinPipe(); err != nil { // never written to: it waits
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(up); err == nil {
			return command
		}
		if time.Now().After(deadline) {
			t.Fatal("the process didn't start")
		}
	}
}

func end(t *testing.T, command *exec.Cmd) {
	t.Helper()
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait() // killed
}

package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Claim makes the caller the one who brings the cloud of this folder up and takes
// it down again. It refuses while another does so, and when a cloud is up already:
// two would take each other's away. The claim goes with the process, however it
// ends.
func (c *Cloud) Claim() (release func(), err error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(c.Dir, "launcher.lock"), os.O_CREATE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("another lanyard is at work in %s: wait for it, or name another --dir", c.Dir)
	} else if err == nil && c.pid() != 0 {
		err = fmt.Errorf("a cloud runs in %s already: end it with `lanyard down --dir %s` first, or name another --dir and --listen", c.Dir, c.Dir)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return func() { file.Close() }, nil
}

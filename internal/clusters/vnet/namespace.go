package vnet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// Namespace is a network namespace kept alive by a bind mount at its path, in
// a folder of ours rather than in /run/netns, which belongs to iproute2.
type Namespace struct {
	Path string
}

// Exists reports whether the namespace is there. A plain file left by a
// machine that lost power is not a namespace.
func (n Namespace) Exists() (bool, error) {
	var st unix.Statfs_t
	err := unix.Statfs(n.Path, &st)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("looking for network namespace %s: %w", n.Path, err)
	}
	return st.Type == unix.NSFS_MAGIC, nil
}

// Create makes the namespace unless it exists.
func (n Namespace) Create() error {
	ok, err := n.Exists()
	if err != nil || ok {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(n.Path), 0o700); err != nil {
		return fmt.Errorf("creating network namespace: %w", err)
	}
	f, err := os.OpenFile(n.Path, os.O_CREATE|os.O_RDONLY, 0o600)
	if err != nil {
		return fmt.Errorf("creating network namespace: %w", err)
	}
	f.Close()
	done := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with the goroutine, and with it the
		// only other reference to the new namespace.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("creating network namespace: %w", err)
			return
		}
		if err := unix.Mount("/proc/thread-self/ns/net", n.Path, "", unix.MS_BIND, ""); err != nil {
			done <- fmt.Errorf("keeping network namespace %s: %w", n.Path, err)
			return
		}
		done <- nil
	}()
	return <-done
}

// Delete lets go of the namespace. The kernel removes it, and every interface
// in it, when the last process and socket inside are gone.
func (n Namespace) Delete() error {
	ok, err := n.Exists()
	if err != nil {
		return err
	}
	if ok {
		if err := unix.Unmount(n.Path, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("deleting network namespace %s: %w", n.Path, err)
		}
	}
	if err := os.Remove(n.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("deleting network namespace: %w", err)
	}
	return nil
}

// Do runs fn on a thread inside the namespace. Sockets that fn opens stay in
// it; fn must not start goroutines that open some.
func (n Namespace) Do(fn func() error) error {
	f, err := os.Open(n.Path)
	if err != nil {
		return fmt.Errorf("entering network namespace: %w", err)
	}
	defer f.Close()
	done := make(chan error, 1)
	go func() {
		// Never unlocked, for the same reason as in Create: a thread that
		// could not be brought back must not serve other goroutines.
		runtime.LockOSThread()
		if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("entering network namespace %s: %w", n.Path, err)
			return
		}
		done <- fn()
	}()
	return <-done
}

// Listen opens a listener inside the namespace, served from outside of it.
func (n Namespace) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	var config net.ListenConfig
	// Multipath TCP sockets do not answer the IP-level socket options that
	// say on which interface a connection came in.
	config.SetMultipathTCP(false)
	var l net.Listener
	err := n.Do(func() (err error) {
		l, err = config.Listen(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listening inside the virtual network: %w", err)
	}
	return l, nil
}

// ListenPacket opens a packet socket inside the namespace, served from outside of
// it.
func (n Namespace) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	var c net.PacketConn
	err := n.Do(func() (err error) {
		c, err = (&net.ListenConfig{}).ListenPacket(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listening inside the virtual network: %w", err)
	}
	return c, nil
}

// Dial connects from inside the namespace to a literal address.
func (n Namespace) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	dialer.SetMultipathTCP(false)
	var c net.Conn
	err := n.Do(func() (err error) {
		c, err = dialer.DialContext(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("dialing inside the virtual network: %w", err)
	}
	return c, nil
}

// setSysctls writes the kernel settings of the namespace; those below net/ are
// its own, the machine's stay as they are.
func (n Namespace) setSysctls(values [][2]string) error {
	return n.Do(func() error {
		for _, v := range values {
			path := filepath.Join("/proc/sys/net", v[0])
			if err := os.WriteFile(path, []byte(v[1]), 0); err != nil {
				// A kernel without IPv6 needs none of it turned off.
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				return fmt.Errorf("setting net/%s: %w", v[0], err)
			}
		}
		return nil
	})
}

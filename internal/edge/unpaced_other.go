//go:build !linux

package edge

import "net"

// Unpaced does nothing where the system has no such choice.
func Unpaced(net.Listener) error { return nil }

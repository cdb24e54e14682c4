package redirect

import (
	"encoding/binary"
	"net/netip"
)

// Hardware is an Ethernet address.
type Hardware [6]byte

// Port is a pod's place on a bridge. The zero value is none: the pod is on a routed network.
type Port struct {
	Index    int // of the interface that is the bridge's port
	Hardware Hardware
}

// A concatenation fills whole registers: an Ethernet address takes two.
const hardwareSize = 8

// portKey is {port . Ethernet address . address}, as the sets of the bridge's table have it.
func portKey(port Port, address netip.Addr) []byte {
	return append(cableKey(port), address.AsSlice()...)
}

// cableKey is {port . Ethernet address}.
func cableKey(port Port) []byte {
	key := make([]byte, 4+hardwareSize)
	binary.NativeEndian.PutUint32(key, uint32(port.Index)) //nolint:gosec // the kernel's numbers are positive
	copy(key[4:], port.Hardware[:])
	return key
}

package edge

import (
	"net"
	"time"
)

// PatientTunnel is Tunnel that gives no client up before the test has ended.
func PatientTunnel(listener net.Listener, hosts ...HostRoute) net.Listener {
	return newTunnel(listener, time.Hour, hosts)
}

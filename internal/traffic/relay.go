package traffic

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strconv"

	"github.com/lanyard-project/lanyard/internal/loopback"
)

// anyCertificate is for probes: Azure's don't look at certificates either, and
// they send nothing that anybody could want.
func anyCertificate() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // see above
}

// door is a port of a public address, and where it leads.
type door struct {
	address netip.Addr
	port    uint16
	vnet    string
}

// relay opens the door's loopback address on this machine until the context ends.
func (c *Carrier) relay(ctx context.Context, d door) error {
	at := net.JoinHostPort(loopback.Of(d.address).String(), strconv.Itoa(int(d.port)))
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp4", at)
	if err != nil {
		return err
	}
	c.options.Log.Info("a public address is reached on this machine", "public", d.address.String(), "port", d.port, "at", at)
	c.tasks.Go(func() {
		if err := c.options.Engine.Relay(ctx, d.vnet, net.JoinHostPort(d.address.String(), strconv.Itoa(int(d.port))), listener); err != nil {
			c.options.Log.Error("relaying to a public address ended", "at", at, "error", err)
		}
	})
	return nil
}

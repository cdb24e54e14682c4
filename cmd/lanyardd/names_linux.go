package main

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/door"
	"github.com/lanyard-project/lanyard/internal/nameserver"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
)

const nameServerAddress = "168.63.129.16:53"

// answering is the name server of one virtual network.
type answering struct {
	end  context.CancelFunc
	done chan struct{}
}

// stop ends it and waits until its sockets are closed.
func (a *answering) stop() {
	a.end()
	<-a.done
}

// answer serves names inside a virtual network.
func (p *platform) answer(ctx context.Context, vnet armid.ID) (*answering, error) {
	key := containerservice.VNetKey(vnet)
	packets, err := p.engine.ListenPacket(ctx, key, "udp", nameServerAddress)
	if err != nil {
		return nil, err
	}
	listener, err := p.engine.Listen(ctx, key, "tcp", nameServerAddress)
	if err != nil {
		packets.Close()
		return nil, err
	}
	listener = door.New(listener, nameserver.ConnectionsPerAddress, nameserver.Connections)
	serving, end := context.WithCancel(p.ctx)
	a := &answering{end: end, done: make(chan struct{})}
	p.done.Go(func() {
		err := p.names.Serve(serving, vnet, packets, listener)
		end()
		close(a.done)
		if err != nil {
			p.log.Error("the name server of a virtual network ended: opening its listeners anew", "network", vnet.String(), "error", err)
			p.reopen(vnet, func() bool { return p.answering[vnet.Key()] == a })
		}
	})
	return a, nil
}

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/imdsserver"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
)

const (
	metadataAddress = "169.254.169.254:80"
	platformAddress = "168.63.129.16:443"
)

// platform serves the cloud's own addresses inside virtual networks.
type platform struct {
	engine   *clusters.Engine
	metadata *imdsserver.Server
	front    http.Handler
	tls      *tls.Config
	log      *slog.Logger

	mu     sync.Mutex
	served map[string][]*http.Server // by VNet
	done   sync.WaitGroup
}

// Serve implements containerservice.Platform.
func (p *platform) Serve(ctx context.Context, vnet armid.ID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.served[vnet.Key()]) > 0 {
		return nil
	}
	key := containerservice.VNetKey(vnet)
	metadata, err := p.engine.Listen(ctx, key, "tcp", metadataAddress)
	if err != nil {
		return err
	}
	front, err := p.engine.Listen(ctx, key, "tcp", platformAddress)
	if err != nil {
		metadata.Close()
		return err
	}
	if p.served == nil {
		p.served = map[string][]*http.Server{}
	}
	p.served[vnet.Key()] = []*http.Server{
		p.serve(metadata, p.metadata.Handler(vnet)),
		p.serve(tls.NewListener(front, p.tls), p.front),
	}
	return nil
}

// Withdraw implements containerservice.Platform.
func (p *platform) Withdraw(_ context.Context, vnet armid.ID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, server := range p.served[vnet.Key()] {
		_ = server.Close()
	}
	delete(p.served, vnet.Key())
	return nil
}

// Close ends all listeners and waits for their servers.
func (p *platform) Close() {
	p.mu.Lock()
	for _, servers := range p.served {
		for _, server := range servers {
			_ = server.Close()
		}
	}
	p.served = nil
	p.mu.Unlock()
	p.done.Wait()
}

func (p *platform) serve(listener net.Listener, handler http.Handler) *http.Server {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	p.done.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("a listener inside a virtual network ended", "address", listener.Addr().String(), "error", err)
		}
	})
	return server
}

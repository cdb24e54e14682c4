package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/door"
	"github.com/lanyard-project/lanyard/internal/edge"
	"github.com/lanyard-project/lanyard/internal/imdsserver"
	"github.com/lanyard-project/lanyard/internal/kubeguard"
	"github.com/lanyard-project/lanyard/internal/nameserver"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
)

const (
	metadataAddress = "169.254.169.254:80"
	platformAddress = "168.63.129.16:443"

	// What one address, behind which a node's pods may be, and one network can keep
	// open of each of the cloud's addresses. lanyardd's files are for all of them.
	connectionsPerMachine = 512
	connectionsPerNetwork = 4096
)

// platform serves the cloud's own addresses inside virtual networks.
type platform struct {
	engine   *clusters.Engine
	metadata *imdsserver.Server
	front    http.Handler
	guard    http.Handler // what API servers ask
	names    *nameserver.Server
	tls      *tls.Config
	log      *slog.Logger
	ctx      context.Context // the process's own: listeners outlive the steps that ask for them

	mu        sync.Mutex
	served    map[string][]*http.Server // by VNet
	answering map[string]*answering
	owners    map[string]*http.Server // by cluster
	done      sync.WaitGroup
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
	metadata = door.New(metadata, connectionsPerMachine, connectionsPerNetwork)
	front, err := p.engine.Listen(ctx, key, "tcp", platformAddress)
	if err != nil {
		metadata.Close()
		return err
	}
	if err := edge.Unpaced(front); err != nil {
		return errors.Join(err, metadata.Close(), front.Close())
	}
	front = door.New(front, connectionsPerMachine, connectionsPerNetwork)
	names, err := p.answer(ctx, vnet)
	if err != nil {
		metadata.Close()
		front.Close()
		return err
	}
	if p.served == nil {
		p.served, p.answering = map[string][]*http.Server{}, map[string]*answering{}
	}
	p.answering[vnet.Key()] = names
	p.served[vnet.Key()] = []*http.Server{
		p.serve(vnet, metadata, p.metadata.Handler(vnet)),
		p.serve(vnet, tls.NewListener(front, p.tls), p.inside()),
	}
	return nil
}

// inside is the front, and what only clusters may reach.
func (p *platform) inside() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, kubeguard.PathPrefix) {
			p.guard.ServeHTTP(w, r)
			return
		}
		p.front.ServeHTTP(w, r)
	})
}

// Withdraw implements containerservice.Platform.
func (p *platform) Withdraw(_ context.Context, vnet armid.ID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.withdraw(vnet)
	return nil
}

// withdraw closes the network's listeners; the caller holds the lock.
func (p *platform) withdraw(vnet armid.ID) {
	for _, server := range p.served[vnet.Key()] {
		_ = server.Close()
	}
	delete(p.served, vnet.Key())
	if names := p.answering[vnet.Key()]; names != nil {
		names.stop()
		delete(p.answering, vnet.Key())
	}
}

// Identify implements containerservice.Platform.
func (p *platform) Identify(ctx context.Context, key string, cluster armid.ID, whoIs func(context.Context) (containerservice.Principal, error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.owners[key] != nil {
		return nil
	}
	listener, err := p.engine.ListenIdentity(ctx, key)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: p.metadata.HandlerOf(cluster, func(ctx context.Context) (imdsserver.Identity, error) {
			who, err := whoIs(ctx)
			return imdsserver.Identity{ResourceID: who.ResourceID, PrincipalID: who.ObjectID, TenantID: who.TenantID, Host: cluster.String()}, err
		}),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	if p.owners == nil {
		p.owners = map[string]*http.Server{}
	}
	p.owners[key] = server
	p.done.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("the listener of a control plane's identity ended", "cluster", cluster.String(), "error", err)
		}
	})
	return nil
}

// Disown implements containerservice.Platform.
func (p *platform) Disown(_ context.Context, key string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if server := p.owners[key]; server != nil {
		_ = server.Close()
		delete(p.owners, key)
	}
	return nil
}

// Close ends all listeners and waits for their servers.
func (p *platform) Close() {
	p.mu.Lock()
	for _, server := range p.owners {
		_ = server.Close()
	}
	p.owners = nil
	for _, servers := range p.served {
		for _, server := range servers {
			_ = server.Close()
		}
	}
	for _, names := range p.answering {
		names.stop()
	}
	p.served, p.answering = nil, nil
	p.mu.Unlock()
	p.done.Wait()
}

func (p *platform) serve(vnet armid.ID, listener net.Listener, handler http.Handler) *http.Server {
	server := edge.Server(handler, p.log) // its limits of time hold here as well; services lift them for whom they know
	server.MaxHeaderBytes = 32 << 10
	p.done.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("a listener inside a virtual network ended: opening it anew", "address", listener.Addr().String(), "error", err)
			p.reopen(vnet, func() bool { return slices.Contains(p.served[vnet.Key()], server) })
		}
	})
	return server
}

// reopenEvery is how long to wait before a listener that failed is opened anew.
const reopenEvery = time.Second

// reopen opens the listeners of a network anew after one of them ended by itself,
// unless they were withdrawn meanwhile or the network is gone.
func (p *platform) reopen(vnet armid.ID, current func() bool) {
	p.mu.Lock()
	ours := current()
	if ours {
		p.withdraw(vnet)
	}
	p.mu.Unlock()
	for ours {
		select {
		case <-p.ctx.Done():
			return
		case <-time.After(reopenEvery):
		}
		err := p.Serve(p.ctx, vnet)
		if err == nil || errors.Is(err, clusters.ErrNotFound) {
			return
		}
		p.log.Warn("opening listeners inside a virtual network", "network", vnet.String(), "error", err)
	}
}

package main

import (
	"context"
	"log/slog"
	"net"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/nameserver"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

// newNameServer answers from the zones of the book and, inside virtual networks,
// for the names of the cloud's own services that resources have.
func newNameServer(book *nameserver.Book, names shape.Deps, log *slog.Logger) *nameserver.Server {
	held := func(space string) func(context.Context, string) (bool, error) {
		return func(ctx context.Context, name string) (bool, error) {
			holder, err := names.Holder(ctx, space, name)
			return holder != "", err
		}
	}
	return &nameserver.Server{
		Book: book, Platform: nameserver.Platform(), Log: log,
		Services: []nameserver.Service{
			{Domain: "management.azure.com."},
			{Domain: "azurecr.io.", Exists: held("registry")},
			{Domain: "blob.core.windows.net.", Exists: held("storage")},
			{Domain: "servicebus.windows.net.", Exists: held("servicebus")},
		},
	}
}

// serveNames answers on the machine, for the public zones, where --dns-listen
// says so, until ctx ends.
func serveNames(ctx context.Context, server *nameserver.Server, address string) error {
	if address == "" {
		return nil
	}
	config := &net.ListenConfig{}
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	packets, err := config.ListenPacket(ctx, "udp", listener.Addr().String())
	if err != nil {
		listener.Close()
		return err
	}
	server.Log.Info("answering for public DNS zones", "address", listener.Addr().String())
	return server.Serve(ctx, armid.ID{}, packets, listener)
}

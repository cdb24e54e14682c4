package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// How many connections there may be: all pods reach the metrics' port, those in the node's network the probes' too, and each
// connection takes memory that is the agent's. Kubelet has to get through, so probes have more room.
const mostReaders, mostProbers = 256, 4096

// listenOn serves probes or metrics, to so many at a time; an empty address is none. An address that somebody else holds is
// waited for: aad-pod-identity's agent, which this one takes the place of, uses the same ports, and pods shall have their tokens
// from the first moment on. Until then the node's kubelet finds this agent unready.
func listenOn(ctx context.Context, group *errgroup.Group, address string, most int, handler http.Handler, log *slog.Logger) error {
	if address == "" {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, unix.EADDRINUSE) {
		log.Warn("another program holds an address of this agent, which waits for it", "address", address)
		group.Go(func() error {
			listener, err := listenWhenFree(ctx, address)
			if err != nil || listener == nil {
				return err
			}
			log.Info("the address is free", "address", address)
			serveReaders(ctx, group, netutil.LimitListener(listener, most), handler, log)
			return nil
		})
		return nil
	}
	if err != nil {
		return fmt.Errorf("listening on %s: %w", address, err)
	}
	serveReaders(ctx, group, netutil.LimitListener(listener, most), handler, log)
	return nil
}

// listenWhenFree gives no listener when the context ends first.
func listenWhenFree(ctx context.Context, address string) (net.Listener, error) {
	for {
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(250 * time.Millisecond):
		}
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err == nil {
			return listener, nil
		}
		if !errors.Is(err, unix.EADDRINUSE) && ctx.Err() == nil {
			return nil, fmt.Errorf("listening on %s: %w", address, err)
		}
	}
}

func serveReaders(ctx context.Context, group *errgroup.Group, listener net.Listener, handler http.Handler, log *slog.Logger) {
	serveOn(ctx, group, &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}, listener)
}

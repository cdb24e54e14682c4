package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"os"

	"github.com/spf13/pflag"

	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

// external is an etcd that others run. Several lanyardds may work on it, each with
// a copy of the same master.key and tls folder.
type external struct {
	endpoints                 []string
	caFile, certFile, keyFile string
}

func (c *config) externalEtcd(flags *pflag.FlagSet) {
	flags.StringSliceVar(&c.etcd.endpoints, "etcd-endpoints", nil, "URLs of an etcd that others run (with --max-txn-ops=1024); empty: one of our own beside the service. Needs --clusters=none")
	flags.StringVar(&c.etcd.caFile, "etcd-cafile", "", "certificates (PEM) to believe that etcd by")
	flags.StringVar(&c.etcd.certFile, "etcd-certfile", "", "certificate (PEM) to sign in to that etcd with; its user needs all rights below /lanyard/")
	flags.StringVar(&c.etcd.keyFile, "etcd-keyfile", "", "key (PEM) of that certificate")
}

// check refuses settings that can't be meant.
func (e external) check(clusters string) error {
	if len(e.endpoints) == 0 {
		if e.caFile != "" || e.certFile != "" || e.keyFile != "" {
			return errors.New("--etcd-cafile, --etcd-certfile and --etcd-keyfile are for an etcd that --etcd-endpoints names")
		}
		return nil
	}
	if clusters != clustersNone {
		return errors.New("--etcd-endpoints needs --clusters=none: clusters of this machine keep their objects in the etcd beside them")
	}
	for _, endpoint := range e.endpoints {
		parsed, err := url.Parse(endpoint)
		switch {
		case err != nil, parsed.Scheme == "":
			return fmt.Errorf("--etcd-endpoints: %q isn't a URL of the form https://host:port", endpoint)
		case (parsed.Scheme == "https" || parsed.Scheme == "unixs") && e.caFile != "" && e.certFile != "" && e.keyFile != "":
		case parsed.Scheme == "https" || parsed.Scheme == "unixs":
			return fmt.Errorf("--etcd-endpoints: %s needs --etcd-cafile, --etcd-certfile and --etcd-keyfile", endpoint)
		case parsed.Scheme == "http" && loopback(parsed.Hostname()):
		default:
			return fmt.Errorf("--etcd-endpoints: %s isn't encrypted and leaves the machine: everybody on the way reads who is who; use https", endpoint)
		}
	}
	return nil
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

func (e external) open(ctx context.Context) (*store.Store, error) {
	var config *tls.Config
	if e.caFile != "" {
		var err error
		if config, err = (etcdserver.Credentials{CAFile: e.caFile, CertFile: e.certFile, KeyFile: e.keyFile}).TLS(); err != nil {
			return nil, err
		}
	}
	s, err := store.Open(store.Config{Endpoints: e.endpoints, TLS: config})
	if err != nil {
		return nil, err
	}
	if err := s.Fits(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("using the etcd at %v: %w", e.endpoints, err)
	}
	return s, nil
}

// openState opens the store, brings it up to date, and starts or adopts our own
// etcd below it unless there is an external one. What was started goes on running
// after close.
func openState(ctx context.Context, c config, log *slog.Logger) (state *store.Store, etcd *etcdserver.Server, closeState func(), err error) {
	if len(c.etcd.endpoints) > 0 {
		if state, err = c.etcd.open(ctx); err != nil {
			return nil, nil, nil, err
		}
		closeState = func() { state.Close() }
	} else {
		if etcd, state, err = ownState(ctx, c, log); err != nil {
			return nil, nil, nil, err
		}
		closeState = func() { state.Close(); etcd.Close() }
	}
	if err := migrate(ctx, state, log); err != nil {
		closeState()
		return nil, nil, nil, err
	}
	return state, etcd, closeState, nil
}

func ownState(ctx context.Context, c config, log *slog.Logger) (*etcdserver.Server, *store.Store, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	etcd, err := etcdserver.Start(ctx, etcdserver.Options{DataDir: etcdDir(c), RunDir: etcdRunDir(c), Executable: executable, Log: log})
	if err != nil {
		return nil, nil, fmt.Errorf("starting etcd: %w", err)
	}
	if _, err := etcd.EnsureUser(ctx, storeUser, "/lanyard/"); err != nil {
		etcd.Close()
		return nil, nil, err
	}
	state, err := etcd.Store(storeUser)
	if err != nil {
		etcd.Close()
		return nil, nil, err
	}
	return etcd, state, nil
}

// openRunning opens the store beside the service that works on it.
func openRunning(ctx context.Context, c config) (*store.Store, error) {
	if len(c.etcd.endpoints) > 0 {
		return c.etcd.open(ctx)
	}
	return etcdserver.OpenRunning(etcdDir(c), etcdRunDir(c), storeUser)
}

// storeUser is our user in our own etcd.
const storeUser = "lanyard"

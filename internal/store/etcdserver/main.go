package etcdserver

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"google.golang.org/grpc"

	"github.com/lanyard-project/lanyard/internal/store"
)

// Command is the first argument that makes the program an etcd server:
//
//	if len(os.Args) > 1 && os.Args[1] == etcdserver.Command {
//		os.Exit(etcdserver.Main(os.Args[2:]))
//	}
const Command = "etcd-server"

const (
	// defaultQuota bounds the database, in bytes; at the limit etcd refuses writes
	// instead of filling the disk.
	defaultQuota = 8 << 30
	// retention is how long old revisions stay: long enough for a client to follow a
	// list's pages and for a controller to resume a watch.
	retention = "30m"
	// maxRequest fits the largest documents that Kubernetes and ARM accept.
	maxRequest = 4 << 20
	logLimits  = `{"maxsize": 32, "maxage": 0, "maxbackups": 3, "localtime": false, "compress": true}`
)

// Main is the etcd process. It returns its exit status when a signal or a fault ends it.
func Main(args []string) int {
	flags := flag.NewFlagSet(Command, flag.ContinueOnError)
	data := flags.String("data-dir", "", "folder of the data, keys and logs")
	run := flags.String("run-dir", "", "folder of the socket and the lock")
	quota := flags.Int64("quota", defaultQuota, "size of the database, in bytes, from which on it takes no writes")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if err := serve(paths{data: *data, run: *run}, *quota); err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		return 1
	}
	return 0
}

func serve(p paths, quota int64) error {
	// A terminal or session that goes away is no reason to stop.
	signal.Ignore(syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()

	lock, err := acquire(p.lock())
	if err != nil {
		return fmt.Errorf("locking %s: %w", p.lock(), err)
	}
	defer lock.Close()
	// The lock is ours: whoever made these sockets is gone.
	for _, socket := range []string{p.socket(), p.web()} {
		if err := removed(socket); err != nil {
			return err
		}
	}
	config, answers := serverConfig(p), &status{quota: quota}
	config.QuotaBackendBytes = quota
	config.GRPCAdditionalServerOptions = []grpc.ServerOption{grpc.ChainUnaryInterceptor(answers.intercept)}
	server, err := embed.StartEtcd(config)
	if err != nil {
		return fmt.Errorf("starting: %w", err)
	}
	answers.member.Store(server.Server)
	go (&room{member: server.Server, quota: quota, log: config.GetLogger()}).keep(ctx)
	select {
	case <-ctx.Done():
		server.Close()
		return nil
	case err := <-server.Err():
		server.Close()
		return err
	case <-server.Server.StopNotify():
		return errors.New("the member stopped by itself")
	}
}

// The one member, by names that are part of the data.
const (
	memberName     = "lanyard"
	peerHost       = "localhost:2380"
	peerURL        = "https://" + peerHost
	initialCluster = memberName + "=" + peerURL
)

func serverConfig(p paths) *embed.Config {
	c := embed.NewConfig()
	c.Name = memberName
	c.Dir = p.member()
	c.ListenClientUrls = []url.URL{{Scheme: "unixs", Path: p.socket()}}
	// On a socket that has no HTTP/1, gRPC answers by itself: behind net/http each call
	// costs more, and watches starve beside large answers. Nobody asks at the other one.
	c.ListenClientHttpUrls = []url.URL{{Scheme: "unixs", Path: p.web()}}
	// One member: it never speaks to a peer, so it doesn't listen for one. The
	// advertised names are its identity in the data, nobody dials them.
	c.ListenPeerUrls = nil
	c.AdvertisePeerUrls = []url.URL{{Scheme: "https", Host: peerHost}}
	c.AdvertiseClientUrls = []url.URL{{Scheme: "https", Host: "localhost:2379"}}
	c.InitialCluster = initialCluster

	server := p.pair(serverName)
	c.ClientTLSInfo.CertFile, c.ClientTLSInfo.KeyFile = server.cert, server.key
	c.ClientTLSInfo.TrustedCAFile = p.pair(caName).cert
	c.ClientTLSInfo.ClientCertAuth = true
	c.TlsMinVersion = "TLS1.3"
	// The gateway signs in to etcd with the server's own certificate, not with the caller's.
	c.EnableGRPCGateway = false

	c.AutoCompactionMode, c.AutoCompactionRetention = embed.CompactorModePeriodic, retention
	c.MaxTxnOps = store.MaxOps
	c.MaxRequestBytes = maxRequest
	// A single member only waits for itself: short ticks make it ready soon.
	c.TickMs, c.ElectionMs = 50, 500
	c.WatchProgressNotifyInterval = 5 * time.Second

	c.LogLevel = "warn"
	c.LogOutputs = []string{p.log()}
	c.EnableLogRotation, c.LogRotationConfigJSON = true, logLimits
	return c
}

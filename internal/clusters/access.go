package clusters

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/lanyard-project/lanyard/internal/clusters/controlplane"
	"github.com/lanyard-project/lanyard/internal/clusters/pki"
)

// account is one of the local accounts of an AKS cluster.
type account string

const (
	administrator account = "clusterAdmin"
	user          account = "clusterUser"
	monitor       account = "clusterMonitoringUser"
)

// kubeconfigLifetime is that of what is handed out: nothing revokes it.
const kubeconfigLifetime = 365 * 24 * time.Hour

// AdminKubeconfig issues a kubeconfig of the cluster's administrator for a
// server URL, such as a relay's.
func (e *Engine) AdminKubeconfig(_ context.Context, clusterID, serverURL string) ([]byte, error) {
	return e.kubeconfig(clusterID, administrator, serverURL)
}

// UserKubeconfig issues a kubeconfig of the cluster's user account, which has
// the rights that RBAC gives it (at first, all) and can lose.
func (e *Engine) UserKubeconfig(_ context.Context, clusterID, serverURL string) ([]byte, error) {
	return e.kubeconfig(clusterID, user, serverURL)
}

// MonitoringKubeconfig issues a kubeconfig of the cluster's monitoring account,
// which sees what runs, its logs and events, and neither secrets nor how to change
// anything.
func (e *Engine) MonitoringKubeconfig(_ context.Context, clusterID, serverURL string) ([]byte, error) {
	return e.kubeconfig(clusterID, monitor, serverURL)
}

// OpenKubeconfig is a kubeconfig of the user account without a credential: the
// proof says how its holder proves himself, to the guard.
func (e *Engine) OpenKubeconfig(_ context.Context, clusterID, serverURL string, proof *api.AuthInfo) ([]byte, error) {
	c, err := e.cluster(clusterID)
	if err != nil {
		return nil, err
	}
	cp, err := controlplane.Open(e.controlPlaneSettings(c), e.options.Clock)
	if err != nil {
		return nil, err
	}
	return cp.Authority.Without(e.person(c, user, serverURL, 0), proof)
}

func (e *Engine) kubeconfig(clusterID string, a account, serverURL string) ([]byte, error) {
	c, err := e.cluster(clusterID)
	if err != nil {
		return nil, err
	}
	cp, err := controlplane.Open(e.controlPlaneSettings(c), e.options.Clock)
	if err != nil {
		return nil, err
	}
	return cp.Authority.Kubeconfig(e.person(c, a, serverURL, kubeconfigLifetime))
}

// person is who holds a kubeconfig of an account, with names as AKS gives them:
// both accounts' contexts are called like the cluster, and az, which knows the
// administrator by the user's name, adds the "-admin" that people see.
func (e *Engine) person(c clusterRecord, a account, server string, lifetime time.Duration) pki.Person {
	p := pki.Person{
		Cluster: c.Name, Context: c.Name, User: string(a) + "_" + c.ResourceGroup + "_" + c.Name, Server: server,
		Request: pki.Request{CommonName: string(a), Lifetime: lifetime},
	}
	if a == administrator {
		p.Request.Organizations = []string{"system:masters"}
	}
	return p
}

// RelayAPIServer passes connections of a listener on the machine's loopback
// interface to the cluster's API server until the context ends; it then closes
// the listener and all connections. TLS passes through: the API server sees
// the client's certificate.
func (e *Engine) RelayAPIServer(ctx context.Context, clusterID string, loopback net.Listener) error {
	c, err := e.cluster(clusterID)
	if err != nil {
		loopback.Close()
		return err
	}
	if err := e.Relay(ctx, c.VNetID, net.JoinHostPort(c.Address.String(), "443"), loopback); err != nil {
		return fmt.Errorf("relaying to the API server of cluster %s: %w", clusterID, err)
	}
	return nil
}

// Relay passes connections of a listener on the machine's loopback interface to
// an address that is reached from inside the virtual network, until the context
// ends; it then closes the listener and all connections.
func (e *Engine) Relay(ctx context.Context, vnetID, target string, loopback net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var relays sync.WaitGroup
	defer relays.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { loopback.Close() })
	defer stop()
	for {
		in, err := loopback.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			var temporary interface{ Temporary() bool }
			if errors.As(err, &temporary) && temporary.Temporary() {
				e.options.Log.Warn("accepting for a virtual network", "network", vnetID, "address", target, "error", err)
				time.Sleep(10 * time.Millisecond)
				continue
			}
			loopback.Close()
			return fmt.Errorf("relaying to %s: %w", target, err)
		}
		relays.Go(func() {
			defer in.Close()
			dial, done := context.WithTimeout(ctx, 10*time.Second)
			out, err := e.Dial(dial, vnetID, "tcp4", target)
			done()
			if err != nil {
				e.options.Log.Debug("relaying into a virtual network", "network", vnetID, "address", target, "error", err)
				return
			}
			join(ctx, in, out)
		})
	}
}

// Dial connects from inside a virtual network, as its router does.
func (e *Engine) Dial(ctx context.Context, vnetID, network, address string) (net.Conn, error) {
	if err := checkID("virtual network", vnetID); err != nil {
		return nil, err
	}
	return e.fabric(vnetID).Dial(ctx, network, address)
}

// join copies both ways until both are at their end.
func join(ctx context.Context, a, b net.Conn) {
	defer a.Close()
	defer b.Close()
	stop := context.AfterFunc(ctx, func() { a.Close(); b.Close() })
	defer stop()
	var copies sync.WaitGroup
	for _, pair := range [][2]net.Conn{{a, b}, {b, a}} {
		copies.Go(func() {
			// One that can't be written to any more may still have to say
			// something, so an end, good or bad, is the end of one direction.
			_, _ = io.Copy(pair[0], pair[1])
			if half, ok := pair[0].(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite() // the peer may be gone already
			}
		})
	}
	copies.Wait()
}

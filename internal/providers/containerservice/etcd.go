package containerservice

import (
	"context"
	"fmt"
	"os"

	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

// EtcdServer is the cloud's own etcd as EtcdUsers. *etcdserver.Server has its methods.
type EtcdServer struct {
	Server interface {
		EnsureUser(ctx context.Context, user, prefix string) (etcdserver.Credentials, error)
		DropUser(ctx context.Context, user, prefix string) error
	}
}

func etcdUser(cluster string) string { return "cluster-" + cluster }

func etcdPrefix(cluster string) string { return "/clusters/" + cluster + "/" }

// Grant implements EtcdUsers.
func (e EtcdServer) Grant(ctx context.Context, cluster string) (clusters.Etcd, error) {
	credentials, err := e.Server.EnsureUser(ctx, etcdUser(cluster), etcdPrefix(cluster))
	if err != nil {
		return clusters.Etcd{}, err
	}
	var files [3][]byte
	for i, name := range []string{credentials.CAFile, credentials.CertFile, credentials.KeyFile} {
		if files[i], err = os.ReadFile(name); err != nil {
			return clusters.Etcd{}, fmt.Errorf("reading etcd's credentials of cluster %s: %w", cluster, err)
		}
	}
	return clusters.Etcd{
		Endpoints: credentials.Endpoints, Prefix: etcdPrefix(cluster) + "registry",
		CA: files[0], Cert: files[1], Key: secret.New(string(files[2])),
	}, nil
}

// Revoke implements EtcdUsers.
func (e EtcdServer) Revoke(ctx context.Context, cluster string) error {
	return e.Server.DropUser(ctx, etcdUser(cluster), etcdPrefix(cluster))
}

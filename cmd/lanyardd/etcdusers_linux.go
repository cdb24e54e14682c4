package main

import (
	"context"
	"os"

	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

// etcdUsers gives every cluster a user and a prefix of its own in our etcd.
type etcdUsers struct{ server *etcdserver.Server }

func clusterPrefix(cluster string) string { return "/clusters/" + cluster + "/" }

// Grant implements containerservice.EtcdUsers.
func (e etcdUsers) Grant(ctx context.Context, cluster string) (clusters.Etcd, error) {
	credentials, err := e.server.EnsureUser(ctx, cluster, clusterPrefix(cluster))
	if err != nil {
		return clusters.Etcd{}, err
	}
	granted := clusters.Etcd{Endpoints: credentials.Endpoints, Prefix: clusterPrefix(cluster)}
	if granted.CA, err = os.ReadFile(credentials.CAFile); err != nil {
		return clusters.Etcd{}, err
	}
	if granted.Cert, err = os.ReadFile(credentials.CertFile); err != nil {
		return clusters.Etcd{}, err
	}
	key, err := os.ReadFile(credentials.KeyFile)
	granted.Key = secret.New(string(key))
	return granted, err
}

// Revoke implements containerservice.EtcdUsers.
func (e etcdUsers) Revoke(ctx context.Context, cluster string) error {
	return e.server.DropUser(ctx, cluster, clusterPrefix(cluster))
}

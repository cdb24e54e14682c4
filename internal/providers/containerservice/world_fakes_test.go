package containerservice_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/clusters/objects"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
	"github.com/lanyard-project/lanyard/internal/secret"
)

type fakeEngine struct{ *world }

func (f fakeEngine) EnsureVNet(ctx context.Context, v clusters.VNet) error {
	return f.change(ctx, "EnsureVNet", func() error { f.vnets[v.ID] = v; return nil })
}

func (f fakeEngine) DeleteVNet(ctx context.Context, id string) error {
	return f.change(ctx, "DeleteVNet", func() error {
		for _, c := range f.planes {
			if c.VNetID == id {
				return errors.New("a cluster is in the network")
			}
		}
		delete(f.vnets, id)
		return nil
	})
}

func (f fakeEngine) EnsureControlPlane(ctx context.Context, c clusters.ControlPlane) (clusters.ControlPlaneStatus, error) {
	return clusters.ControlPlaneStatus{APIServerAddress: netip.MustParseAddrPort("168.63.129.17:443")}, f.change(ctx, "EnsureControlPlane", func() error {
		if _, ok := f.vnets[c.VNetID]; !ok || !f.served[c.VNetID] || !f.etcd[c.ID] {
			return errors.New("the network, its listeners or the etcd user is missing")
		}
		f.planes[c.ID] = c
		return nil
	})
}

func (f fakeEngine) DeleteControlPlane(ctx context.Context, id string) error {
	return f.change(ctx, "DeleteControlPlane", func() error {
		delete(f.planes, id)
		delete(f.sets, id)
		maps.DeleteFunc(f.nodes, func(_ string, n clusters.Node) bool { return n.ClusterID == id })
		return nil
	})
}

func (f fakeEngine) EnsureNode(ctx context.Context, n clusters.Node) error {
	return f.change(ctx, "EnsureNode "+n.Name, func() error {
		if _, ok := f.planes[n.ClusterID]; !ok {
			return errors.New("the control plane is missing")
		}
		if old, ok := f.nodes[n.Name]; ok && (old.Address != n.Address || old.PodAddresses != n.PodAddresses) {
			return errors.New("a node's addresses can't change")
		}
		for name, other := range f.nodes {
			if name != n.Name && f.planes[other.ClusterID].VNetID == f.planes[n.ClusterID].VNetID &&
				(other.Address == n.Address || other.PodAddresses.Overlaps(n.PodAddresses)) {
				return fmt.Errorf("%s and %s have the same addresses", name, n.Name)
			}
		}
		f.nodes[n.Name] = n
		return nil
	})
}

func (f fakeEngine) DeleteNode(ctx context.Context, _, name string) error {
	return f.change(ctx, "DeleteNode "+name, func() error { delete(f.nodes, name); return nil })
}

func (f fakeEngine) EnsureSimulated(ctx context.Context, s clusters.Simulated) error {
	return f.change(ctx, "EnsureSimulated "+s.Pool, func() error {
		if _, ok := f.planes[s.ClusterID]; !ok {
			return errors.New("the control plane is missing")
		}
		if f.simulated == nil {
			f.simulated = map[string]clusters.Simulated{}
		}
		if f.simulated[s.Pool] = s; len(s.Names) == 0 {
			delete(f.simulated, s.Pool)
		}
		return nil
	})
}

func (f fakeEngine) ConfigureCloud(context.Context, string, secret.String) error { return nil }

func (f fakeEngine) DrainNode(ctx context.Context, _, name string, _ clusters.Drain) error {
	return f.change(ctx, "DrainNode "+name, func() error { return nil })
}

func (f fakeEngine) Apply(ctx context.Context, cluster string, set objects.Set) error {
	return f.change(ctx, "Apply "+set.Name, func() error {
		if _, ok := f.planes[cluster]; !ok {
			return errors.New("the control plane is missing")
		}
		if f.sets[cluster] == nil {
			f.sets[cluster] = map[string][]*unstructured.Unstructured{}
		}
		if f.sets[cluster][set.Name] = set.Objects; len(set.Objects) == 0 {
			delete(f.sets[cluster], set.Name)
		}
		return nil
	})
}

func (f fakeEngine) Missing(context.Context, string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.missing, nil
}

func (f fakeEngine) ServiceAccountKeys(context.Context, string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return fmt.Appendf(nil, `{"keys":[%s]}`, strings.Join(slices.Repeat([]string{"{}"}, f.tokenKeys), ",")), nil
}

func (f fakeEngine) StopCluster(ctx context.Context, id string) error {
	return f.change(ctx, "StopCluster", func() error { return nil })
}

func (f fakeEngine) RotateCertificates(ctx context.Context, id, _ string) error {
	return f.change(ctx, "RotateCertificates", func() error { return nil })
}

func (f fakeEngine) RotateTokenKeys(ctx context.Context, id, _ string) error {
	return f.change(ctx, "RotateTokenKeys", func() error { f.tokenKeys++; return nil })
}

func (f fakeEngine) RenewalDue(context.Context, string) (bool, error) { return f.due, nil }

func (f fakeEngine) Troubles(context.Context, string, time.Time) ([]clusters.Trouble, error) {
	return f.troubles, nil
}

func (f fakeEngine) AdminKubeconfig(_ context.Context, id, url string) ([]byte, error) {
	return []byte("admin of " + id + " at " + url), nil
}

func (f fakeEngine) UserKubeconfig(_ context.Context, id, url string) ([]byte, error) {
	return []byte("user of " + id + " at " + url), nil
}

func (f fakeEngine) MonitoringKubeconfig(_ context.Context, id, url string) ([]byte, error) {
	return []byte("monitor of " + id + " at " + url), nil
}

func (f fakeEngine) OpenKubeconfig(_ context.Context, id, url string, proof *api.AuthInfo) ([]byte, error) {
	config := api.NewConfig()
	config.Clusters[id], config.AuthInfos["user"] = &api.Cluster{Server: url}, proof
	return clientcmd.Write(*config)
}

func (f fakeEngine) RelayAPIServer(ctx context.Context, _ string, l net.Listener) error {
	<-ctx.Done()
	return l.Close()
}

type fakeEtcd struct{ *world }

func (f fakeEtcd) Grant(ctx context.Context, cluster string) (clusters.Etcd, error) {
	return clusters.Etcd{Prefix: "/clusters/" + cluster}, f.change(ctx, "etcd.Grant", func() error { f.etcd[cluster] = true; return nil })
}

func (f fakeEtcd) Revoke(ctx context.Context, cluster string) error {
	return f.change(ctx, "etcd.Revoke", func() error {
		if _, runs := f.planes[cluster]; runs {
			return errors.New("the API server still uses it")
		}
		delete(f.etcd, cluster)
		return nil
	})
}

type fakePlatform struct{ *world }

func (f fakePlatform) Serve(ctx context.Context, vnet armid.ID) error {
	return f.change(ctx, "Serve", func() error { f.served[containerservice.VNetKey(vnet)] = true; return nil })
}

func (f fakePlatform) Withdraw(ctx context.Context, vnet armid.ID) error {
	return f.change(ctx, "Withdraw", func() error { delete(f.served, containerservice.VNetKey(vnet)); return nil })
}

func (f fakePlatform) Identify(ctx context.Context, key string, _ armid.ID, whoIs func(context.Context) (containerservice.Principal, error)) error {
	return f.change(ctx, "Identify", func() error { f.acts[key] = whoIs; return nil })
}

func (f fakePlatform) Disown(ctx context.Context, key string) error {
	return f.change(ctx, "Disown", func() error { delete(f.acts, key); return nil })
}

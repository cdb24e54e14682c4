package containerservice

import (
	"context"
	"net"
	"net/netip"
	"time"

	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/clusters/objects"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
	"github.com/lanyard-project/lanyard/internal/providers/managedidentity"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// Engine runs what isn't a resource: namespaces and processes. All calls are level-based: they compare what is there
// with what is asked for and make the difference, so that they can be repeated at any time; removing what isn't there
// is no error. *clusters.Engine is one.
type Engine interface {
	EnsureVNet(ctx context.Context, v clusters.VNet) error
	DeleteVNet(ctx context.Context, id string) error
	EnsureControlPlane(ctx context.Context, c clusters.ControlPlane) (clusters.ControlPlaneStatus, error)
	DeleteControlPlane(ctx context.Context, id string) error
	// ConfigureCloud replaces the control plane's azure.json.
	ConfigureCloud(ctx context.Context, clusterID string, config secret.String) error
	// Apply brings a set of Kubernetes objects into the cluster.
	Apply(ctx context.Context, clusterID string, set objects.Set) error
	// Missing names the objects that were applied and that somebody has deleted.
	Missing(ctx context.Context, clusterID string) ([]string, error)
	// ServiceAccountKeys is the key set that verifies the cluster's service account tokens.
	ServiceAccountKeys(ctx context.Context, clusterID string) ([]byte, error)
	EnsureNode(ctx context.Context, n clusters.Node) error
	DeleteNode(ctx context.Context, clusterID, name string) error
	// EnsureSimulated gives a simulated pool its nodes, and takes others of it away.
	EnsureSimulated(ctx context.Context, s clusters.Simulated) error
	// DrainNode keeps new pods from a node and evicts those that it has; a node that isn't there is drained. It fails with
	// a *clusters.DrainError if they don't go in time.
	DrainNode(ctx context.Context, clusterID, name string, d clusters.Drain) error
	// StopCluster ends its processes until it is ensured again; RotateCertificates does, and gives it another authority.
	StopCluster(ctx context.Context, clusterID string) error
	RotateCertificates(ctx context.Context, clusterID, generation string) error
	RotateTokenKeys(ctx context.Context, clusterID, generation string) error
	// RenewalDue reports whether a certificate of the cluster is to be issued anew, which ensuring it does.
	RenewalDue(ctx context.Context, clusterID string) (bool, error)
	// Troubles are the programs of the cluster that ended by themselves lately.
	Troubles(ctx context.Context, clusterID string, since time.Time) ([]clusters.Trouble, error)
	AdminKubeconfig(ctx context.Context, clusterID, serverURL string) ([]byte, error)
	UserKubeconfig(ctx context.Context, clusterID, serverURL string) ([]byte, error)
	// MonitoringKubeconfig is of an account that may look on.
	MonitoringKubeconfig(ctx context.Context, clusterID, serverURL string) ([]byte, error)
	// OpenKubeconfig is the user account's without a credential of the cluster's.
	OpenKubeconfig(ctx context.Context, clusterID, serverURL string, proof *api.AuthInfo) ([]byte, error)
	// RelayAPIServer serves the listener until the context ends.
	RelayAPIServer(ctx context.Context, clusterID string, loopback net.Listener) error
}

// EtcdUsers gives each cluster a user and a prefix of its own in etcd.
type EtcdUsers interface {
	Grant(ctx context.Context, cluster string) (clusters.Etcd, error)
	// Revoke removes the user and everything below the prefix.
	Revoke(ctx context.Context, cluster string) error
}

// Platform serves the cloud's own addresses (instance metadata, resource manager, token service) inside a VNet. Both
// calls can be repeated.
type Platform interface {
	Serve(ctx context.Context, vnet armid.ID) error
	Withdraw(ctx context.Context, vnet armid.ID) error
	// Identify lets the control plane of a cluster, by its key for the engine, have tokens of whoever it is at that
	// moment; Disown ends that.
	Identify(ctx context.Context, key string, cluster armid.ID, whoIs func(context.Context) (Principal, error)) error
	Disown(ctx context.Context, key string) error
}

// Principal is whom a control plane acts as by a managed identity.
type Principal struct {
	ResourceID string
	ClientID   string
	ObjectID   string
	TenantID   string
}

// Directory has the principals of managed identities, and the applications that clusters without one work as.
// *directory.Directory is one.
type Directory interface {
	managedidentity.Directory
	DeleteManagedIdentity(ctx context.Context, id armid.ID) error
	ByAppID(ctx context.Context, appID string) (directory.ServicePrincipal, error)
	CheckSecret(ctx context.Context, objectID string, presented secret.String) (directory.Verdict, error)
	ServicePrincipals(tenantID string) []directory.ServicePrincipal
	CreateApplication(ctx context.Context, tenantID, displayName string) (directory.ServicePrincipal, error)
	AddSecret(ctx context.Context, objectID, displayName string, lifetime time.Duration) (directory.Secret, error)
}

// Identities makes user-assigned identities. *managedidentity.Provider is one.
type Identities interface {
	Ensure(ctx context.Context, by providers.Caller, id armid.ID, location string, tags map[string]string) (*resource.Resource, error)
}

// Roles grants and revokes roles of the service's own accord, and answers whether a principal may do something.
// *authorization.Provider is one.
type Roles interface {
	Grant(ctx context.Context, g authorization.Grant) (*resource.Resource, error)
	Revoke(ctx context.Context, g authorization.Grant) error
	Check(ctx context.Context, caller providers.Caller, action string, scope armid.ID) (allowed bool, reason string)
}

// Locks know what the user doesn't want to be changed. *locks.Provider is one.
type Locks interface {
	// Blocking returns the scopes whose locks forbid changing the resource, or deleting it with all that is below it.
	Blocking(id armid.ID, deleting bool) []string
}

// Addresses is the network provider: it hands out parts of a subnet. An owner that asks again gets the same part. *network.Provider is one.
type Addresses interface {
	Allocate(ctx context.Context, subnet armid.ID, owner string, bits int) (netip.Prefix, error)
	// Ensure makes a document of Microsoft.Network unless it is there.
	Ensure(ctx context.Context, by providers.Caller, next *resource.Resource) (*resource.Resource, error)
	Release(ctx context.Context, subnet armid.ID, owner string) error
}

// Zones makes private DNS zones and what is in them, unless it is there. *dns.Provider is one.
type Zones interface {
	Ensure(ctx context.Context, by providers.Caller, next *resource.Resource) (*resource.Resource, error)
}

// Instances makes the virtual machines of a scale set. *compute.Provider is one.
type Instances interface {
	EnsureInstance(ctx context.Context, by providers.Caller, scaleSet armid.ID, i compute.Instance) error
	DeleteInstance(ctx context.Context, by providers.Caller, scaleSet armid.ID, number int) error
}

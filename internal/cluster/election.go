package cluster

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// Election is how replicas agree on a leader.
type Election struct {
	// Name and Namespace are those of the Lease.
	Name, Namespace string
	// Duration is how long a leader counts as alive without a sign of life.
	Duration time.Duration
	// Retry is how often it gives one, and a standby looks for one; a seventh of
	// Duration if it is zero.
	Retry time.Duration
	// Predecessor, if its Name is set, is the Endpoints object by which
	// aad-pod-identity's mic elects its leader. A leader holds it as well, so that
	// the two never work at the same time.
	Predecessor types.NamespacedName
}

// elect puts the election into the manager's options. Its requests have a client
// of their own, so that no amount of work keeps a leader from renewing.
func (e Election) elect(config *rest.Config, options *manager.Options) error {
	if e.Name == "" {
		return nil
	}
	renew := e.Duration * 2 / 3
	config = rest.AddUserAgent(rest.CopyConfig(config), "leader-election")
	config.Timeout = max(time.Second, renew/2)
	config.RateLimiter = nil
	config.QPS = -1
	// The API server warns about Endpoints on each request, every two seconds.
	config.WarningHandler = rest.NoWarnings{}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("making a client for the election: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("naming this replica: %w", err)
	}
	me := host + "_" + uuid.NewString()
	var lock resourcelock.Interface = &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: e.Namespace, Name: e.Name},
		Client:     kube.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: me},
	}
	if p := e.Predecessor; p.Name != "" {
		// What both understand comes first: whoever has only the second has nothing.
		lock = &resourcelock.MultiLock{
			Primary:   &endpointsLock{client: kube.CoreV1().Endpoints(p.Namespace), name: p.Name, identity: me},
			Secondary: lock,
		}
	}
	options.LeaderElection = true
	options.LeaderElectionID = e.Name
	options.LeaderElectionResourceLockInterface = lock
	options.LeaderElectionReleaseOnCancel = true
	options.LeaseDuration = ptr.To(e.Duration)
	options.RenewDeadline = ptr.To(renew)
	options.RetryPeriod = ptr.To(cmp.Or(e.Retry, e.Duration/7))
	return nil
}

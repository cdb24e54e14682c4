package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/cluster/assign"
	"github.com/lanyard-project/lanyard/internal/cluster/match"
	"github.com/lanyard-project/lanyard/internal/cluster/report"
	"github.com/lanyard-project/lanyard/internal/cluster/scaleset"
)

// eventSource is the component that events name; people filter by it.
const eventSource = "aadpodidentity.k8s.io"

// scaleSetWorkers is how many scale sets and single machines are served at the
// same time. Workers mostly wait for Azure; a stuck one takes away a slot until
// its deadline, so there are more than clusters have scale sets.
const scaleSetWorkers = 256

// Options are the settings of mic.
type Options struct {
	// Azure reads and changes scale sets.
	Azure scaleset.Client
	// SignedInAs is the client ID that Azure knows mic and the nodes by: for advice
	// in events, and never for a pod.
	SignedInAs string
	// Protected identities are never removed from a scale set.
	Protected scaleset.Protected
	// ForceNamespaced confines every identity to its own namespace.
	ForceNamespaced bool
	// KeepCompleted lets pods that have finished keep their identities until they
	// are deleted.
	KeepCompleted bool
	// Linger is how long an identity stays on a scale set after its last pod.
	Linger time.Duration
	// Spacing is the least time between two changes of one scale set.
	Spacing time.Duration
	// DriftInterval is how often scale sets are read although nothing changed.
	DriftInterval time.Duration
	// Backoff and MostBackoff bound the pauses after failures of Azure.
	Backoff, MostBackoff time.Duration
	// Resync is how often every pod is looked at although nothing changed.
	Resync time.Duration
	// Writers is how many assigned identities are written at the same time.
	Writers int
	// Broker gets tokens for identities that aren't on scale sets.
	Broker Broker
	// Webhook refuses what no pod could be given.
	Webhook Webhook
	// Election, if its Name is set, lets one of several replicas work.
	Election Election
	// ProbeAddress and MetricsAddress are host:port; "0" turns one off.
	ProbeAddress, MetricsAddress string
	// Metrics is where mic's own metrics are registered.
	Metrics prometheus.Registerer

	Log   *slog.Logger
	Clock clock.Clock
}

// What mic may do, from which config/rbac is generated; the chart's role says
// the same, and the tests of this package run mic with it.
//
// +kubebuilder:rbac:groups="",resources=pods;nodes,verbs=get;list;watch
// +kubebuilder:rbac:groups=aadpodidentity.k8s.io,resources=azureidentities;azureidentitybindings,verbs=get;list;watch
// +kubebuilder:rbac:groups=aadpodidentity.k8s.io,resources=azureidentities/status;azureidentitybindings/status,verbs=patch
// +kubebuilder:rbac:groups=aadpodidentity.k8s.io,resources=azureassignedidentities,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=events,verbs=create;patch

// New puts mic together. The result works once its Start is called, and stops
// when the context of Start ends.
func New(ctx context.Context, config *rest.Config, o Options) (manager.Manager, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	cached, err := cacheOptions()
	if err != nil {
		return nil, err
	}
	cached.SyncPeriod = &o.Resync
	if config.WarningHandler == nil && config.WarningHandlerWithContext == nil {
		// The API server doesn't like the name of the finalizer, which is the
		// predecessor's, and says so at each write.
		config = rest.CopyConfig(config)
		config.WarningHandlerWithContext = log.NewKubeAPIWarningLogger(log.KubeAPIWarningLoggerOptions{Deduplicate: true})
	}
	options := manager.Options{
		Scheme:                 scheme,
		Cache:                  cached,
		Logger:                 logr.FromSlogHandler(o.Log.Handler()),
		Metrics:                metricsserver.Options{BindAddress: o.MetricsAddress},
		HealthProbeBindAddress: "0", // health.go has our own
	}
	if o.Broker.Alone {
		o.Election = Election{} // every replica does the same
	}
	if err := o.Election.elect(config, &options); err != nil {
		return nil, err
	}
	mgr, err := manager.New(config, options)
	if err != nil {
		return nil, fmt.Errorf("creating the manager: %w", err)
	}
	if o.Broker.Alone {
		err = followForBroker(ctx, mgr)
	} else {
		err = addAssignments(ctx, mgr, o)
	}
	if err != nil {
		return nil, err
	}
	if err := addBroker(mgr, o); err != nil {
		return nil, err
	}
	parts := map[string]func() error{}
	if ready, err := addWebhook(mgr, o); err != nil {
		return nil, err
	} else if ready != nil {
		parts["webhook"] = ready
	}
	if err := addHealth(mgr, o.ProbeAddress, parts); err != nil {
		return nil, err
	}
	return mgr, nil
}

// addAssignments is mic's main business.
func addAssignments(ctx context.Context, mgr manager.Manager, o Options) error {
	sets, err := addScaleSets(ctx, mgr, o)
	if err != nil {
		return err
	}
	if err := addPods(ctx, mgr, o, uuid.NewString(), sets); err != nil {
		return err
	}
	return addReports(ctx, mgr, o)
}

func addReports(ctx context.Context, mgr manager.Manager, o Options) error {
	recorder := mgr.GetEventRecorderFor(eventSource)
	identities := &report.Identities{Kube: mgr.GetClient(), Recorder: recorder, Rules: o.rules()}
	bindings := &report.Bindings{Kube: mgr.GetClient(), Recorder: recorder}
	// Few at a time: nobody waits for these, and pods do for other writes.
	return report.SetUp(ctx, mgr, identities, bindings, assign.BindingsByIdentity, controller.Options{
		MaxConcurrentReconciles: 2, SkipNameValidation: ptr.To(true),
	})
}

func addPods(ctx context.Context, mgr manager.Manager, o Options, instance string, sets assign.Sets) error {
	pods := &assign.Reconciler{
		Kube: mgr.GetClient(), Live: mgr.GetAPIReader(),
		Recorder: mgr.GetEventRecorderFor(eventSource),
		Rules:    o.rules(), Clock: o.Clock, Instance: instance, Sets: sets,
	}
	err := pods.SetUp(ctx, mgr, controller.Options{
		MaxConcurrentReconciles: o.Writers,
		EnableWarmup:            ptr.To(true),
		SkipNameValidation:      ptr.To(true),
	})
	if err != nil {
		return fmt.Errorf("setting up pods: %w", err)
	}
	return nil
}

// rules are the settings that decide who gets what.
func (o Options) rules() match.Rules {
	return match.Rules{ForceNamespaced: o.ForceNamespaced, NodeClientID: o.SignedInAs, KeepCompleted: o.KeepCompleted}
}

func addScaleSets(ctx context.Context, mgr manager.Manager, o Options) (*scaleset.Reconciler, error) {
	measured, err := scaleset.NewMetrics(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	sets := &scaleset.Reconciler{
		Kube: mgr.GetClient(), Azure: o.Azure, Clock: o.Clock, Metrics: measured,
		Recorder:  mgr.GetEventRecorderFor(eventSource),
		Protected: o.Protected, Linger: o.Linger, Spacing: o.Spacing, Interval: o.DriftInterval,
		Backoff: o.Backoff, MostBackoff: o.MostBackoff, Writers: o.Writers, SignedInAs: o.SignedInAs,
	}
	// A runnable of the default kind starts on the leader only.
	err = mgr.Add(manager.RunnableFunc(func(context.Context) error {
		measured.Elected()
		return nil
	}))
	if err != nil {
		return nil, fmt.Errorf("adding the count of elections: %w", err)
	}
	err = mgr.GetFieldIndexer().IndexField(ctx, &aadpodid.AzureAssignedIdentity{}, scaleset.ByScaleSet,
		func(o client.Object) []string { return scaleset.IndexKey(o.(*aadpodid.AzureAssignedIdentity)) })
	if err != nil {
		return nil, fmt.Errorf("indexing assigned identities by scale set: %w", err)
	}
	err = builder.TypedControllerManagedBy[scaleset.ID](mgr).
		Named("scalesets").
		WithOptions(controller.TypedOptions[scaleset.ID]{
			MaxConcurrentReconciles: scaleSetWorkers,
			EnableWarmup:            ptr.To(true),
			SkipNameValidation:      ptr.To(true),
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[scaleset.ID](10*time.Millisecond, o.MostBackoff),
		}).
		Watches(&aadpodid.AzureAssignedIdentity{}, handler.TypedEnqueueRequestsFromMapFunc(scaleSetOf)).
		Complete(sets)
	if err != nil {
		return nil, fmt.Errorf("setting up scale sets: %w", err)
	}
	return sets, nil
}

func scaleSetOf(_ context.Context, o client.Object) []scaleset.ID {
	id, err := scaleset.ParseID(o.GetAnnotations()[scaleset.ScaleSetAnnotation])
	if err != nil {
		return nil
	}
	return []scaleset.ID{id}
}

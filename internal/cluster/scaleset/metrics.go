package scaleset

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
)

// Metrics counts calls to Azure and how long pods wait for their identities. What
// aad-pod-identity had a metric for has its name as well, for the dashboards and
// alerts of those who come from there.
type Metrics struct {
	calls *prometheus.CounterVec
	lags  prometheus.Histogram

	// of aad-pod-identity
	cloudErrors          *prometheus.CounterVec
	cloudTimes           *prometheus.HistogramVec
	additions, deletions prometheus.Counter
	additionTimes        prometheus.Histogram
	elections            prometheus.Counter
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	const predecessor = "aadpodidentity"
	lagBuckets := prometheus.ExponentialBuckets(0.05, 2, 15)
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: predecessor, Name: name, Help: help})
	}
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mic_arm_calls_total",
			Help: "Calls to Azure Resource Manager about scale sets and machines, by operation and result.",
		}, []string{"operation", "result"}),
		lags: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "mic_assign_lag_seconds",
			Help:    "Time from the creation of an AzureAssignedIdentity until it is Assigned.",
			Buckets: lagBuckets,
		}),
		cloudErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: predecessor, Name: "cloud_provider_operations_errors_count", Help: "Failed calls to Azure Resource Manager; see mic_arm_calls_total.",
		}, []string{"operation_type"}),
		cloudTimes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: predecessor, Name: "cloud_provider_operations_duration_seconds", Help: "How long calls to Azure Resource Manager took, with their operations.",
			Buckets: prometheus.ExponentialBuckets(0.1, 2, 14),
		}, []string{"operation_type"}),
		additions: counter("assigned_identity_addition_count", "Assigned identities that became Assigned."),
		deletions: counter("assigned_identity_deletion_count", "Assigned identities that were released."),
		additionTimes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: predecessor, Name: "assigned_identity_addition_duration_seconds", Help: "The same as mic_assign_lag_seconds.", Buckets: lagBuckets,
		}),
		elections: counter("mic_new_leader_election_count", "How often this replica became the leader."),
	}
	for _, c := range []prometheus.Collector{
		m.calls, m.lags, m.cloudErrors, m.cloudTimes, m.additions, m.deletions, m.additionTimes, m.elections,
	} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Elected counts that this replica has become the leader.
func (m *Metrics) Elected() { m.elections.Inc() }

func (m *Metrics) call(id ID, operation string, took time.Duration, err error) {
	if f := (*Fault)(nil); errors.As(err, &f) && f.Code == heldBack {
		return // it wasn't made
	}
	m.calls.WithLabelValues(operation, resultOf(err)).Inc()
	theirs := map[string]string{"get": "vmss_get", "patch": "vmss_update"}
	if id.Machine {
		theirs = map[string]string{"get": "vm_get", "patch": "vm_update"}
	}
	m.cloudTimes.WithLabelValues(theirs[operation]).Observe(took.Seconds())
	if err != nil {
		m.cloudErrors.WithLabelValues(theirs[operation]).Inc()
	}
}

func (m *Metrics) assigned(lag time.Duration) {
	m.lags.Observe(lag.Seconds())
	m.additionTimes.Observe(lag.Seconds())
	m.additions.Inc()
}

func (m *Metrics) released() { m.deletions.Inc() }

// resultOf names a result from a closed set: no label is a caller's choice.
func resultOf(err error) string {
	var f *Fault
	switch {
	case err == nil:
		return "ok"
	case !errors.As(err, &f) || f.Code == "":
		return "unreachable"
	case f.status == http.StatusTooManyRequests:
		return "throttled"
	case f.Blame == BlameIdentity:
		return "identity_refused"
	case f.Blame == BlameAbsence:
		return "absent"
	case f.Code == "AuthorizationFailed":
		return "forbidden"
	case f.status == http.StatusConflict, f.status == http.StatusPreconditionFailed:
		return "conflict"
	default:
		return "failed"
	}
}

// metered counts and times the calls of a Client.
type metered struct {
	Client
	metrics *Metrics
	clock   clock.PassiveClock
}

// Get passes the call on.
func (c metered) Get(ctx context.Context, id ID) (State, error) {
	start := c.clock.Now()
	state, err := c.Client.Get(ctx, id)
	c.metrics.call(id, "get", c.clock.Since(start), err)
	return state, err
}

// Patch passes the call on.
func (c metered) Patch(ctx context.Context, id ID, seen State, changes []Change) (State, error) {
	start := c.clock.Now()
	state, err := c.Client.Patch(ctx, id, seen, changes)
	c.metrics.call(id, "patch", c.clock.Since(start), err)
	return state, err
}

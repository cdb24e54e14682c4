package scaleset

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts calls to Azure and how long pods wait for their identities.
type Metrics struct {
	calls *prometheus.CounterVec
	lags  prometheus.Histogram
}

// NewMetrics registers the metrics.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "mic_arm_calls_total",
			Help: "Calls to Azure Resource Manager about scale sets, by operation and result.",
		}, []string{"operation", "result"}),
		lags: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "mic_assign_lag_seconds",
			Help:    "Time from the creation of an AzureAssignedIdentity until it is Assigned.",
			Buckets: prometheus.ExponentialBuckets(0.05, 2, 15),
		}),
	}
	for _, c := range []prometheus.Collector{m.calls, m.lags} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Metrics) call(operation string, err error) {
	if f := (*Fault)(nil); errors.As(err, &f) && f.Code == heldBack {
		return // it wasn't made
	}
	m.calls.WithLabelValues(operation, resultOf(err)).Inc()
}

func (m *Metrics) lag(d time.Duration) { m.lags.Observe(d.Seconds()) }

// resultOf names a result from a closed set: no label is a caller's choice.
func resultOf(err error) string {
	var f *Fault
	switch {
	case err == nil:
		return "ok"
	case !errors.As(err, &f) || f.Code == "":
		return "unreachable"
	case f.RetryAfter > 0:
		return "throttled"
	case f.Blame == BlameIdentity:
		return "identity_refused"
	case f.Blame == BlameAbsence:
		return "absent"
	case f.Code == "AuthorizationFailed":
		return "forbidden"
	default:
		return "failed"
	}
}

// metered counts the PATCHes of an application.
type metered struct {
	Client
	metrics *Metrics
}

// Patch passes the call on.
func (c metered) Patch(ctx context.Context, id ID, seen State, changes []Change) (State, error) {
	state, err := c.Client.Patch(ctx, id, seen, changes)
	c.metrics.call("patch", err)
	return state, err
}

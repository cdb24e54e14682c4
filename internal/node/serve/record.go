package serve

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/node/pods"
)

// Result is what became of a request: a closed set, fit for a metric's label.
type Result string

// The results.
const (
	ResultToken       Result = "token"         // a pod's own identity
	ResultNodeToken   Result = "node_token"    // the node's identity, by policy
	ResultDocument    Result = "document"      // no secret: instance, versions, tenant
	ResultInvalid     Result = "invalid"       // the request makes no sense
	ResultNotEntitled Result = "not_entitled"  // proven, but not assigned
	ResultAmbiguous   Result = "ambiguous"     // several identities, none named
	ResultUnproven    Result = "unproven"      // nobody we know
	ResultForged      Result = "forged"        // address and interface don't belong together
	ResultNotReady    Result = "not_ready"     // the agent or the pod is too new
	ResultWaited      Result = "waited"        // the assignment didn't come in time
	ResultLimited     Result = "limited"       // too many requests
	ResultGone        Result = "gone"          // the client left, or the pod changed meanwhile
	ResultSource      Result = "source_failed" // the metadata service failed or refused
)

// Metrics of the handlers. No label has a value that a caller can choose.
type Metrics struct {
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
	tokens   prometheus.Histogram
	waiting  prometheus.Gauge
}

// NewMetrics registers the handlers' metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	buckets := []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 40}
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nmi_requests_total", Help: "Requests of pods, by route and what became of them.",
		}, []string{"route", "result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "nmi_request_seconds", Help: "Time to answer a request other than for a token.", Buckets: buckets,
		}),
		tokens: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "nmi_token_request_seconds", Help: "Time to answer a token request, waiting included.", Buckets: buckets,
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "nmi_requests_waiting", Help: "Token requests that wait for an assignment.",
		}),
	}
	registry.MustRegister(m.requests, m.seconds, m.tokens, m.waiting)
	return m
}

// record is what is known about one request when it has been answered.
type record struct {
	result   Result
	status   int
	route    imds.Route
	origin   pods.Binding
	sandbox  pods.Sandbox
	account  string
	clientID string // of the identity given
	query    imds.TokenQuery
	reason   string
}

// write puts the record into the metrics and the audit log.
func (r *record) write(ctx context.Context, m *Metrics, audit *slog.Logger, took time.Duration) {
	m.requests.WithLabelValues(r.route.String(), string(r.result)).Inc()
	if r.route == imds.RouteToken {
		m.tokens.Observe(took.Seconds())
	} else {
		m.seconds.Observe(took.Seconds())
	}
	level := slog.LevelInfo
	if r.result == ResultForged || r.result == ResultNodeToken {
		level = slog.LevelWarn // worth a look each time
	}
	if !audit.Enabled(ctx, level) {
		return
	}
	attributes := make([]slog.Attr, 0, 16)
	attributes = append(attributes,
		slog.String("result", string(r.result)), slog.Int("status", r.status), slog.String("route", r.route.String()),
		slog.Duration("took", took), slog.String("address", r.origin.Address.String()), slog.Int("interface", r.origin.Interface))
	if r.sandbox.UID != "" {
		attributes = append(attributes, slog.String("namespace", r.sandbox.Namespace), slog.String("pod", r.sandbox.Name),
			slog.String("uid", r.sandbox.UID))
	}
	if r.account != "" {
		attributes = append(attributes, slog.String("serviceAccount", r.account))
	}
	if r.route == imds.RouteToken {
		attributes = append(attributes, slog.String("resource", clip(r.query.Resource)))
		if parameter := r.query.Selector.Parameter(); parameter != "" {
			attributes = append(attributes, slog.String(parameter, clip(r.query.Selector.Value)))
		}
	}
	if r.clientID != "" {
		attributes = append(attributes, slog.String("identity", r.clientID))
	}
	if r.reason != "" {
		attributes = append(attributes, slog.String("reason", clip(r.reason)))
	}
	audit.LogAttrs(ctx, level, "request", attributes...)
}

// clip bounds what a caller can put into the log.
func clip(text string) string {
	const limit = 300
	if len(text) > limit {
		return text[:limit] + "…"
	}
	return text
}

// fail answers with an error and notes it.
func (r *record) fail(w http.ResponseWriter, result Result, e *imds.Error, reason string) {
	r.result, r.status, r.reason = result, e.Status, reason
	if reason == "" {
		r.reason = e.Description
	}
	e.Render(w)
}

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
	ResultStale       Result = "stale"         // entitled by what is too old to go by
	ResultLimited     Result = "limited"       // too many requests
	ResultGone        Result = "gone"          // the client left, or the pod changed meanwhile
	ResultSource      Result = "source_failed" // the metadata service failed or refused
)

// results are all of them.
func results() []Result {
	return []Result{
		ResultToken, ResultNodeToken, ResultDocument, ResultInvalid, ResultNotEntitled, ResultAmbiguous, ResultUnproven,
		ResultForged, ResultNotReady, ResultWaited, ResultLimited, ResultGone, ResultSource, ResultStale,
	}
}

// Metrics of the handlers. No label has a value that a caller can choose.
type Metrics struct {
	requests   map[series]prometheus.Counter // all there can be
	seconds    prometheus.Histogram
	tokens     prometheus.Histogram
	waiting    prometheus.Gauge
	turnedAway prometheus.Counter
}

type series struct {
	route  imds.Route
	result Result
}

// NewMetrics registers the handlers' metrics.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	buckets := []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 40}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "nmi_requests_total", Help: "Requests of pods, by route and what became of them.",
	}, []string{"route", "result"})
	m := &Metrics{
		requests: map[series]prometheus.Counter{},
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "nmi_request_seconds", Help: "Time to answer a request other than for a token.", Buckets: buckets,
		}),
		tokens: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "nmi_token_request_seconds", Help: "Time to answer a token request, waiting included.", Buckets: buckets,
		}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "nmi_requests_waiting", Help: "Token requests that wait for an assignment.",
		}),
		turnedAway: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nmi_connections_turned_away_total", Help: "Connections closed at once, because their origin or all together had too many.",
		}),
	}
	for route := range imds.RouteVersions + 1 {
		for _, result := range results() {
			m.requests[series{route, result}] = requests.WithLabelValues(route.String(), string(result))
		}
	}
	registry.MustRegister(requests, m.seconds, m.tokens, m.waiting, m.turnedAway)
	return m
}

// record is what is known about one request when it has been answered.
type record struct {
	at       time.Time // when the request was taken up
	result   Result
	status   int
	route    imds.Route
	from     *connection
	sandbox  pods.Sandbox
	account  string
	clientID string // of the identity given
	query    imds.TokenQuery
	reason   string
}

// write puts the record into the metrics and the audit log.
func (r *record) write(ctx context.Context, m *Metrics, audit *slog.Logger, now time.Time) {
	took := now.Sub(r.at)
	m.requests[series{r.route, r.result}].Inc()
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
	var room [9]slog.Attr
	attributes := append(room[:0], slog.String("result", string(r.result)), slog.Int("status", r.status),
		slog.String("route", r.route.String()), slog.Duration("took", took))
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
	line := slog.NewRecord(now, level, "request", 0) // not LogAttrs, which would walk the stack for a place nobody reads
	line.AddAttrs(attributes...)
	_ = r.from.auditFor(audit, r.sandbox).Handler().Handle(ctx, line)
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

package meters

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Meters are the cloud's. They are safe for concurrent use.
type Meters struct {
	registry   *prometheus.Registry
	requests   *prometheus.CounterVec
	took       *prometheus.HistogramVec
	decisions  *prometheus.CounterVec
	tokens     *prometheus.CounterVec
	operations *prometheus.CounterVec
}

// New makes the meters, with those of the process itself.
func New() *Meters {
	m := &Meters{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lanyardd_requests_total", Help: "Requests answered at the front, by the service that answered, method and class of status.",
		}, []string{"service", "method", "class"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lanyardd_request_seconds", Help: "Time from a request's head to the end of its answer.",
			Buckets: []float64{.0002, .0005, .001, .002, .005, .01, .025, .05, .1, .25, 1, 5, 30},
		}, []string{"service"}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lanyardd_decisions_total", Help: "Calls of ARM, of registries and of data planes that were allowed or refused.",
		}, []string{"allowed"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lanyardd_tokens_total", Help: "Tokens issued or refused, by the way they were asked for.",
		}, []string{"via", "issued"}),
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lanyardd_operations_total", Help: "Long-running operations that ended, by their state.",
		}, []string{"state"}),
	}
	m.registry.MustRegister(m.requests, m.took, m.decisions, m.tokens, m.operations,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the meters at /metrics.
func (m *Meters) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}

// Request counts an answer of the front.
func (m *Meters) Request(service, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(service, known(method), class(status)).Inc()
	m.took.WithLabelValues(service).Observe(took.Seconds())
}

// Decision counts a call that was allowed or refused.
func (m *Meters) Decision(allowed bool) {
	m.decisions.WithLabelValues(strconv.FormatBool(allowed)).Inc()
}

// Token counts a token that was issued or refused. via is one of the record's few words.
func (m *Meters) Token(via string, issued bool) {
	m.tokens.WithLabelValues(via, strconv.FormatBool(issued)).Inc()
}

// Operation counts the end of a long-running operation.
func (m *Meters) Operation(state string) {
	m.operations.WithLabelValues(strings.ToLower(state)).Inc()
}

// known keeps clients from making series of words that they invent.
func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodPost, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

func class(status int) string {
	if status < 100 || status > 599 {
		return "none"
	}
	return strconv.Itoa(status/100) + "xx"
}

package agent

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lanyard-project/lanyard/internal/node/pods"
	"github.com/lanyard-project/lanyard/internal/node/snapshot"
	"github.com/lanyard-project/lanyard/internal/node/tokencache"
)

// meters count what happens behind the handlers.
type meters struct {
	cache, source *prometheus.CounterVec
}

func newMeters(registry prometheus.Registerer) *meters {
	m := &meters{
		cache: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nmi_token_cache_total", Help: "Tokens asked of the cache, by what it had: hit, stale, miss, error.",
		}, []string{"result"}),
		source: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nmi_metadata_service_answers_total", Help: "Answers of the node's metadata service, by class of status; none if it gave none.",
		}, []string{"class"}),
	}
	registry.MustRegister(m.cache, m.source)
	return m
}

func (m *meters) cacheResult(result string) { m.cache.WithLabelValues(result).Inc() }

func (m *meters) sourceStatus(status int) {
	class := "none"
	if status >= 100 && status < 600 {
		class = strconv.Itoa(status/100) + "xx"
	}
	m.source.WithLabelValues(class).Inc()
}

// watch adds gauges that are read when they are asked for.
func (m *meters) watch(registry prometheus.Registerer, sandboxes *pods.Sandboxes, store entitlements, cache *tokencache.Cache, known *snapshot.Store) {
	gauge := func(name, help string, value func() int) {
		registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return float64(value()) }))
	}
	gauge("nmi_sandboxes", "Running pod sandboxes of the node.", func() int { n, _ := sandboxes.Len(); return n })
	gauge("nmi_bindings", "Proven pairs of interface and address.", func() int { _, n := sandboxes.Len(); return n })
	gauge("nmi_assigned_identities", "Usable AzureAssignedIdentity objects of the node; in managed mode, bindings of the cluster.", store.Len)
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "nmi_knowledge_age_seconds", Help: "Time since the API server was last heard about pods and what they may have.",
	}, func() float64 { return known.Age().Seconds() }))
	gauge("nmi_cached_tokens", "Tokens in memory.", cache.Len)
}

package serve

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/node/attest"
)

// Stranger answers connections to the unproven port. It has nothing to give: no cache, no source.
type Stranger struct {
	Prover  *attest.Prover
	Metrics *Metrics
	Audit   *slog.Logger
	Clock   clock.PassiveClock

	limits *limits
}

// NewStranger makes the handler; all strangers share one bucket of perSecond requests.
func NewStranger(prover *attest.Prover, metrics *Metrics, audit *slog.Logger, clk clock.PassiveClock, perSecond float64) *Stranger {
	const held = 256
	return &Stranger{Prover: prover, Metrics: metrics, Audit: audit, Clock: clk, limits: newLimits(clk, perSecond, held)}
}

// ServeHTTP refuses.
func (s *Stranger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn := connectionOf(r.Context())
	note := record{at: s.Clock.Now(), from: conn}
	// the next connection may be proven, this one never
	w.Header().Set("Connection", "close")
	defer func() { note.write(r.Context(), s.Metrics, s.Audit, s.Clock.Now()) }()

	if !s.limits.allow("") {
		note.fail(w, ResultLimited, imds.TooMany(time.Second), "")
		return
	}
	err := conn.failed
	if err == nil {
		done, ok := s.limits.wait("")
		if !ok {
			note.fail(w, ResultLimited, imds.TooMany(time.Second), "")
			return
		}
		err = s.Prover.Stranger(r.Context(), conn.origin)
		done()
	}
	switch {
	case errors.Is(err, attest.ErrNew), errors.Is(err, attest.ErrNotReady):
		note.fail(w, ResultNotReady, imds.Unavailable("The pod is not known yet, try again", time.Second), err.Error())
	case errors.Is(err, attest.ErrForged):
		note.fail(w, ResultForged, imds.Forbidden("The caller could not be proven"), err.Error())
	default:
		note.fail(w, ResultUnproven, imds.Forbidden("The caller could not be proven to be a pod of this node. "+
			"Pods in the node's network have no pod identity"), err.Error())
	}
}

// Malformed refuses what isn't a request.
func (s *Stranger) Malformed(ctx context.Context, w http.ResponseWriter, why string) {
	note := record{at: s.Clock.Now(), from: connectionOf(ctx)}
	if s.limits.allow("") {
		malformed(w, &note, why)
	} else {
		note.fail(w, ResultLimited, imds.TooMany(time.Second), "")
	}
	note.write(ctx, s.Metrics, s.Audit, s.Clock.Now())
}

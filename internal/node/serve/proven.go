package serve

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/brokerapi"
	"github.com/lanyard-project/lanyard/internal/imds"
	"github.com/lanyard-project/lanyard/internal/node/attest"
	"github.com/lanyard-project/lanyard/internal/node/grant"
	"github.com/lanyard-project/lanyard/internal/node/notice"
	"github.com/lanyard-project/lanyard/internal/node/pods"
	"github.com/lanyard-project/lanyard/internal/node/source"
	"github.com/lanyard-project/lanyard/internal/node/tokencache"
)

// Facts describes pods, as the API server does.
type Facts interface {
	Get(uid string) (pods.Fact, bool)
	Changed() <-chan struct{}
	Synced() bool
}

// Assignments says what pods may have.
type Assignments interface {
	Of(pod grant.Pod) []grant.Assigned
	Changed() <-chan struct{}
	Synced() bool
}

// Exceptions says which pods are to have the node's identities.
type Exceptions interface {
	Of(namespace string, labels map[string]string) (name string)
	Changed() <-chan struct{}
	Synced() bool
}

// Source is where tokens and documents come from.
type Source interface {
	Token(ctx context.Context, selector imds.Selector, resource string, fresh bool) (tokencache.Token, error)
	Instance(ctx context.Context, request imds.Request) (source.Document, error)
	Info(ctx context.Context) (source.Document, error)
}

// Broker gets tokens of identities that aren't managed identities of the node.
type Broker interface {
	Token(ctx context.Context, request brokerapi.Request) (tokencache.Token, error)
}

// Options are the parts of a Proven handler; all are needed unless stated.
type Options struct {
	Prover      *attest.Prover
	Facts       Facts
	Assignments Assignments
	Exceptions  Exceptions
	Source      Source
	Broker      Broker // nil if the policy says that there is none
	Cache       *tokencache.Cache
	Metrics     *Metrics
	Audit       *slog.Logger
	Clock       clock.Clock
	Policy      grant.Policy
	Rules       imds.Rules
	// Fresh says whether what is known of pods and what they may have is young enough for a pod that has not been served.
	Fresh func() bool
	// Tell lets a pod's owner know of something that he can put right.
	Tell func(pod notice.Pod, reason, message string)
	// Patience is how long a request waits for an assignment.
	Patience time.Duration
	// Keep is for how long a token of the node's metadata service is given out before the service is asked again; 0 is until around the
	// middle of the token's life.
	Keep time.Duration
	// PerSecond bounds the requests of one pod; 0 is no bound.
	PerSecond float64
	// BlockInstance refuses the instance category.
	BlockInstance bool
}

// Proven answers connections to the proven port.
type Proven struct {
	Options
	limits    *limits
	served    *served
	documents *documents
}

// NewProven makes the handler.
func NewProven(options Options) *Proven {
	const waitersPerPod = 64
	return &Proven{
		Options:   options,
		limits:    newLimits(options.Clock, options.PerSecond, waitersPerPod),
		served:    newServed(),
		documents: newDocuments(options.Clock),
	}
}

// ServeHTTP answers one request.
func (p *Proven) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn := connectionOf(r.Context())
	note := record{at: p.Clock.Now(), from: conn}
	defer func() { note.write(r.Context(), p.Metrics, p.Audit, p.Clock.Now()) }()

	if conn.failed != nil {
		note.fail(w, ResultUnproven, imds.Forbidden("The caller could not be proven"), conn.failed.Error())
		return
	}
	sandbox, err := p.Prover.Caller(conn.origin)
	if err != nil {
		p.unproven(w, &note, err)
		return
	}
	note.sandbox = sandbox
	if !p.limits.allow(sandbox.UID) {
		note.fail(w, ResultLimited, imds.TooMany(time.Second), "")
		return
	}
	request, e := p.Rules.Parse(r)
	if e != nil {
		note.fail(w, ResultInvalid, e, "")
		return
	}
	note.route = request.Route
	switch request.Route {
	case imds.RouteToken:
		p.token(r.Context(), w, &note, request)
	case imds.RouteIdentityInfo, imds.RouteInstance, imds.RouteVersions:
		p.document(r.Context(), w, &note, request)
	}
}

// Malformed answers what isn't a request.
func (p *Proven) Malformed(ctx context.Context, w http.ResponseWriter, why string) {
	note := record{at: p.Clock.Now(), from: connectionOf(ctx)}
	if note.from.failed == nil {
		note.sandbox, _ = p.Prover.Caller(note.from.origin) // nobody is worth a record too
	}
	if p.limits.allow(note.sandbox.UID) {
		malformed(w, &note, why)
	} else {
		note.fail(w, ResultLimited, imds.TooMany(time.Second), "")
	}
	note.write(ctx, p.Metrics, p.Audit, p.Clock.Now())
}

func malformed(w http.ResponseWriter, note *record, why string) {
	note.fail(w, ResultInvalid, &imds.Error{
		Status: http.StatusBadRequest, Code: imds.CodeInvalidRequest, Description: "Malformed request: " + why,
	}, "")
}

// unproven answers a connection whose pod went away after it was let through.
func (p *Proven) unproven(w http.ResponseWriter, note *record, err error) {
	w.Header().Set("Connection", "close")
	if errors.Is(err, attest.ErrNotReady) {
		note.fail(w, ResultNotReady, imds.Unavailable("The agent is starting, try again", time.Second), err.Error())
		return
	}
	note.fail(w, ResultUnproven, imds.Forbidden("The caller could not be proven"), err.Error())
}

// write sends an answer other than an error.
func (p *Proven) write(w http.ResponseWriter, note *record, result Result, contentType string, body []byte) {
	header := w.Header()
	header["Content-Type"] = []string{contentType}
	header["Cache-Control"] = []string{"no-store"}
	header["Server"] = []string{imds.Agent}
	note.result, note.status = result, http.StatusOK
	_, _ = w.Write(body) // the client left
}

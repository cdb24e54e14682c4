package pipeline

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/documents"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/arm/route"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Options make a Pipeline.
type Options struct {
	Registry      *providers.Registry
	Engine        *ops.Engine
	Authenticator Authenticator
	Authorizer    Authorizer
	// Locks are asked before everything that isn't a read; nil means that there are none.
	Locks Locks
	// DefaultTenant is where callers without a token are sent, when no subscription
	// in the path says otherwise.
	DefaultTenant string
	Clock         clock.Clock
	Log           *slog.Logger
	// Record is told of every call; nil is fine.
	Record func(Entry)
	// Pages seals the positions in lists that clients carry from page to page; nil
	// means a key of this process alone.
	Pages *seal.Box
	// Limits are the calls that a caller may make in an hour; nil means that all are
	// answered, and told only how many Azure would allow.
	Limits *Limits
	// PollAfter is the Retry-After of long-running operations; 0 means one second.
	PollAfter time.Duration
}

// Pipeline answers ARM calls.
type Pipeline struct {
	Options
	table      *route.Table
	allowances *allowances
	gaps       gaps
	documents  *documents.Documents
	tenants    tenants
}

// New returns the pipeline over the registered types.
func New(o Options) *Pipeline {
	if o.PollAfter == 0 {
		o.PollAfter = time.Second
	}
	if o.Pages == nil {
		o.Pages = ownPages()
	}
	if o.Record == nil {
		o.Record = func(Entry) {}
	}
	return &Pipeline{Options: o, table: route.New(o.Registry), allowances: newAllowances(o.Limits), documents: o.Engine.Documents()}
}

// Call is one request.
type Call struct {
	Method string
	Path   string
	Query  url.Values
	Header http.Header
	// Body is read once the caller is authorised; the edge limits it.
	Body io.Reader
	// Origin is the base URL that the client knows us by ("https://localhost:8443").
	Origin        string
	RequestID     string
	CorrelationID string
}

// call is a Call on its way, with what is known of it so far.
type call struct {
	Call
	caller  providers.Caller
	match   *route.Match
	version string
	entry   Entry
	// body reads the request's body, once.
	body  func() ([]byte, error)
	start time.Time
	left  [2]string // the header that tells how many calls are left, and its value
}

// Handle answers a call. Errors are answers as well.
func (p *Pipeline) Handle(ctx context.Context, in Call) rest.Response {
	start := p.Clock.Now()
	c := &call{Call: in, start: start, entry: Entry{Time: start.UTC(), RequestID: in.RequestID, CorrelationID: in.CorrelationID, Method: in.Method, Path: in.Path}}
	response, err := p.serve(ctx, c)
	if err != nil {
		response = p.failure(ctx, err, &c.entry)
		p.gaps.note(c, response.Status, start)
	}
	if c.left[0] != "" {
		response = response.With(c.left[0], c.left[1])
	}
	p.record(c, response.Status)
	return response
}

// record tells how the call ended.
func (p *Pipeline) record(c *call, status int) {
	c.entry.Status = status
	c.entry.Duration = p.Clock.Since(c.start)
	c.describe()
	p.Record(c.entry)
}

// HandleAs answers a call that the cloud makes on behalf of a caller whom an
// earlier call has authenticated, as a template deployment does. Everything but
// the proof of who calls is as for any other call.
func (p *Pipeline) HandleAs(ctx context.Context, caller providers.Caller, in Call) rest.Response {
	start := p.Clock.Now()
	c := &call{Call: in, caller: caller, start: start,
		entry: Entry{Time: start.UTC(), RequestID: in.RequestID, CorrelationID: in.CorrelationID, Method: in.Method, Path: in.Path, Caller: caller}}
	response, err := p.serveAs(ctx, c)
	if err != nil {
		response = p.failure(ctx, err, &c.entry)
	}
	p.record(c, response.Status)
	return response
}

// serve is the fixed order of all calls.
func (p *Pipeline) serve(ctx context.Context, c *call) (rest.Response, error) {
	if err := p.authenticate(ctx, c); err != nil {
		return rest.Response{}, err
	}
	return p.serveAs(ctx, c)
}

// serveAs goes on once the caller is known.
func (p *Pipeline) serveAs(ctx context.Context, c *call) (rest.Response, error) {
	if err := p.route(c); err != nil {
		return rest.Response{}, err
	}
	if err := p.subscription(ctx, c); err != nil {
		return rest.Response{}, err
	}
	if err := p.allowances.spend(c); err != nil {
		return rest.Response{}, err
	}
	if c.match.Operation != "" {
		return p.operation(ctx, c)
	}
	if err := p.checkVersion(ctx, c); err != nil {
		return rest.Response{}, err
	}
	if err := p.authorise(ctx, c); err != nil {
		return rest.Response{}, err
	}
	if err := p.unlocked(c); err != nil {
		return rest.Response{}, err
	}
	ctx = providers.WithExpand(ctx, parameter(c, "$expand"))
	switch c.match.Method {
	case providers.Get:
		return p.read(ctx, c)
	case providers.List:
		return p.list(ctx, c)
	case providers.Put, providers.Patch:
		return p.write(ctx, c)
	case providers.Delete:
		return p.delete(ctx, c)
	case providers.Do:
		return p.action(ctx, c)
	}
	return rest.Response{}, rest.MethodNotAllowed(c.Method)
}

// route finds what the call means.
func (p *Pipeline) route(c *call) error {
	for name, values := range c.Query {
		if strings.EqualFold(name, "api-version") && len(values) > 0 {
			c.version = values[0]
		}
	}
	if c.version == "" {
		return rest.MissingAPIVersion()
	}
	var err error
	c.match, err = p.table.Match(c.Method, c.Path, c.version)
	return err
}

// checkVersion refuses api-versions that the type doesn't have.
func (p *Pipeline) checkVersion(ctx context.Context, c *call) error {
	if c.match.Supports(c.version) {
		return nil
	}
	location := ""
	if group := c.match.At().ResourceGroupID(); !group.IsZero() {
		stored, err := p.documents.Look(ctx, group)
		if err != nil {
			return err
		}
		if stored != nil {
			location = stored.Location
		}
	}
	return c.match.VersionError(c.version, location, providers.RegionNames())
}

// providerError marks an error as a provider's own: it has another shape for some
// types, and clients are told that it isn't the gateway's.
type providerError struct {
	error
	flat bool
}

func (e *providerError) Unwrap() error { return e.error }

// byProvider marks what a provider's function returned.
func byProvider(t *providers.Type, err error) error {
	if err == nil {
		return nil
	}
	return &providerError{error: err, flat: t.FlatErrors}
}

// failure turns an error into the answer.
func (p *Pipeline) failure(ctx context.Context, err error, entry *Entry) rest.Response {
	answer := *rest.AsError(err)
	if errors.Is(err, store.ErrFull) {
		answer = *rest.InsufficientStorage()
	}
	if answer.Status >= http.StatusInternalServerError && ctx.Err() == nil {
		p.Log.Error("serving an ARM call", "request", entry.RequestID, "method", entry.Method, "path", entry.Path, "error", err)
	}
	entry.Code = answer.Code
	response := rest.Response{Status: answer.Status, Header: answer.Header.Clone(), Body: &answer}
	var own *providerError
	if errors.As(err, &own) {
		answer.Flat = answer.Flat || own.flat
	} else {
		response = response.With("x-ms-failure-cause", "gateway")
	}
	if answer.RetryAfter > 0 {
		response = response.WithRetryAfter(answer.RetryAfter)
	}
	if entry.Method == http.MethodHead {
		response.Body = nil
	}
	return response
}

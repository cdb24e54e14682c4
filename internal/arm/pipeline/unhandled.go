package pipeline

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/documents"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// maxUnhandled bounds the record of what nobody serves.
const maxUnhandled = 500

// unhandledAction is what the reader of the record needs on a subscription: an
// action, not a read, so that readers of resources don't see what others tried.
const unhandledAction = "Lanyard.Debug/unhandled/list/action"

// Unhandled is something that proven callers asked for and nobody serves: what a
// user meets whose client wants more than there is. It has no query and no body.
type Unhandled struct {
	Method     string    `json:"method"`
	Path       string    `json:"path"` // of the first request
	Type       string    `json:"type,omitempty"`
	APIVersion string    `json:"apiVersion,omitempty"`
	UserAgent  string    `json:"userAgent,omitempty"`
	Status     int       `json:"status"`
	Code       string    `json:"code"`
	Count      int       `json:"count"`
	First      time.Time `json:"first"`
	Last       time.Time `json:"last"`
}

// gaps is the record, by what requests have in common.
type gaps struct {
	mu    sync.Mutex
	known map[gap]*Unhandled
}

type gap struct{ method, typ, version, code string }

// isGap reports whether an error says that something isn't served at all.
func isGap(code string) bool {
	switch code {
	case "InvalidResourceType", "InvalidResourceNamespace", "InvalidResourcePath", "NoRegisteredProviderFound", "InvalidApiVersionParameter", "MethodNotAllowed":
		return true
	}
	return false
}

// note adds a call whose answer was an error.
func (g *gaps) note(c *call, status int, now time.Time) {
	if c.caller.ObjectID == "" || !isGap(c.entry.Code) {
		return
	}
	// Copies: what is kept must not hold the whole of a long request.
	g.add(gap{cut(c.Method, 16), typeOf(c.Path), cut(c.version, 64), c.entry.Code}, c.Path, c.Header.Get("User-Agent"), status, now)
}

// NoteUnhandled adds what a proven caller asked another service than ARM for, such as
// Graph, in vain.
func (p *Pipeline) NoteUnhandled(r *http.Request, status int, code string) {
	version, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	p.gaps.add(gap{cut(r.Method, 16), cut(version, 16) + "/" + typeOf(path), "", cut(code, 64)}, r.URL.Path, r.UserAgent(), status, p.Clock.Now())
}

func (g *gaps) add(key gap, path, userAgent string, status int, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known == nil {
		g.known = map[gap]*Unhandled{}
	}
	known := g.known[key]
	if known == nil {
		if len(g.known) >= maxUnhandled {
			g.forgetOldest()
		}
		known = &Unhandled{
			Method: key.method, Path: cut(path, 512), Type: key.typ, APIVersion: key.version, UserAgent: cut(userAgent, 256),
			Status: status, Code: key.code, First: now.UTC(),
		}
		g.known[key] = known
	}
	known.Count++
	known.Last = now.UTC()
}

func (g *gaps) forgetOldest() {
	var oldest gap
	var at time.Time
	for key, known := range g.known {
		if at.IsZero() || known.Last.Before(at) {
			oldest, at = key, known.Last
		}
	}
	delete(g.known, oldest)
}

// typeOf is a path without its names: requests that differ in nothing else are
// one gap.
func typeOf(path string) string {
	parts := strings.Split(strings.ToLower(strings.Trim(path, "/")), "/")
	provider := slices.Index(parts, "providers")
	parts = parts[max(provider, 0):]
	var out []string
	for n, part := range parts[:min(len(parts), 16)] {
		if n%2 == 0 || n == 1 && provider >= 0 { // behind "providers" stands a namespace
			out = append(out, part)
		}
	}
	return cut(strings.Join(out, "/"), 256)
}

func cut(text string, most int) string { return strings.Clone(text[:min(len(text), most)]) }

func (g *gaps) list() []Unhandled {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]Unhandled, 0, len(g.known))
	for _, known := range g.known {
		out = append(out, *known)
	}
	slices.SortFunc(out, func(a, b Unhandled) int {
		if c := cmp.Compare(b.Count, a.Count); c != 0 {
			return c
		}
		return b.Last.Compare(a.Last)
	})
	return out
}

// Gaps answers GET /debug/unhandled: what was asked for and isn't served, to who
// may do anything in one of the tenant's subscriptions.
func (p *Pipeline) Gaps(ctx context.Context, in Call) rest.Response {
	c := &call{Call: in, entry: Entry{Time: p.Clock.Now().UTC(), RequestID: in.RequestID, CorrelationID: in.CorrelationID, Method: in.Method, Path: in.Path, Action: unhandledAction}}
	response, err := p.gapsFor(ctx, c)
	if err != nil {
		response = p.failure(ctx, err, &c.entry)
	}
	c.entry.Status = response.Status
	p.Record(c.entry)
	return response
}

func (p *Pipeline) gapsFor(ctx context.Context, c *call) (rest.Response, error) {
	if err := p.authenticate(ctx, c); err != nil {
		return rest.Response{}, err
	}
	if c.Method != http.MethodGet {
		return rest.Response{}, rest.MethodNotAllowed(c.Method)
	}
	for s, err := range p.documents.Scan(ctx, documents.Scan{Scope: armid.Root(), Type: armid.SubscriptionType, Direct: true}) {
		if err != nil {
			return rest.Response{}, err
		}
		tenant, err := p.tenant(ctx, s.ID)
		if err != nil {
			return rest.Response{}, err
		}
		if !strings.EqualFold(tenant, c.caller.TenantID) {
			continue
		}
		if allowed, reason := p.Authorizer.Check(ctx, c.caller, unhandledAction, s.ID); allowed {
			c.entry.Allowed, c.entry.Reason = true, reason
			return rest.OK(map[string]any{"value": p.gaps.list()}), nil
		}
	}
	return rest.Response{}, rest.AuthorizationFailed(c.caller.Client(), c.caller.ObjectID, unhandledAction, "/")
}

package edge

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// ARM answers ARM calls; pipeline.Pipeline does.
type ARM interface {
	Handle(ctx context.Context, call pipeline.Call) rest.Response
	// Gaps answers /debug/unhandled.
	Gaps(ctx context.Context, call pipeline.Call) rest.Response
}

// Options make the front.
type Options struct {
	ARM ARM
	// Entra is the token service; it gets every path that nobody else claims.
	Entra http.Handler
	// Graph serves /v1.0; nil means 404.
	Graph http.Handler
	// Issuers serves /oidc, what clusters publish as token issuers; nil means 404.
	Issuers http.Handler
	// Local serves /lanyard, what Azure has no counterpart of; nil means 404.
	Local http.Handler
	// Extensions serves /extensions, what az installs; nil means 404.
	Extensions http.Handler
	// Charts serves /charts, what Helm installs; nil means 404.
	Charts http.Handler
	// Hosts are data planes that have names of their own.
	Hosts []HostRoute
	// Origins are the base URLs that clients reach us under
	// ("https://localhost:8443"), the default first.
	Origins []string
	// TenantID is the default tenant, named in metadata documents.
	TenantID string
	// Ready reports whether the store answers, for /readyz; nil means always.
	Ready func(ctx context.Context) error
	Clock clock.PassiveClock
	Log   *slog.Logger
	// Access is told of every request; nil is fine.
	Access func(Access)
	// BodyLimit is in bytes; 0 means 4 MiB, ARM's own limit.
	BodyLimit int64
}

const defaultBodyLimit = 4 << 20

// New returns the handler of the cloud's front.
func New(o Options) http.Handler {
	if o.BodyLimit == 0 {
		o.BodyLimit = defaultBodyLimit
	}
	if o.Access == nil {
		o.Access = func(Access) {}
	}
	origins := newOrigins(o.Origins)
	front := &front{
		arm:      newARMHandler(o.ARM, origins, o.Log),
		metadata: &metadata{origins: origins, tenant: o.TenantID},
		health:   &health{ready: o.Ready},
		graph:    o.Graph,
		issuers:  o.Issuers,
		local:    o.Local,
		entra:    o.Entra,

		extensions: o.Extensions,
		charts:     o.Charts,
	}
	if front.graph == nil {
		front.graph = http.NotFoundHandler()
	}
	if front.extensions == nil {
		front.extensions = http.NotFoundHandler()
	}
	if front.charts == nil {
		front.charts = http.NotFoundHandler()
	}
	if front.issuers == nil {
		front.issuers = http.NotFoundHandler()
	}
	if front.local == nil {
		front.local = http.NotFoundHandler()
	}
	// From the outside in: what the access line says includes what recover answered.
	var handler http.Handler = front
	handler = limitBody(o.BodyLimit, handler)
	handler = byHost(o.Hosts, handler)
	handler = recoverPanics(o.Log, handler)
	handler = access(o.Clock, o.Access, handler)
	return requestIDs(o.Clock, handler)
}

// Server returns a server for the handler with times and sizes bounded.
func Server(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// front chooses by the path's first segment who answers.
type front struct {
	arm, metadata, health, graph, issuers, local, extensions, charts, entra http.Handler
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	encodedScope(r.URL)
	oneSlash(r.URL)
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch strings.ToLower(first) {
	case "subscriptions", "providers", "tenants":
		f.arm.ServeHTTP(w, r)
	case "debug":
		if !strings.EqualFold(strings.TrimSuffix(rest, "/"), "unhandled") {
			http.NotFound(w, r)
			return
		}
		f.arm.ServeHTTP(w, r)
	case "metadata":
		if strings.EqualFold(strings.TrimSuffix(rest, "/"), "endpoints") {
			f.metadata.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	case "healthz", "readyz":
		f.health.ServeHTTP(w, r)
	case "lanyard":
		f.local.ServeHTTP(w, r)
	case "v1.0":
		f.graph.ServeHTTP(w, r)
	case "oidc":
		f.issuers.ServeHTTP(w, r)
	case "extensions":
		f.extensions.ServeHTTP(w, r)
	case "charts":
		f.charts.ServeHTTP(w, r)
	default:
		f.entra.ServeHTTP(w, r)
	}
}

// oneSlash makes one of slashes in a row. Clients that join "https://host/" and
// "/path" send two, and az resource sends two where a resource has no parent
// ("providers/NS//TYPE/NAME"). A path with an encoded slash stays as it is, so
// that ARM can refuse it.
func oneSlash(u *url.URL) {
	if !strings.Contains(u.Path, "//") || encodesSlash(u) {
		return
	}
	var b strings.Builder
	for i := range len(u.Path) {
		if u.Path[i] != '/' || i == 0 || u.Path[i-1] != '/' {
			b.WriteByte(u.Path[i])
		}
	}
	u.Path, u.RawPath = b.String(), ""
}

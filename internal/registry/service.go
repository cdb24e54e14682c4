package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/containerregistry"
	"github.com/lanyard-project/lanyard/internal/rbac"
	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// Registries tells what registries there are; containerregistry.Provider does.
type Registries interface {
	Find(ctx context.Context, name string) (*containerregistry.Registry, error)
	All(ctx context.Context) ([]*containerregistry.Registry, error)
	AdminPassword(registry *resource.Resource, name string) (value secret.String, enabled bool, err error)
}

// Principals tells who there is; directory.Directory does.
type Principals interface {
	ByObjectID(ctx context.Context, objectID string) (directory.ServicePrincipal, error)
	ByAppID(ctx context.Context, appID string) (directory.ServicePrincipal, error)
	PrincipalType(ctx context.Context, tenantID, objectID string) (string, error)
	CheckSecret(ctx context.Context, objectID string, presented secret.String) (directory.Verdict, error)
}

// Roles decides; authorization.Provider does.
type Roles interface {
	DecideWith(caller providers.Caller, q rbac.Query) rbac.Decision
}

// Verifier reads Entra tokens; tokens.Verifier does.
type Verifier interface {
	Verify(ctx context.Context, raw string, audiences []string) (tokens.Caller, error)
}

// Event is a decision about a registry, for the record.
type Event struct {
	Registry *containerregistry.Registry
	Caller   providers.Caller
	Action   string // as a scope spells it, or "exchange"
	Allowed  bool
	Remote   string
}

// Options make the service.
type Options struct {
	// Folder holds the images, a folder a registry.
	Folder     string
	Registries Registries
	Principals Principals
	Roles      Roles
	Verifier   Verifier
	// Audiences are the resource manager's: its tokens are good at registries, too.
	Audiences []string
	Keys      Keys
	Clock     clock.WithTicker
	Log       *slog.Logger
	// Record is told of every decision; nil is fine.
	Record func(Event)
}

// Service serves all registries of the cloud. It is safe for concurrent use.
type Service struct {
	o            Options
	ctx          context.Context // of what the library does in the background
	uploadSecret string

	mu   sync.Mutex
	open map[string]*app // by the registry's life
}

// New makes the service and its folder. What the library does in the background
// ends with the context.
func New(ctx context.Context, o Options) (*Service, error) {
	if err := os.MkdirAll(o.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of images: %w", err)
	}
	uploads, err := uploadSecret(o.Folder)
	if err != nil {
		return nil, fmt.Errorf("reading the secret of uploads: %w", err)
	}
	if o.Record == nil {
		o.Record = func(Event) {}
	}
	s := &Service{o: o, ctx: ctx, uploadSecret: uploads, open: map[string]*app{}}
	library(s)
	return s, nil
}

// ServeHTTP serves the registry that the Host header names.
func (s *Service) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	err := s.serve(w, req)
	var known *problem
	var refused *challenge
	switch {
	case err == nil:
	case errors.As(err, &known):
		known.write(w)
	case errors.As(err, &refused):
		refused.write(w)
	default:
		s.o.Log.Error("serving a registry", "host", req.Host, "path", req.URL.Path, "error", err)
		(&problem{status: http.StatusInternalServerError, Code: "UNKNOWN", Message: "the registry failed, see the log of lanyardd"}).write(w)
	}
}

func (s *Service) serve(w http.ResponseWriter, req *http.Request) error {
	name, _, _ := strings.Cut(strings.ToLower(req.Host), ".")
	r, err := s.o.Registries.Find(req.Context(), name)
	if err != nil {
		return err
	}
	if r == nil {
		// On Azure the name wouldn't resolve.
		return &problem{status: http.StatusNotFound, Code: "NAME_UNKNOWN", Message: fmt.Sprintf("there is no registry %s: create it with 'az acr create --name %s …'", req.Host, name)}
	}
	if err := admit(req, r); err != nil {
		return err
	}
	switch path := req.URL.Path; {
	case path == "/oauth2/exchange":
		return s.exchange(w, req, r)
	case path == "/oauth2/token":
		return s.issue(w, req, r)
	case path == "/v2" || strings.HasPrefix(path, "/v2/"):
		images, err := s.images(r)
		if err != nil {
			return err
		}
		// The library reads parameters out of forms before it asks guard, and would keep
		// what anybody sends as one, on the disk.
		if isForm(req) {
			req.Body = http.MaxBytesReader(w, req.Body, maxForm)
		}
		return images.serve(w, req, &visit{registry: r, limits: http.NewResponseController(w)}, s.o.Clock.Now)
	case strings.HasPrefix(path, artifactsPath):
		images, err := s.images(r)
		if err != nil {
			return err
		}
		return s.artifacts(w, req, r, images)
	}
	return notFound()
}

// tell records a decision.
func (s *Service) tell(req *http.Request, r *containerregistry.Registry, h holder, action string, allowed bool) {
	caller := h.caller
	if h.admin != "" {
		caller.Name = "admin"
	}
	s.o.Record(Event{Registry: r, Caller: caller, Action: action, Allowed: allowed, Remote: req.RemoteAddr})
}

func isForm(req *http.Request) bool {
	kind := strings.ToLower(req.Header.Get("Content-Type"))
	return strings.HasPrefix(kind, "multipart/") || strings.HasPrefix(kind, "application/x-www-form-urlencoded")
}

// visit is a request for images, for guard.
type visit struct {
	registry *containerregistry.Registry
	limits   *http.ResponseController
	enter    func() // of requests that may write: the collector has to wait
}

// welcome lets somebody in who may do what he wants to, and lifts the limits of time: a
// layer takes as long as it takes. Who may do nothing has no time for it.
func (v *visit) welcome() error {
	if v.enter != nil {
		v.enter()
	}
	if err := errors.Join(v.limits.SetReadDeadline(time.Time{}), v.limits.SetWriteDeadline(time.Time{})); err != nil {
		return fmt.Errorf("lifting the limits of time: %w", err)
	}
	return nil
}

type visitKey struct{}

func withVisit(ctx context.Context, v *visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

func visitOf(ctx context.Context) (*visit, bool) {
	v, ok := ctx.Value(visitKey{}).(*visit)
	return v, ok
}

package graph

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// Verifier reads bearer tokens; *tokens.Verifier.
type Verifier interface {
	Verify(ctx context.Context, raw string, audiences []string) (tokens.Caller, error)
}

// Options make the service.
type Options struct {
	Directory *directory.Directory
	Verifier  Verifier
	// Origins are the base URLs that clients reach us under, the default first.
	// They are audiences too: a private cloud's Graph is named by its own URL.
	Origins []string
	Clock   clock.PassiveClock
	Log     *slog.Logger
	// Unhandled is told of what proven callers asked for and there isn't; nil is fine.
	Unhandled func(r *http.Request, status int, code string)
}

// Service is an http.Handler for /v1.0.
type Service struct {
	options   Options
	audiences []string
	mux       *http.ServeMux
}

// answer is a handler's result.
type answer struct {
	status   int
	document any
}

// request is one that was proven and let in.
type request struct {
	*http.Request
	caller tokens.Caller
	origin string
}

// New makes the service.
func New(o Options) *Service {
	s := &Service{options: o, audiences: audiences(o.Origins), mux: http.NewServeMux()}
	for pattern, handle := range s.routes() {
		s.mux.Handle(pattern, s.guarded(handle))
	}
	return s
}

// audiences are the names under which a token may be meant for us.
func audiences(origins []string) []string {
	names := []string{"https://graph.microsoft.com", "https://graph.microsoft.com/", "00000003-0000-0000-c000-000000000000"}
	for _, origin := range origins {
		origin = strings.TrimSuffix(origin, "/")
		names = append(names, origin, origin+"/")
	}
	return names
}

func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// guarded lets only callers through that may read the directory.
func (s *Service) guarded(handle func(*request) (answer, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, err := s.serve(r, handle)
		s.respond(w, r, given, err)
	})
}

func (s *Service) serve(r *http.Request, handle func(*request) (answer, error)) (answer, error) {
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if bearer = strings.TrimSpace(bearer); bearer == "" || !strings.EqualFold(scheme, "Bearer") {
		return answer{}, invalidToken("Access token is empty.")
	}
	caller, err := s.options.Verifier.Verify(r.Context(), bearer, s.audiences)
	if err != nil {
		return answer{}, errors.Join(refusedToken(err), err)
	}
	proven := &request{Request: r, caller: caller, origin: s.origin(r)}
	if err := s.mayRead(proven); err != nil {
		return answer{}, err
	}
	return handle(proven)
}

// origin is the configured URL that the request came to, for links.
func (s *Service) origin(r *http.Request) string {
	for _, origin := range s.options.Origins {
		if strings.EqualFold(origin, "https://"+r.Host) {
			return origin
		}
	}
	return s.options.Origins[0]
}

// challenge says where tokens come from, and that the one that was given is to be
// replaced if its key was dropped.
func (s *Service) challenge(r *http.Request, err error) string {
	text := `Bearer realm="", authorization_uri="` + s.origin(r) + `/common/oauth2/authorize"`
	var bad *tokens.Error
	if errors.As(err, &bad) && bad.Kind == tokens.KeyGone {
		text += ", " + tokens.InsufficientClaims(s.options.Clock.Now())
	}
	return text
}

func (s *Service) unknown(r *request) (answer, error) {
	refused := unknownSegment(r.URL.Path)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refused = methodNotAllowed(r.Method)
	}
	if s.options.Unhandled != nil {
		s.options.Unhandled(r.Request, refused.Status, refused.Code)
	}
	return answer{}, refused
}

func (s *Service) respond(w http.ResponseWriter, r *http.Request, given answer, err error) {
	named := w.Header().Get("x-ms-request-id") // the front's name for this request
	if named == "" {
		named = uuid.NewString()
	}
	client := r.Header.Get("client-request-id")
	if uuid.Validate(client) != nil {
		client = named
	}
	if err != nil {
		var refused *Error
		if !errors.As(err, &refused) {
			s.options.Log.Error("answering a Graph request failed", "path", r.URL.Path, "request", named, "error", err)
			refused = failed()
		}
		given = answer{refused.Status, refused.document(s.options.Clock.Now(), named, client)}
		if refused.Status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", s.challenge(r, err))
		}
	}
	header := w.Header()
	header.Set("Cache-Control", "no-cache")
	header.Set("request-id", named)
	header.Set("client-request-id", client)
	if given.document == nil {
		w.WriteHeader(given.status)
		return
	}
	header.Set("Content-Type", "application/json;odata.metadata=minimal;charset=utf-8")
	w.WriteHeader(given.status)
	if err := json.NewEncoder(w).Encode(given.document); err != nil {
		s.options.Log.Debug("writing a Graph answer failed", "error", err)
	}
}

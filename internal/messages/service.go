package messages

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"

	"github.com/google/uuid"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/dataplane"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

const (
	sendAction    = "Microsoft.ServiceBus/namespaces/messages/send/action"
	receiveAction = "Microsoft.ServiceBus/namespaces/messages/receive/action"
)

var entityName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$`)

// Namespaces finds namespaces by their names, nil if there is none.
// *servicebus.Provider is one.
type Namespaces interface {
	Namespace(ctx context.Context, name string) (*resource.Resource, error)
}

// Service is the messaging of all namespaces. All exported fields are required.
type Service struct {
	Namespaces Namespaces
	Resources  providers.Resources
	State      *store.Store
	Gate       dataplane.Gate
	Clock      clock.PassiveClock
	Log        *slog.Logger

	rooms rooms
}

// failure is an error as Service Bus words it.
type failure struct {
	status int
	detail string
	claims string // what a token must have that this one hasn't: a part of the challenge
}

func (f *failure) Error() string { return f.detail }

func fail(status int, detail string) *failure { return &failure{status: status, detail: detail} }

// call is one request on its way.
type call struct {
	*http.Request
	caller providers.Caller
	queue  queue
	entity string   // the queue's name
	rest   []string // of the path, behind "messages"
}

// ServeHTTP implements http.Handler for the hosts of all namespaces.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "Microsoft-HTTPAPI/2.0")
	err := s.serve(w, r)
	if err == nil {
		return
	}
	var f *failure
	if !errors.As(err, &f) {
		s.Log.ErrorContext(r.Context(), "a request for messages failed", "method", r.Method, "error", err)
		f = fail(http.StatusInternalServerError, "The service was unable to process the request; please retry the operation.")
	}
	if f.status == http.StatusUnauthorized {
		challenge := `Bearer realm="https://servicebus.azure.net"`
		if f.claims != "" {
			challenge += ", " + f.claims
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	w.WriteHeader(f.status)
	_ = xml.NewEncoder(w).Encode(struct { // a client that went away
		XMLName xml.Name `xml:"Error"`
		Code    int      `xml:"Code"`
		Detail  string   `xml:"Detail"`
	}{Code: f.status, Detail: fmt.Sprintf("%s TrackingId:%s, SystemTracker:%s%s, Timestamp:%s", f.detail, uuid.NewString(), r.Host, r.URL.Path, s.Clock.Now().UTC().Format("2006-01-02T15:04:05"))})
}

func (s *Service) serve(w http.ResponseWriter, r *http.Request) error {
	host := dataplane.FirstLabel(r.Host)
	namespace, err := s.Namespaces.Namespace(r.Context(), host)
	if err != nil {
		return err
	}
	if namespace == nil {
		return fail(http.StatusNotFound, "There is no Service Bus namespace "+host+".")
	}
	c := &call{Request: r}
	if err := s.enter(c, namespace, host); err != nil {
		return err
	}
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	at := len(path) - 1
	for ; at > 0 && !strings.EqualFold(path[at], "messages"); at-- {
	}
	if at < 1 {
		return fail(http.StatusNotFound, "There is nothing at this path. Messages are sent to /QUEUE/messages and received from /QUEUE/messages/head.")
	}
	c.rest = path[at+1:]
	part := active
	if strings.EqualFold(path[at-1], "$DeadLetterQueue") && at > 1 {
		part, at = dead, at-1
	}
	c.entity = strings.Join(path[:at], "/")
	name, valid := armName(c.entity)
	if !valid {
		return fail(http.StatusBadRequest, "The name of the messaging entity isn't valid: it may have letters, digits, '.', '-', '_' and '/', and must begin and end with a letter or digit.")
	}
	// Rights come first: who has none learns nothing of what there is.
	id := namespace.ID.Child("queues", name)
	sending := r.Method == http.MethodPost && len(c.rest) == 0
	if err := s.may(c, id, sending); err != nil {
		return err
	}
	found, err := s.Resources.Get(r.Context(), id)
	if rest.IsNotFound(err) {
		return fail(http.StatusNotFound, fmt.Sprintf("Put token failed. status-code: 404, status-description: The messaging entity 'sb://%s/%s' could not be found.", r.Host, c.entity))
	}
	if err != nil {
		return err
	}
	if c.queue, err = queueOf(found); err != nil {
		return err
	}
	if c.queue.sessions {
		return fail(http.StatusBadRequest, "Queues with sessions aren't offered here.")
	}
	c.queue = c.queue.of(part)
	return s.dispatch(w, c)
}

// armName is what a resource ID calls the entity of a path: a slash in its name, which
// would be another resource's ID there, is a tilde.
func armName(entity string) (name string, valid bool) {
	if len(entity) > 260 || !entityName.MatchString(entity) || strings.Contains(entity, "//") {
		return "", false
	}
	return strings.ReplaceAll(entity, "/", "~"), true
}

func (s *Service) enter(c *call, namespace *resource.Resource, name string) error {
	bearer := dataplane.Bearer(c.Request)
	if bearer == "" {
		return fail(http.StatusUnauthorized, "MissingToken: The authorization header was not found, or has no token of Microsoft Entra ID: shared access signatures aren't taken here.")
	}
	var err error
	c.caller, err = s.Gate.Enter(c.Context(), bearer, namespace.ID, "https://servicebus.azure.net", "https://"+name+".servicebus.windows.net")
	var bad *pipeline.BadToken
	if !errors.As(err, &bad) {
		return err
	}
	switch bad.Problem {
	case pipeline.ExpiredToken:
		return fail(http.StatusUnauthorized, "ExpiredToken: The token is expired.")
	case pipeline.WrongAudience:
		return fail(http.StatusUnauthorized, "InvalidAudience: The authorization header contains a token with an invalid audience.")
	case pipeline.RevokedToken:
		f := fail(http.StatusUnauthorized, "InvalidToken: The key that signed the token is out of use: get a new token.")
		f.claims = tokens.InsufficientClaims(s.Clock.Now())
		return f
	case pipeline.WrongTenant:
		return fail(http.StatusUnauthorized, "InvalidIssuer: The token is of another tenant than the namespace.")
	default:
		return fail(http.StatusUnauthorized, "InvalidToken: The token has an invalid signature.")
	}
}

// may decides about the queue's messages. The claims are what the service calls
// the rights.
func (s *Service) may(c *call, id armid.ID, sending bool) error {
	action, claim := receiveAction, "Listen"
	if sending {
		action, claim = sendAction, "Send"
	}
	if s.Gate.May(c.caller, action, id, nil) {
		return nil
	}
	return fail(http.StatusUnauthorized, fmt.Sprintf("Unauthorized access. '%s' claim(s) are required to perform this operation. Resource: 'sb://%s/%s'.", claim, c.Host, c.entity))
}

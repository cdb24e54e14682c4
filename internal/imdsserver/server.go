package imdsserver

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/imds"
)

// Options are what a Server is made of.
type Options struct {
	Machines Machines
	Issuer   Issuer
	Clock    clock.Clock
	Log      *slog.Logger
	// Record is told of every decision about a token. It must not block for long.
	Record func(context.Context, Decision)
	Limits Limits
	// Unavailable says of which principals no token can be had at the moment; nil means of none.
	Unavailable func(principal string) bool
}

// Server answers the metadata requests of all VNets' machines.
type Server struct {
	machines Machines
	clock    clock.Clock
	log      *slog.Logger
	record   func(context.Context, Decision)
	limiter  *limiter
	cache    *cache

	unavailable func(principal string) bool
}

// New makes a Server.
func New(o Options) *Server {
	return &Server{
		machines: o.Machines,
		clock:    o.Clock,
		log:      o.Log,
		record:   o.Record,
		limiter:  newLimiter(o.Limits, o.Clock),
		cache:    newCache(o.Issuer, o.Clock),

		unavailable: o.Unavailable,
	}
}

// Forget drops cached tokens of a principal, for whoever learns that it is gone. Handlers don't depend on it.
func (s *Server) Forget(principalID string) { s.cache.Forget(principalID) }

// Handler answers on the listener that was opened inside the VNet. vnet is the VNet's resource.
func (s *Server) Handler(vnet armid.ID) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, e := imds.Rules{}.Parse(r)
		if e != nil {
			e.Render(w)
			return
		}
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			s.log.ErrorContext(r.Context(), "metadata request without a source address", "remote", r.RemoteAddr)
			imds.Forbidden("The caller has no address").Render(w)
			return
		}
		caller := from.Addr().Unmap()
		machine, known := s.machines.MachineAt(r.Context(), vnet, caller)
		if !known {
			s.decide(r.Context(), Decision{VNet: vnet.String(), Address: caller, Path: request.Path, Outcome: OutcomeUnknownCaller})
			imds.Forbidden("No virtual machine has the caller's address").Render(w)
			return
		}
		switch request.Route {
		case imds.RouteToken:
			s.token(w, r, vnet, machine, request.Token)
		case imds.RouteIdentityInfo:
			s.identityInfo(w, r, machine)
		case imds.RouteInstance:
			s.instance(w, machine, request)
		case imds.RouteVersions:
			writeBody(w, imds.ContentTypeJSON, imds.VersionsBody())
		}
	})
}

// unavailableFor is when clients are told to ask again for the token of an identity that is unavailable.
const unavailableFor = 5 * time.Second

// token answers in a fixed order: limit, choose, issue, record.
func (s *Server) token(w http.ResponseWriter, r *http.Request, vnet armid.ID, m Machine, q imds.TokenQuery) {
	ctx := r.Context()
	d := Decision{
		VNet: vnet.String(), Address: m.Address, Path: "/metadata/identity/oauth2/token", Machine: m.ResourceID,
		Resource: q.Resource, Selector: q.Selector,
	}
	leave, ok := s.limiter.enter(ctx, m.ResourceID)
	if !ok {
		s.refuse(ctx, w, d, OutcomeThrottled, imds.TooMany(time.Second))
		return
	}
	defer leave()

	identity, e := choose(m, q.Selector)
	if e != nil {
		s.refuse(ctx, w, d, OutcomeNoIdentity, e)
		return
	}
	d.Identity = identity
	if s.unavailable != nil && s.unavailable(identity.PrincipalID) {
		s.refuse(ctx, w, d, OutcomeFailed, imds.Unavailable("The managed identity is temporarily unavailable while its cluster is upgraded. Try again.", unavailableFor))
		return
	}
	token, cached, err := s.cache.get(ctx, identity, q.Resource, q.BypassCache)
	var refused *RefusedError
	switch {
	case errors.Is(err, ErrNoIdentity):
		s.refuse(ctx, w, d, OutcomeNoIdentity, imds.NotFound(""))
		return
	case errors.As(err, &refused):
		s.refuse(ctx, w, d, OutcomeRefused, &imds.Error{Status: refused.Status, Code: refused.Code, Description: refused.Description})
		return
	case err != nil:
		s.log.ErrorContext(ctx, "getting a token for a machine", "machine", m.ResourceID, "principal", identity.PrincipalID, "error", err)
		s.refuse(ctx, w, d, OutcomeFailed, imds.TokenFailure())
		return
	}
	d.Outcome, d.Cached, d.TokenID, d.ExpiresOn = OutcomeIssued, cached, token.ID, token.ExpiresOn
	s.decide(ctx, d)
	writeBody(w, imds.ContentTypeJSON, s.response(identity, q, token).Encode())
}

func (s *Server) response(identity Identity, q imds.TokenQuery, token Token) imds.TokenResponse {
	now := s.clock.Now()
	response := imds.TokenResponse{
		AccessToken:  token.Value,
		ClientID:     identity.ClientID,
		ExpiresIn:    token.ExpiresOn.Sub(now).Truncate(time.Second),
		ExpiresOn:    token.ExpiresOn,
		ExtExpiresIn: token.Extended,
		NotBefore:    token.NotBefore,
		Resource:     q.Resource,
		TokenType:    "Bearer",
	}
	switch q.Selector.Kind {
	case imds.SelectObjectID:
		response.ObjectID = q.Selector.Value
	case imds.SelectResourceID:
		response.ResourceID = q.Selector.Value
	case imds.SelectNone, imds.SelectClientID:
	}
	return response
}

func (s *Server) identityInfo(w http.ResponseWriter, r *http.Request, m Machine) {
	body, err := json.Marshal(imds.IdentityInfo{TenantID: m.TenantID})
	if err != nil {
		s.log.ErrorContext(r.Context(), "encoding the identity info", "error", err)
		imds.TokenFailure().Render(w)
		return
	}
	writeBody(w, imds.ContentTypeJSON, body)
}

func (s *Server) instance(w http.ResponseWriter, m Machine, request imds.Request) {
	body, contentType, e := imds.Select(document(m), request)
	if e != nil {
		e.Render(w)
		return
	}
	writeBody(w, contentType, body)
}

func (s *Server) refuse(ctx context.Context, w http.ResponseWriter, d Decision, outcome Outcome, e *imds.Error) {
	d.Outcome, d.Reason = outcome, e.Description
	s.decide(ctx, d)
	e.Render(w)
}

func writeBody(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // a client that hung up is no error of ours
}

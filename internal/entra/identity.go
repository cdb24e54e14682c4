package entra

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// IdentityRequest asks, in process, for a managed identity's token: what a
// machine's metadata service does.
type IdentityRequest struct {
	ObjectID      string
	Resource      string // as it was asked for
	Host          string // the resource ID of the machine or scale set (xms_az_rid)
	CorrelationID string
	Remote        string
}

// ErrNoIdentity says that the directory has no such managed identity.
var ErrNoIdentity = errors.New("the managed identity doesn't exist")

// ManagedIdentityToken signs in as the identity with an assertion by its current
// certificate, through the same pipeline as every client, so that its rotation and
// its end mean something. The error is ErrNoIdentity, an *Error, or a fault.
func (s *Service) ManagedIdentityToken(ctx context.Context, r IdentityRequest) (Response, error) {
	principal, err := s.options.Directory.ByObjectID(ctx, r.ObjectID)
	if errors.Is(err, directory.ErrNotFound) || err == nil && principal.Type != directory.TypeManagedIdentity {
		return Response{}, ErrNoIdentity
	}
	if err != nil {
		return Response{}, err
	}
	issuer := tokens.IssuerOf(s.options.Origin, principal.TenantID, tokens.V2)
	signed, err := s.options.Directory.SignAssertion(ctx, principal.ObjectID, issuer)
	if errors.Is(err, directory.ErrNotFound) {
		return Response{}, ErrNoIdentity
	}
	if err != nil {
		return Response{}, err
	}
	response, refused := s.Token(ctx, Request{
		Tenant: principal.TenantID, GrantType: clientCredentials, ClientID: principal.AppID, Resource: r.Resource,
		AssertionType: assertionType, Assertion: signed,
		CorrelationID: r.CorrelationID, TraceID: uuid.NewString(), Remote: r.Remote, via: "metadata", host: r.Host,
	})
	if refused != nil {
		return Response{}, refused
	}
	return response, nil
}

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/entra"
	"github.com/lanyard-project/lanyard/internal/imdsserver"
)

// identityTokens is how the metadata service gets tokens: from the token
// service, as the identity itself.
type identityTokens struct {
	service   *entra.Service
	directory *directory.Directory
}

// IdentityToken implements imdsserver.Issuer.
func (i identityTokens) IdentityToken(ctx context.Context, identity imdsserver.Identity, resource string) (imdsserver.Token, error) {
	response, err := i.service.ManagedIdentityToken(ctx, entra.IdentityRequest{ObjectID: identity.PrincipalID, Resource: resource, Host: identity.ResourceID})
	var refused *entra.Error
	switch {
	case errors.Is(err, entra.ErrNoIdentity):
		return imdsserver.Token{}, imdsserver.ErrNoIdentity
	case errors.As(err, &refused):
		return imdsserver.Token{}, &imdsserver.RefusedError{
			Status: refused.Status, Code: refused.OAuth, Description: fmt.Sprintf("AADSTS%d: %s", refused.Code, refused.Message),
		}
	case err != nil:
		return imdsserver.Token{}, err
	}
	return imdsserver.Token{
		Value: response.Token.Raw, ID: response.Token.ID, NotBefore: response.Token.NotBefore, ExpiresOn: response.Token.Expires,
		Extended: response.ExtExpiresIn,
	}, nil
}

// IdentityExists implements imdsserver.Issuer.
func (i identityTokens) IdentityExists(ctx context.Context, identity imdsserver.Identity) (bool, error) {
	_, err := i.directory.ByObjectID(ctx, identity.PrincipalID)
	if errors.Is(err, directory.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

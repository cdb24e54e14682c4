package entra

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/entra/federation"
)

// checkFederated accepts a token of a foreign issuer that one of the principal's
// federated credentials names: a cluster's service account token, a pipeline's
// token, or one of our own that another managed identity got.
//
// The credentials come first, so that no issuer is asked for its keys that nobody
// with the right to write a credential has named. The same token is good again
// until it expires: a pod's is kept in a file and read for every renewal.
func (s *Service) checkFederated(ctx context.Context, parsed assertion, p directory.ServicePrincipal) *Error {
	claims := parsed.claims
	if refused := matchFederated(s.options.Directory.FederatedCredentials(p.FederationOwner()), claims); refused != nil {
		return refused
	}
	keyID := parsed.signed.Signatures[0].Protected.KeyID
	if parsed.algorithm != jose.RS256 {
		return federatedForged(keyID)
	}
	if s.options.Federation == nil {
		return issuerFailed()
	}
	key, err := s.options.Federation.Key(ctx, claims.Issuer, keyID)
	switch {
	case errors.Is(err, federation.ErrNoKey):
		return federatedKeyUnknown(keyID, claims.Issuer)
	case err != nil:
		return issuerFailed()
	}
	if _, err := parsed.signed.Verify(key); err != nil {
		return federatedForged(keyID)
	}
	return s.checkTime(claims)
}

// matchFederated finds a credential for the assertion, or says which part of the
// nearest one differs.
func matchFederated(credentials []directory.FederatedCredential, claims assertionClaims) *Error {
	refused := federatedIssuer(claims.Issuer)
	for _, c := range credentials {
		switch {
		case c.Issuer != claims.Issuer:
		case c.Subject != claims.Subject:
			if refused.Code == codeFederatedIssuer {
				refused = federatedSubject(claims.Subject)
			}
		case !slices.ContainsFunc(c.Audiences, func(a string) bool { return slices.Contains(claims.Audience, a) }):
			refused = federatedAudience(strings.Join(claims.Audience, " "))
		default:
			return nil
		}
	}
	return refused
}

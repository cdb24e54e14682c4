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
	issuers, refused := matchFederated(s.named(ctx, s.options.Directory.FederatedCredentials(p.FederationOwner()), claims.Issuer), claims)
	if refused != nil {
		return refused
	}
	keyID := parsed.signed.Signatures[0].Protected.KeyID
	if parsed.algorithm != jose.RS256 {
		return federatedForged(keyID)
	}
	if s.options.Federation == nil {
		return issuerFailed()
	}
	for _, issuer := range issuers {
		key, err := s.options.Federation.Key(ctx, issuer, keyID)
		switch {
		case errors.Is(err, federation.ErrNoKey):
			refused = federatedKeyUnknown(keyID, claims.Issuer)
			continue
		case err != nil:
			refused = issuerFailed()
			continue
		}
		if _, err := parsed.signed.Verify(key); err != nil {
			refused = federatedForged(keyID) // another issuer may call its key the same
			continue
		}
		return s.checkTime(claims)
	}
	return refused
}

// named is a credential with the name in which the tokens that it trusts are issued.
type named struct {
	directory.FederatedCredential
	issuer string
}

// named looks behind published issuers. Two of them may issue in the same name; it is the credential that says whose keys
// are believed.
func (s *Service) named(ctx context.Context, credentials []directory.FederatedCredential, issuer string) []named {
	all := make([]named, 0, len(credentials))
	for _, c := range credentials {
		n := named{c, c.Issuer}
		if c.Issuer != issuer && s.options.IssuerAlias != nil {
			if alias, ok := s.options.IssuerAlias(ctx, c.Issuer); ok {
				n.issuer = alias
			}
		}
		all = append(all, n)
	}
	return all
}

// matchFederated finds the issuers by whose keys the assertion may be signed, or says which part of the nearest credential
// differs.
func matchFederated(credentials []named, claims assertionClaims) ([]string, *Error) {
	var issuers []string
	refused := federatedIssuer(claims.Issuer)
	for _, c := range credentials {
		switch {
		case c.issuer != claims.Issuer:
		case c.Subject != claims.Subject:
			if refused.Code == codeFederatedIssuer {
				refused = federatedSubject(claims.Subject)
			}
		case !slices.ContainsFunc(c.Audiences, func(a string) bool { return slices.Contains(claims.Audience, a) }):
			refused = federatedAudience(strings.Join(claims.Audience, " "))
		default:
			issuers = append(issuers, c.Issuer)
		}
	}
	if issuers != nil {
		return issuers, nil
	}
	return nil, refused
}

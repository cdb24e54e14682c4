package entra

import (
	"context"
	"strings"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// proof is how a client proved who it is.
type proof struct {
	kind     string // for the record
	acr      string
	identity bool // by a managed identity's own certificate
}

// authenticate checks the one credential that the request brings.
func (s *Service) authenticate(ctx context.Context, r Request, p directory.ServicePrincipal) (proof, *Error) {
	switch {
	case !r.Secret.IsZero() && !r.Assertion.IsZero():
		return proof{}, malformed() // which one to believe? neither
	case !r.Assertion.IsZero():
		found := proof{kind: "certificate", acr: tokens.ProvenByAssertion, identity: p.Type == directory.TypeManagedIdentity}
		if r.AssertionType != assertionType {
			return found, parameterMissing("client_assertion_type")
		}
		parsed, refused := parseAssertion(r.Assertion.Reveal())
		if refused != nil {
			return found, refused
		}
		if strings.Contains(parsed.claims.Issuer, "://") { // a client's own assertion is issued by its client ID
			found.kind = "federated token"
			return found, s.checkFederated(ctx, parsed, p)
		}
		return found, s.checkCertificate(ctx, parsed, p)
	case !r.Secret.IsZero():
		found := proof{kind: "secret", acr: tokens.ProvenBySecret}
		return found, s.checkSecret(ctx, r, p)
	}
	return proof{}, credentialMissing()
}

func (s *Service) checkSecret(ctx context.Context, r Request, p directory.ServicePrincipal) *Error {
	verdict, err := s.options.Directory.CheckSecret(ctx, p.ObjectID, r.Secret)
	if err != nil {
		s.options.Log.Error("checking a secret failed", "error", err, "object_id", p.ObjectID)
		return unavailable()
	}
	switch verdict {
	case directory.SecretGood:
		return nil
	case directory.SecretExpired:
		return secretExpired(p.AppID)
	}
	return secretWrong(p.AppID)
}

package imdsserver

import (
	"context"
	"errors"
	"time"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// Issuer gets tokens from the token service in the name of a managed identity, proven by that identity's current
// certificate.
type Issuer interface {
	// IdentityToken mints a token for resource. ErrNoIdentity if the directory has no such principal (any more),
	// *RefusedError if the token service says no.
	IdentityToken(ctx context.Context, identity Identity, resource string) (Token, error)
	// IdentityExists tells whether the directory still has the principal. It is asked before a cached token is handed
	// out, so it has to be cheap.
	IdentityExists(ctx context.Context, identity Identity) (bool, error)
	// Believed tells whether the key that signed a token is still in use. It is asked as often.
	Believed(token Token) bool
}

// ErrNoIdentity says that a managed identity is gone from the directory, though a scale set may still name it.
var ErrNoIdentity = errors.New("the managed identity doesn't exist")

// RefusedError is the token service's refusal.
type RefusedError struct {
	Status      int
	Code        string // OAuth code, or invalid_resource
	Description string // AADSTS…
}

func (e *RefusedError) Error() string { return e.Code + ": " + e.Description }

// Token is an access token for one identity and one resource.
type Token struct {
	Value     secret.String
	ID        string // jti, for the record
	KeyID     string // of the key that signed it
	NotBefore time.Time
	ExpiresOn time.Time
	// Extended is how long a resource may accept the token in an outage (ext_expires_in), counted from NotBefore.
	Extended time.Duration
}

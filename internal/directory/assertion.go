package directory

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// assertionLifetime is short: an assertion is used at once, by this cloud itself.
const assertionLifetime = 5 * time.Minute

// SignAssertion makes a client assertion (RFC 7523) for a managed identity, signed
// by its current certificate's key. The first one is made now, and one that is due
// is replaced first, so that rotation doesn't depend on a background loop having
// had its turn.
func (d *Directory) SignAssertion(ctx context.Context, objectID, audience string) (secret.String, error) {
	found, err := d.principal(ctx, objectID)
	if err != nil {
		return secret.String{}, fmt.Errorf("signing an assertion: %w", err)
	}
	if due(found.record, d.now()) {
		if found, err = d.renew(ctx, objectID); err != nil {
			return secret.String{}, fmt.Errorf("signing an assertion: %w", err)
		}
	}
	if len(found.Certificates) == 0 || found.Type != TypeManagedIdentity {
		return secret.String{}, errors.New("signing an assertion: the principal has no key of its own")
	}
	current := found.Certificates[len(found.Certificates)-1]
	key, err := d.open(found, current)
	if err != nil {
		return secret.String{}, fmt.Errorf("signing an assertion: %w", err)
	}
	thumbprint := sha256.Sum256(current.DER)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("x5t#S256", base64.RawURLEncoding.EncodeToString(thumbprint[:])))
	if err != nil {
		return secret.String{}, fmt.Errorf("signing an assertion: %w", err)
	}
	now := d.now()
	payload, err := json.Marshal(map[string]any{
		"aud": audience, "iss": found.AppID, "sub": found.AppID, "jti": uuid.NewString(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(assertionLifetime).Unix(),
	})
	if err != nil {
		return secret.String{}, fmt.Errorf("signing an assertion: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return secret.String{}, fmt.Errorf("signing an assertion: %w", err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		return secret.String{}, fmt.Errorf("signing an assertion: %w", err)
	}
	return secret.New(raw), nil
}

// open unseals a certificate's key, once as long as the entry is the current one.
func (d *Directory) open(found *entry, c storedCertificate) (*ecdsa.PrivateKey, error) {
	if key := found.signer.Load(); key != nil {
		return key, nil
	}
	plain, err := d.options.Box.Open(c.Sealed, sealContext(found.ObjectID, c.KeyID))
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, fmt.Errorf("reading the key of certificate %s: %w", c.KeyID, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("reading the key of certificate %s: a %T", c.KeyID, parsed)
	}
	found.signer.Store(key)
	return key, nil
}

package directory

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // x5t, as clients send it; the assertion's signature is what proves
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"github.com/google/uuid"
)

const (
	// identityLifetime and rotateAfter are what the Azure documentation tells of
	// managed identities: 90 days, rolled after 46.
	identityLifetime = 90 * 24 * time.Hour
	rotateAfter      = 46 * 24 * time.Hour
	// overlap is how long the replaced certificate is still accepted: longer than
	// any assertion lives, so that none is refused in flight.
	overlap = 24 * time.Hour
	// certificateSkew is for verifiers whose clock is behind.
	certificateSkew = 5 * time.Minute

	minRSABits = 2048
)

// storedCertificate is a certificate that proves a principal.
type storedCertificate struct {
	KeyID       string    `json:"keyId"`
	DisplayName string    `json:"displayName,omitempty"`
	DER         []byte    `json:"der"`
	Issued      time.Time `json:"issued"`
	Until       time.Time `json:"until"`
	// Sealed is the private key (PKCS #8) of a managed identity's certificate.
	Sealed []byte `json:"sealed,omitempty"`
}

// Certificate is a registered certificate, as the token service checks assertions with it.
type Certificate struct {
	KeyID  string
	Public crypto.PublicKey // *rsa.PublicKey or *ecdsa.PublicKey
	SHA1   [sha1.Size]byte
	SHA256 [sha256.Size]byte
	From   time.Time
	Until  time.Time
}

// Certificates are what the principal may sign assertions with now.
func (d *Directory) Certificates(ctx context.Context, objectID string) ([]Certificate, error) {
	found, err := d.principal(ctx, objectID)
	if err != nil {
		return nil, err
	}
	now := d.now()
	var out []Certificate
	for _, stored := range found.Certificates {
		if now.After(stored.Until) {
			continue
		}
		parsed, err := x509.ParseCertificate(stored.DER)
		if err != nil {
			return nil, fmt.Errorf("reading certificate %s: %w", stored.KeyID, err)
		}
		out = append(out, Certificate{
			KeyID: stored.KeyID, Public: parsed.PublicKey, SHA1: sha1.Sum(stored.DER), SHA256: sha256.Sum256(stored.DER), //nolint:gosec // see the import
			From: parsed.NotBefore, Until: stored.Until,
		})
	}
	return out, nil
}

// AddCertificate registers an application's certificate (DER) until it expires.
func (d *Directory) AddCertificate(ctx context.Context, objectID, displayName string, der []byte) (string, error) {
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return "", fmt.Errorf("adding a certificate: %w", err)
	}
	if public, ok := parsed.PublicKey.(*rsa.PublicKey); !ok || public.N.BitLen() < minRSABits {
		return "", fmt.Errorf("adding a certificate: only RSA keys of at least %d bits sign assertions", minRSABits)
	}
	if !d.now().Before(parsed.NotAfter) {
		return "", fmt.Errorf("adding a certificate: it expired on %s", parsed.NotAfter.UTC().Format(time.DateOnly))
	}
	added := storedCertificate{KeyID: uuid.NewString(), DisplayName: displayName, DER: der, Issued: d.now(), Until: parsed.NotAfter}
	_, err = d.change(ctx, objectID, func(r *record) error {
		if r.Type != TypeApplication {
			return fmt.Errorf("adding a certificate: %s is no application", r.ObjectID)
		}
		r.Certificates = append(append([]storedCertificate{}, r.Certificates...), added)
		return nil
	})
	if err != nil {
		return "", err
	}
	return added.KeyID, nil
}

// issue makes a managed identity's certificate. Its key is an elliptic one: nobody
// but this cloud reads it, and it is made and used many times faster than RSA's.
func (d *Directory) issue(p ServicePrincipal) (storedCertificate, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return storedCertificate{}, fmt.Errorf("generating a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return storedCertificate{}, fmt.Errorf("generating a serial number: %w", err)
	}
	now := d.now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: p.AppID},
		NotBefore: now.Add(-certificateSkew), NotAfter: now.Add(identityLifetime), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return storedCertificate{}, fmt.Errorf("making a certificate: %w", err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return storedCertificate{}, fmt.Errorf("encoding a key: %w", err)
	}
	keyID := uuid.NewString()
	return storedCertificate{
		KeyID: keyID, DER: der, Issued: now, Until: template.NotAfter,
		Sealed: d.options.Box.Seal(plain, sealContext(p.ObjectID, keyID)),
	}, nil
}

// sealContext binds a sealed key to its principal: it opens nowhere else.
func sealContext(objectID, keyID string) string {
	return principalKey(objectID) + "/certificates/" + keyID
}

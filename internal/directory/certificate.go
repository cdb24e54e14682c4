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
	"errors"
	"fmt"
	"math/big"
	"slices"
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
	KeyID       string
	DisplayName string
	Public      crypto.PublicKey // *rsa.PublicKey or *ecdsa.PublicKey
	SHA1        [sha1.Size]byte
	SHA256      [sha256.Size]byte
	From        time.Time
	Until       time.Time
}

// Certificates are what the principal may sign assertions with now.
func (d *Directory) Certificates(ctx context.Context, objectID string) ([]Certificate, error) {
	all, err := d.provers(ctx, objectID)
	if err != nil {
		return nil, err
	}
	return all.registered(d.now())
}

// CertificatesOf are those that the owner, a principal or an application, has
// itself, also expired ones.
func (d *Directory) CertificatesOf(ctx context.Context, ownerID string) ([]Certificate, error) {
	own, err := d.credentials(ctx, ownerID)
	if err != nil {
		return nil, err
	}
	return own.registered(time.Time{})
}

// registered reads the certificates that are good at a time.
func (c credentials) registered(now time.Time) ([]Certificate, error) {
	var out []Certificate
	for _, stored := range c.Certificates {
		if now.After(stored.Until) {
			continue
		}
		parsed, err := x509.ParseCertificate(stored.DER)
		if err != nil {
			return nil, fmt.Errorf("reading certificate %s: %w", stored.KeyID, err)
		}
		out = append(out, Certificate{
			KeyID: stored.KeyID, DisplayName: stored.DisplayName, Public: parsed.PublicKey,
			SHA1: sha1.Sum(stored.DER), SHA256: sha256.Sum256(stored.DER), //nolint:gosec // see the import
			From: parsed.NotBefore, Until: stored.Until,
		})
	}
	return out, nil
}

// AddCertificate registers a certificate (DER) of an application or its principal
// until it expires.
func (d *Directory) AddCertificate(ctx context.Context, ownerID, displayName string, der []byte) (string, error) {
	added, err := d.newCertificate(uuid.NewString(), displayName, der)
	if err != nil {
		return "", fmt.Errorf("adding a certificate: %w", err)
	}
	err = d.changeCredentials(ctx, ownerID, func(c *credentials) error {
		c.Certificates = append(slices.Clone(c.Certificates), added)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("adding a certificate: %w", err)
	}
	return added.KeyID, nil
}

// NewCertificate is an entry of SetCertificates.
type NewCertificate struct {
	KeyID       string
	DisplayName string
	DER         []byte // nil keeps the one that has the ID
}

// SetCertificates replaces the owner's certificates: those whose ID isn't named go.
func (d *Directory) SetCertificates(ctx context.Context, ownerID string, wanted []NewCertificate) error {
	made := map[string]storedCertificate{}
	for _, one := range wanted {
		if one.DER == nil {
			continue
		}
		stored, err := d.newCertificate(one.KeyID, one.DisplayName, one.DER)
		if err != nil {
			return fmt.Errorf("setting certificates: %w", err)
		}
		made[one.KeyID] = stored
	}
	return d.changeCredentials(ctx, ownerID, func(c *credentials) error {
		var next []storedCertificate
		for _, one := range wanted {
			if fresh, ok := made[one.KeyID]; ok {
				next = append(next, fresh)
				continue
			}
			at := slices.IndexFunc(c.Certificates, func(s storedCertificate) bool { return sameID(s.KeyID, one.KeyID) })
			if at < 0 {
				return fmt.Errorf("certificate %s: %w", one.KeyID, ErrNotFound)
			}
			next = append(next, c.Certificates[at])
		}
		c.Certificates = next
		return nil
	})
}

// ErrBadCertificate says that a certificate can't prove a client.
var ErrBadCertificate = errors.New("not a usable certificate")

func (d *Directory) newCertificate(keyID, displayName string, der []byte) (storedCertificate, error) {
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return storedCertificate{}, fmt.Errorf("%w: %w", ErrBadCertificate, err)
	}
	if public, ok := parsed.PublicKey.(*rsa.PublicKey); !ok || public.N.BitLen() < minRSABits {
		return storedCertificate{}, fmt.Errorf("%w: only RSA keys of at least %d bits sign assertions", ErrBadCertificate, minRSABits)
	}
	if !d.now().Before(parsed.NotAfter) {
		return storedCertificate{}, fmt.Errorf("%w: it expired on %s", ErrBadCertificate, parsed.NotAfter.UTC().Format(time.DateOnly))
	}
	return storedCertificate{KeyID: keyID, DisplayName: displayName, DER: der, Issued: d.now(), Until: parsed.NotAfter}, nil
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

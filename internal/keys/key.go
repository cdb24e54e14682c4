package keys

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // names keys as Entra does (x5t); nothing relies on its collision resistance
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"time"
)

const (
	bits = 2048
	// certificateLifetime is that of the certificate beside the key (x5c). Verifiers
	// use the key; the schedule, not this date, ends it.
	certificateLifetime = 5 * 365 * 24 * time.Hour
)

// Key is a signing key.
type Key struct {
	ID          string // kid; equal to the certificate's x5t, as Entra's are
	Certificate []byte // DER, self-signed
	Public      *rsa.PublicKey
	SignFrom    time.Time

	sequence int64
	private  *rsa.PrivateKey
}

// Private is the signing half.
func (k *Key) Private() *rsa.PrivateKey { return k.private }

func generate(now time.Time) (*Key, error) {
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, fmt.Errorf("generating a signing key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("generating a signing key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Lanyard token signing"},
		NotBefore:    now.Add(-5 * time.Minute),
		NotAfter:     now.Add(certificateLifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, fmt.Errorf("certifying a signing key: %w", err)
	}
	return fromParts(der, private)
}

func fromParts(certificate []byte, private *rsa.PrivateKey) (*Key, error) {
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, fmt.Errorf("reading a signing key's certificate: %w", err)
	}
	public, ok := parsed.PublicKey.(*rsa.PublicKey)
	if !ok || !public.Equal(private.Public()) {
		return nil, fmt.Errorf("reading a signing key: the certificate is another key's")
	}
	return &Key{ID: thumbprint(certificate), Certificate: certificate, Public: public, private: private}, nil
}

func thumbprint(certificate []byte) string {
	sum := sha1.Sum(certificate) //nolint:gosec // see the import
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

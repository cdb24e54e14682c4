package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"k8s.io/utils/clock"
)

const (
	authorityLifetime = 10 * 365 * 24 * time.Hour
	leafLifetime      = 365 * 24 * time.Hour
	// backdate makes a certificate good for clocks that are a little behind.
	backdate = 5 * time.Minute
)

// Authority issues certificates.
type Authority struct {
	// Files hold the authority's own certificate and key.
	Files KeyPair
	cert  *x509.Certificate
	key   crypto.Signer
	clock clock.PassiveClock
}

// Request says what a leaf certificate is for.
type Request struct {
	CommonName    string
	Organizations []string
	// Server makes it a server's certificate for these names and addresses;
	// otherwise it is a client's.
	Server    bool
	Names     []string
	Addresses []netip.Addr
	// Lifetime is a year if zero.
	Lifetime time.Duration
}

// EnsureAuthority opens the authority in these files, or makes it.
func EnsureAuthority(files KeyPair, commonName string, c clock.PassiveClock) (*Authority, error) {
	a := &Authority{Files: files, clock: c}
	var err error
	if a.key, err = ensureECKey(files.Key); err != nil {
		return nil, fmt.Errorf("opening authority %s: %w", commonName, err)
	}
	if a.cert, err = readCertificate(files.Certificate); err != nil {
		return nil, fmt.Errorf("opening authority %s: %w", commonName, err)
	}
	// The key is written first, so a certificate of another key is no accident
	// of a crash: refuse rather than replace what others already trust.
	if a.cert != nil {
		if !publicEqual(a.cert.PublicKey, a.key.Public()) {
			return nil, fmt.Errorf("opening authority %s: %s doesn't belong to %s", commonName, files.Certificate, files.Key)
		}
		return a, nil
	}
	now := c.Now()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: commonName},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(authorityLifetime),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("creating authority %s: %w", commonName, err)
	}
	if err := writePEM(files.Certificate, "CERTIFICATE", der, 0o644); err != nil {
		return nil, err
	}
	a.cert, err = x509.ParseCertificate(der)
	return a, err
}

// Ensure keeps a fitting certificate in the files.
func (a *Authority) Ensure(files KeyPair, r Request) error {
	key, err := ensureECKey(files.Key)
	if err != nil {
		return fmt.Errorf("issuing certificate for %s: %w", r.CommonName, err)
	}
	old, err := readCertificate(files.Certificate)
	if err != nil {
		return fmt.Errorf("issuing certificate for %s: %w", r.CommonName, err)
	}
	if old != nil && a.fits(old, key, r) {
		return nil
	}
	der, err := a.issue(key.Public(), r)
	if err != nil {
		return err
	}
	return writePEM(files.Certificate, "CERTIFICATE", der, 0o644)
}

func (a *Authority) issue(public crypto.PublicKey, r Request) ([]byte, error) {
	now := a.clock.Now()
	lifetime := r.Lifetime
	if lifetime == 0 {
		lifetime = leafLifetime
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: r.CommonName, Organization: r.Organizations},
		NotBefore:    now.Add(-backdate), NotAfter: now.Add(lifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	if r.Server {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		template.DNSNames = r.Names
		template.IPAddresses = ips(r.Addresses)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("issuing certificate for %s: %w", r.CommonName, err)
	}
	return der, nil
}

// fits reports whether a certificate still is what the request asks for, with
// a third of its life ahead.
func (a *Authority) fits(c *x509.Certificate, key crypto.Signer, r Request) bool {
	ahead := c.NotAfter.Sub(c.NotBefore) / 3
	return publicEqual(c.PublicKey, key.Public()) &&
		c.CheckSignatureFrom(a.cert) == nil &&
		a.clock.Now().Add(ahead).Before(c.NotAfter) &&
		c.Subject.CommonName == r.CommonName &&
		slices.Equal(c.Subject.Organization, r.Organizations) &&
		slices.Equal(c.DNSNames, r.Names) &&
		slices.EqualFunc(c.IPAddresses, ips(r.Addresses), net.IP.Equal)
}

// RenewalDue reports whether the certificate in the file has less than a third of
// its life ahead, as Ensure sees it.
func RenewalDue(file string, now time.Time) (bool, error) {
	c, err := readCertificate(file)
	if err != nil || c == nil {
		return false, err
	}
	return !now.Add(c.NotAfter.Sub(c.NotBefore) / 3).Before(c.NotAfter), nil
}

// CertificatePEM is the authority's own certificate, which clients trust.
func (a *Authority) CertificatePEM() ([]byte, error) {
	return os.ReadFile(a.Files.Certificate)
}

// EnsureSigningKey keeps the RSA key in the file that a cluster signs its
// service account tokens with: RS256, which every OIDC verifier knows.
func EnsureSigningKey(path string) (*rsa.PublicKey, error) {
	key, err := readKey(path)
	if err != nil {
		return nil, fmt.Errorf("opening signing key: %w", err)
	}
	if key == nil {
		made, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, fmt.Errorf("creating signing key: %w", err)
		}
		if err := writeKey(path, made); err != nil {
			return nil, err
		}
		key = made
	}
	public, ok := key.Public().(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("opening signing key %s: it is no RSA key", path)
	}
	return public, nil
}

func ensureECKey(path string) (crypto.Signer, error) {
	key, err := readKey(path)
	if err != nil || key != nil {
		return key, err
	}
	made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("creating key: %w", err)
	}
	return made, writeKey(path, made)
}

func publicEqual(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never fails, says crypto/rand
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}

func ips(addrs []netip.Addr) []net.IP {
	var out []net.IP
	for _, a := range addrs {
		out = append(out, a.AsSlice())
	}
	return out
}

// fresh issues a certificate with a key that is kept nowhere.
func (a *Authority) fresh(r Request) (keyPEM, certificatePEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("creating key: %w", err)
	}
	der, err := a.issue(key.Public(), r)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

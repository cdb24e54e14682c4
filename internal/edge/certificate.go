package edge

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/seal"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	// authorityRenewBefore is when the authority's certificate is renewed. Its key and
	// name stay, so who trusts the old certificate trusts what the new one issues.
	authorityRenewBefore = 2 * 365 * 24 * time.Hour
	leafLife             = 90 * 24 * time.Hour
	// renewBefore is when a leaf is replaced; clients that connected keep theirs.
	renewBefore = 30 * 24 * time.Hour
	// skew lets clients with a clock somewhat behind ours accept a new certificate.
	skew = 5 * time.Minute

	certificateFile = "ca.crt"
	keyFile         = "ca.key.sealed"
	sealContext     = "edge/ca.key"
)

// Authority is the certificate authority that clients of the front trust. Its key
// is sealed on disk; keys of serving certificates stay in memory and are new with
// every start.
type Authority struct {
	dir   string
	clock clock.PassiveClock
	key   crypto.Signer

	mu          sync.Mutex
	certificate *x509.Certificate // see current
}

// OpenAuthority reads the authority in the folder, or makes one.
func OpenAuthority(dir string, box *seal.Box, clk clock.PassiveClock) (*Authority, error) {
	a := &Authority{dir: dir, clock: clk}
	err := a.load(box)
	if errors.Is(err, fs.ErrNotExist) {
		err = a.create(box)
	}
	if err == nil {
		_, err = a.current()
	}
	if err != nil {
		return nil, fmt.Errorf("opening the certificate authority in %s: %w", dir, err)
	}
	return a, nil
}

// CertificatePath names the file that clients are pointed to.
func (a *Authority) CertificatePath() string { return filepath.Join(a.dir, certificateFile) }

// PEM returns the authority's certificate.
func (a *Authority) PEM() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return encode(a.certificate)
}

func encode(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// current is the authority's certificate, renewed if its end is near.
func (a *Authority) current() (*x509.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.clock.Now().Before(a.certificate.NotAfter.Add(-authorityRenewBefore)) {
		return a.certificate, nil
	}
	renewed, err := a.certify()
	if err != nil {
		return nil, fmt.Errorf("renewing the authority's certificate: %w", err)
	}
	a.certificate = renewed
	return renewed, nil
}

func (a *Authority) load(box *seal.Box) error {
	sealed, err := os.ReadFile(filepath.Join(a.dir, keyFile))
	if err != nil {
		return err
	}
	der, err := box.Open(sealed, sealContext)
	if err != nil {
		return fmt.Errorf("opening the sealed key: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return fmt.Errorf("reading the key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return errors.New("the key can't sign")
	}
	text, err := os.ReadFile(a.CertificatePath())
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return errors.New("the certificate isn't PEM")
	}
	if a.certificate, err = x509.ParseCertificate(block.Bytes); err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	public, ok := signer.Public().(*ecdsa.PublicKey)
	if !ok || !public.Equal(a.certificate.PublicKey) {
		return errors.New("certificate and key don't belong together")
	}
	a.key = signer
	return nil
}

func (a *Authority) create(box *seal.Box) error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	a.key = key
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	// The key last: a folder without it is one in which nothing was begun.
	if a.certificate, err = a.certify(); err != nil {
		return err
	}
	return renameio.WriteFile(filepath.Join(a.dir, keyFile), box.Seal(private, sealContext), 0o600)
}

// certify writes a certificate of the key, by itself.
func (a *Authority) certify() (*x509.Certificate, error) {
	now := a.clock.Now()
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Lanyard local authority"},
		NotBefore: now.Add(-skew), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return certificate, renameio.WriteFile(a.CertificatePath(), encode(certificate), 0o644)
}

// ServerConfig returns a TLS configuration whose certificate is for the names
// (host names and addresses) and is renewed before it expires. Names below a
// wildcard are those of data planes, which move files: they are spoken to in
// HTTP/1.1, where a layer isn't cut into frames that wait for each other.
func (a *Authority) ServerConfig(names ...string) *tls.Config {
	leaf := &leaf{authority: a, names: names}
	current := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return leaf.current() }
	files := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: current, DynamicRecordSizingDisabled: true}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		// Answers are small and most connections short: one record an answer, which is
		// one write to the kernel, rather than records of a packet each to begin with.
		DynamicRecordSizingDisabled: true,

		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: current,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			for _, name := range names {
				if suffix, ok := strings.CutPrefix(name, "*"); ok && belongs(hello.ServerName, suffix) {
					return files, nil
				}
			}
			return nil, nil
		},
	}
}

// leaf is a serving certificate and its renewal.
type leaf struct {
	authority *Authority
	names     []string

	mu     sync.Mutex
	issued *tls.Certificate
}

func (l *leaf) current() (*tls.Certificate, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.issued != nil && l.authority.clock.Now().Before(l.issued.Leaf.NotAfter.Add(-renewBefore)) {
		return l.issued, nil
	}
	issued, err := l.authority.issue(l.names)
	if err != nil {
		return nil, fmt.Errorf("issuing a serving certificate: %w", err)
	}
	l.issued = issued
	return issued, nil
}

func (a *Authority) issue(names []string) (*tls.Certificate, error) {
	authority, err := a.current()
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := serialNumber()
	if err != nil {
		return nil, err
	}
	now := a.clock.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "lanyardd"}, NotBefore: now.Add(-skew), NotAfter: now.Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if address := net.ParseIP(name); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.certificate.Raw}, PrivateKey: key, Leaf: parsed}, nil
}

func serialNumber() (*big.Int, error) {
	return rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
}

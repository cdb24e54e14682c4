package etcdserver

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"

	"github.com/google/renameio/v2"
)

// The certificates guard a socket of this machine against its other users. They
// follow the machine's clock, not the cloud's injected one: etcd and
// kube-apiserver check them against real time.
const (
	caLifetime   = 20 * 365 * 24 * time.Hour
	leafLifetime = 365 * 24 * time.Hour
	renewBefore  = leafLifetime / 3
	backdate     = 5 * time.Minute
)

type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// loadAuthority reads the CA, or makes it at the first start.
func loadAuthority(p paths) (*authority, error) {
	files := p.pair(caName)
	cert, key, err := readPair(files)
	if errors.Is(err, os.ErrNotExist) {
		return makeAuthority(files)
	}
	if err != nil {
		return nil, fmt.Errorf("reading etcd's CA: %w", err)
	}
	return &authority{cert, key}, nil
}

func makeAuthority(files pair) (*authority, error) {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Lanyard etcd CA"},
		NotBefore:             time.Now().Add(-backdate),
		NotAfter:              time.Now().Add(caLifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	cert, key, err := writePair(files, template, nil)
	if err != nil {
		return nil, fmt.Errorf("making etcd's CA: %w", err)
	}
	return &authority{cert, key}, nil
}

// ensure makes the named leaf unless a good one is there. etcd, kube-apiserver and
// our client read the files at every handshake, so a renewed one is used by itself.
func (a *authority) ensure(files pair, name string, usage x509.ExtKeyUsage) error {
	cert, key, err := readPair(files)
	if err == nil && time.Until(cert.NotAfter) > renewBefore && cert.CheckSignatureFrom(a.cert) == nil && fits(cert, key) {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading %s: %w", files.cert, err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		DNSNames:              []string{name},
		NotBefore:             time.Now().Add(-backdate),
		NotAfter:              time.Now().Add(leafLifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{usage},
		BasicConstraintsValid: true,
	}
	if _, _, err := writePair(files, template, a); err != nil {
		return fmt.Errorf("issuing %s: %w", files.cert, err)
	}
	return nil
}

// fits reports whether the key is the certificate's: a crash, or a copy of half
// of the folder, can leave two that aren't.
func fits(cert *x509.Certificate, key crypto.Signer) bool {
	public, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(key.Public())
}

// writePair makes a key and its certificate, self-signed without an issuer. The
// key is written first: a crash in between leaves a pair that doesn't read, and
// ensure's caller makes it again.
func writePair(files pair, template *x509.Certificate, issuer *authority) (*x509.Certificate, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	if issuer == nil {
		issuer = &authority{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	if err := os.Remove(files.cert); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, err
	}
	if err := renameio.WriteFile(files.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600); err != nil {
		return nil, nil, err
	}
	if err := renameio.WriteFile(files.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return nil, nil, err
	}
	return cert, key, nil
}

func readPair(files pair) (*x509.Certificate, crypto.Signer, error) {
	certPEM, err := os.ReadFile(files.cert)
	if err != nil {
		return nil, nil, err
	}
	keyPEM, err := os.ReadFile(files.key)
	if err != nil {
		return nil, nil, err
	}
	certBlock, _ := pem.Decode(certPEM)
	keyBlock, _ := pem.Decode(keyPEM)
	if certBlock == nil || keyBlock == nil {
		return nil, nil, fmt.Errorf("%s or its key is not PEM", files.cert)
	}
	cert, err := x509.ParseCertificate(certBlock.Bytes)
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(keyBlock.Bytes)
	if err != nil {
		return nil, nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("%s is not a signing key", files.key)
	}
	return cert, signer, nil
}

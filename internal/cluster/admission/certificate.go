package admission

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"time"
)

const (
	lifetime = 14 * 24 * time.Hour
	// renewBefore is how long before its end a certificate is replaced.
	renewBefore = 7 * 24 * time.Hour
	// mostBundled bounds the bundle: replicas that came and went leave their
	// certificates, which end by themselves.
	mostBundled = 12
	pemType     = "CERTIFICATE"
)

// selfSigned makes a key and a certificate for some names that vouches for
// nothing but itself; replica tells whose it is.
func selfSigned(replica string, names []string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the webhook's key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("making the webhook's certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: replica},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(lifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the webhook's certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the webhook's certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// lasts reports whether a certificate is good for some names and for long.
func lasts(c *tls.Certificate, names []string, now time.Time) bool {
	return c != nil && c.Leaf.NotAfter.After(now.Add(renewBefore)) &&
		!slices.ContainsFunc(names, func(name string) bool { return c.Leaf.VerifyHostname(name) != nil })
}

// bundleWith returns a bundle that has a certificate too, without those that
// have ended, that can't be read, or that are too many: of the same replica all
// but the one before, else the oldest.
func bundleWith(bundle []byte, own *x509.Certificate, now time.Time) []byte {
	kept := []*x509.Certificate{own}
	for rest := bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err == nil && !c.Equal(own) && now.Before(c.NotAfter) {
			kept = append(kept, c)
		}
	}
	others := kept[1:]
	slices.SortStableFunc(others, func(a, b *x509.Certificate) int { return b.NotBefore.Compare(a.NotBefore) })
	result, former := kept[:1:1], 0
	for _, c := range others {
		if c.Subject.CommonName == own.Subject.CommonName {
			if former++; former > 1 {
				continue
			}
		}
		result = append(result, c)
	}
	result = result[:min(len(result), mostBundled)]
	slices.SortStableFunc(result, func(a, b *x509.Certificate) int { return a.SerialNumber.Cmp(b.SerialNumber) })
	var text []byte
	for _, c := range result {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: c.Raw})...)
	}
	return text
}

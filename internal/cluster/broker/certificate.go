package broker

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"errors"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"software.sslmate.com/src/go-pkcs12"
)

// clientCertificate reads what a Secret of an identity of type 2 holds: PEM with the key, or PKCS#12. The SDK's own reader knows
// only PKCS#12 with the ciphers of old, and no tool writes those by default any more (openssl since its version 3). Errors say
// nothing of the data.
func clientCertificate(data map[string][]byte) ([]*x509.Certificate, crypto.PrivateKey, error) {
	failed := errors.New("the secret's keys certificate (PKCS#12 or PEM) and password don't make a certificate with its private key")
	content := data["certificate"]
	if bytes.Contains(content, []byte("-----BEGIN ")) {
		certificates, key, err := azidentity.ParseCertificates(content, nil)
		if err != nil {
			return nil, nil, failed
		}
		return certificates, key, nil
	}
	key, certificate, chain, err := pkcs12.DecodeChain(content, string(data["password"]))
	if err != nil {
		return nil, nil, failed
	}
	return slices.Insert(chain, 0, certificate), key, nil
}

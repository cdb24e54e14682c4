package cluster_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"software.sslmate.com/src/go-pkcs12"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
	"github.com/lanyard-project/lanyard/internal/brokerapi"
)

// signer makes a key and a certificate for it, as one uploads to an application.
func signer(t *testing.T) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, certificate
}

func TestBrokerSignsInWithCertificates(t *testing.T) {
	const password = "pfx-pass"
	b := newBrokered(t, false)
	key, certificate := signer(t)
	stranger, _ := signer(t)
	b.service.uploaded["app-2"] = certificate

	must := func(data []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	inPEM := func(key *rsa.PrivateKey) []byte {
		return slices.Concat(
			pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))}),
			pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}))
	}
	legacy := must(pkcs12.LegacyDES.Encode(key, certificate, nil, password))
	modern := must(pkcs12.Modern2023.Encode(key, certificate, nil, password))
	const unreadable = "don't make a certificate with its private key"

	secret := &corev1.Secret{ObjectMeta: namedIn("default", "cert-"+b.ns), Data: map[string][]byte{"certificate": {}}}
	b.create(secret)
	t.Cleanup(func() { _ = b.kube.Delete(context.WithoutCancel(t.Context()), secret) })
	b.identify("default", "cert", aadpodid.AzureIdentitySpec{
		Type: aadpodid.ServicePrincipalCertificate, ClientID: "app-2", ClientPassword: corev1.SecretReference{Name: secret.Name},
	})
	agent := b.agent(b.nodes[0], "lanyard-nmi", brokerapi.Audience)
	pod := b.worker("default", "cert-"+b.ns, "web", "cert", b.nodes[0])

	for _, test := range []struct {
		name    string
		data    map[string][]byte
		refused string
	}{
		{"PEM", map[string][]byte{"certificate": inPEM(key)}, ""},
		{"PKCS#12 as openssl 1 and Windows write it", map[string][]byte{"certificate": legacy, "password": []byte(password)}, ""},
		{"PKCS#12 as openssl 3 writes it", map[string][]byte{"certificate": modern, "password": []byte(password)}, ""},
		{"PKCS#12 without its password", map[string][]byte{"certificate": legacy}, unreadable},
		{"PKCS#12 with another password", map[string][]byte{"certificate": legacy, "password": []byte("x")}, unreadable},
		{"a certificate without its key", map[string][]byte{"certificate": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})}, unreadable},
		{"a client secret in its place", map[string][]byte{"clientSecret": []byte("s3cret")}, unreadable},
		{"another key", map[string][]byte{"certificate": inPEM(stranger)}, "key doesn't match any certificate"},
	} {
		change(b.lab, secret, func(s *corev1.Secret) { s.Data = test.data })
		token := "token-of-app-2"
		if test.refused != "" {
			token = ""
		}
		t.Logf("with %s", test.name)
		b.want(agent, of(pod, "cert"), token, test.refused)
	}

	// rotated at the application, not here
	change(b.lab, secret, func(s *corev1.Secret) { s.Data = map[string][]byte{"certificate": inPEM(key)} })
	_, next := signer(t)
	b.service.mu.Lock()
	b.service.uploaded["app-2"] = next
	b.service.mu.Unlock()
	b.want(agent, of(pod, "cert"), "", "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered")
}

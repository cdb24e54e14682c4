package broker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lanyard-project/lanyard/internal/brokerapi"
)

const (
	certificateLifetime = 7 * 24 * time.Hour
	announceEvery       = 24 * time.Hour
	announceRetry       = 5 * time.Second
)

// Announcer keeps a replica's certificate fresh and its announcement in the ConfigMap. The key lives in the process's memory
// only; a replica that starts again makes another one.
type Announcer struct {
	// Kube changes the ConfigMap; Live reads it and pods.
	Kube client.Client
	Live client.Reader
	// ConfigMap is where; Pod is the replica's own name, in the ConfigMap's namespace.
	ConfigMap types.NamespacedName
	Pod       string
	Address   string
	Clock     clock.Clock
	// Failed hears of what will be tried again.
	Failed func(error)

	certificate atomic.Pointer[tls.Certificate]
}

// TLS is the server's configuration.
func (a *Announcer) TLS() *tls.Config {
	protocols := []string{"h2", "http/1.1"} // an agent's watches share one connection
	return &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: protocols, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if known := a.certificate.Load(); known != nil {
			return known, nil
		}
		return nil, errors.New("there is no certificate yet")
	}}
}

// Run announces until the context ends.
func (a *Announcer) Run(ctx context.Context) {
	for {
		pause := announceEvery
		if err := a.announce(ctx); err != nil && ctx.Err() == nil {
			a.Failed(err)
			pause = announceRetry
		}
		select {
		case <-ctx.Done():
			return
		case <-a.Clock.After(pause):
		}
	}
}

func (a *Announcer) announce(ctx context.Context) error {
	certificate, err := selfSigned(a.Clock.Now())
	if err != nil {
		return err
	}
	value, err := json.Marshal(brokerapi.Announcement{
		Address:     a.Address,
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})),
	})
	if err != nil {
		return fmt.Errorf("writing an announcement: %w", err)
	}
	data := map[string]any{a.Pod: string(value)}
	if err := a.findGone(ctx, data); err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return fmt.Errorf("writing an announcement: %w", err)
	}
	where := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: a.ConfigMap.Namespace, Name: a.ConfigMap.Name}}
	if err := a.Kube.Patch(ctx, where, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("announcing the broker: %w", err)
	}
	a.certificate.Store(certificate) // who still has the old one reads again
	return nil
}

// findGone marks the announcements of replicas whose pods are gone for removal.
func (a *Announcer) findGone(ctx context.Context, data map[string]any) error {
	var known corev1.ConfigMap
	if err := a.Live.Get(ctx, a.ConfigMap, &known); err != nil {
		return fmt.Errorf("reading the announcements: %w", err)
	}
	for name := range known.Data {
		var pod corev1.Pod
		err := a.Live.Get(ctx, types.NamespacedName{Namespace: a.ConfigMap.Namespace, Name: name}, &pod)
		if name != a.Pod && apierrors.IsNotFound(err) {
			data[name] = nil
		}
	}
	return nil
}

// selfSigned makes a key and a certificate that vouches for nothing but itself.
func selfSigned(now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the broker's key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("making the broker's certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: brokerapi.ServerName}, DNSNames: []string{brokerapi.ServerName},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("making the broker's certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

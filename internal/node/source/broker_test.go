package source_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/brokerapi"
	"github.com/lanyard-project/lanyard/internal/node/source"
)

func tokenFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("account"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// An API server that doesn't answer keeps one reader waiting, for a while; nobody else waits behind a lock for it.
func TestSlowAPIServerHoldsNobody(t *testing.T) {
	file := tokenFile(t)
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		b := source.NewBroker(func(ctx context.Context) (map[string]string, error) {
			reads++
			<-ctx.Done()
			return nil, ctx.Err()
		}, file, clock.RealClock{})
		began := time.Now()
		ended := make(chan error)
		for range 10 {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				_, err := b.Token(ctx, brokerapi.Request{})
				ended <- err
			}()
		}
		for range 10 {
			if err := <-ended; err == nil {
				t.Error("got a token from nowhere")
			}
		}
		if took := time.Since(began); took != 200*time.Millisecond || reads != 1 {
			t.Errorf("ten callers with 200 ms each took %s and read %d times", took, reads)
		}
		time.Sleep(time.Minute) // the read ends too
	})
}

// A replica that accepts and says nothing isn't waited for until all the time is gone.
func TestSilentReplicaLeavesTimeForAnother(t *testing.T) {
	if brokerapi.LongestAnswer+time.Second >= 15*time.Second {
		t.Errorf("two replicas have to fit into the 30 seconds of a fetch, of which one may take %s", brokerapi.LongestAnswer)
	}
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(brokerapi.Answer{AccessToken: "e30.e30.x", ClientID: "c", ExpiresOn: time.Now().Add(time.Hour).Unix()})
	}))
	own := selfSigned(t)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own}}
	server.StartTLS()
	defer server.Close()
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]}))
	announced := map[string]string{}
	for name, address := range map[string]string{"a": silent.Addr().String(), "b": server.Listener.Addr().String()} {
		value, err := json.Marshal(brokerapi.Announcement{Address: address, Certificate: certificate})
		if err != nil {
			t.Fatal(err)
		}
		announced[name] = string(value)
	}
	b := source.NewBroker(func(context.Context) (map[string]string, error) { return announced, nil }, tokenFile(t), clock.RealClock{})
	for range 3 { // replicas are asked in any order
		if token, err := b.Token(t.Context(), brokerapi.Request{}); err != nil || token.ClientID != "c" {
			t.Errorf("got %+v, %v", token, err)
		}
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{brokerapi.ServerName}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

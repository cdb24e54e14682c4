package lab_test

import (
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
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/brokerapi"
)

// announceMic plays mic's broker before the API server, which lets nobody but mic read from now on.
func announceMic(w *world) {
	w.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{brokerapi.ServerName}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		path, ok := strings.CutPrefix(r.URL.Path, brokerapi.ObjectsPath)
		if !ok || r.Header.Get("Authorization") != "Bearer token-for-mic" {
			http.Error(answer, `{"code":"unauthenticated","message":"no"}`, http.StatusUnauthorized)
			return
		}
		asMic := r.Clone(r.Context())
		asMic.URL.Path = path
		asMic.Header.Set("Authorization", "Bearer mic")
		w.api.ServeHTTP(answer, asMic)
	}))
	w.node.do(func() {
		_ = server.Listener.Close()
		server.Listener, err = net.Listen("tcp4", "127.0.0.1:0")
		w.node.must(err, "listening as mic")
	})
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}}
	server.StartTLS()
	w.t.Cleanup(func() {
		w.api.drop()
		server.CloseClientConnections()
		server.Close()
	})
	announcement, err := json.Marshal(brokerapi.Announcement{
		Address: server.Listener.Addr().String(), Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.folder, "broker-token"), []byte("token-for-mic"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.api.mu.Lock()
	defer w.api.mu.Unlock()
	w.api.reader, w.api.brokers = "mic", map[string]string{"mic-1": string(announcement)}
}

// Property 22: an agent whose account may read nothing does its work by what mic tells it, and goes on while mic is away, over a
// restart too.
func TestEntitlementsFromMic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	announceMic(w)
	w.metadata.attach(demo)
	arguments := []string{
		"--entitlements=broker", "--broker-configmap=kube-system/lanyard-broker", "--broker-token-file=" + filepath.Join(w.folder, "broker-token"),
		"--snapshot-folder=" + filepath.Join(w.folder, "run"), "--requests-per-second=0",
	}
	first := w.agent(arguments...)
	p := w.pod("web", "10.77.1.2", "web")
	name := w.api.assign(p, demo, "Assigned")
	p.wantToken("", "demo")
	w.api.remove(assignmentsPath, name)
	w.eventually("the pod's right is gone", func() bool {
		status, _, err := fetch(p.namespace, nil, tokenURL)
		return err == nil && status != http.StatusOK
	})
	w.api.assign(p, demo, "Assigned")
	p.getsToken("demo") // who was served isn't made to wait for a right that is gone: it may be refused before the agent has heard

	w.api.refuse(true) // mic is away, and the API server is of no use to the agent
	p.wantToken("", "demo")
	w.kept(filepath.Join(w.folder, "run"), "standard")
	first.kill()
	w.agent(arguments...)
	p.getsToken("demo")
	late := w.pod("late", "10.77.1.3", "web")
	w.api.assign(late, demo, "Assigned")
	w.api.refuse(false)
	late.getsToken("demo") // the agent asks again after seconds
}

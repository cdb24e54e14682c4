package edge_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/edge"
	"github.com/lanyard-project/lanyard/internal/seal"
)

// tunneled is a TLS server behind Tunnel whose names are *.azurecr.io, and a
// client that trusts it.
func tunneled(t *testing.T) (address string, trust *x509.CertPool) {
	t.Helper()
	authority := newAuthority(t)
	trust = x509.NewCertPool()
	trust.AppendCertsFromPEM(authority.PEM())
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Host) }),
		TLSConfig:         authority.ServerConfig("127.0.0.1", "*.azurecr.io"),
		ReadHeaderTimeout: time.Minute,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.ServeTLS(edge.PatientTunnel(listener, edge.HostRoute{Suffix: ".azurecr.io"}), "", "") // ends with Close
	}()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return listener.Addr().String(), trust
}

func TestNamesOfTheCloudAreReachedThroughTheFront(t *testing.T) {
	address, trust := tunneled(t)
	proxied := &http.Client{Transport: &http.Transport{
		Proxy:           http.ProxyURL(&url.URL{Scheme: "http", Host: address}),
		TLSClientConfig: &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12},
	}}
	direct := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}}}
	for _, c := range []struct {
		client *http.Client
		host   string
		want   string // "" is a refusal
	}{
		{proxied, "myregistry.azurecr.io", "myregistry.azurecr.io"},
		{proxied, address, address}, // a client without NO_PROXY
		{direct, address, address},
		{proxied, "example.com", ""},
		{proxied, "azurecr.io", ""},
		{proxied, "myregistry.azurecr.io:8443", ""},
		{proxied, "myregistry.azurecr.io.example.com", ""},
	} {
		got, err := get(t.Context(), c.client, "https://"+c.host+"/")
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q (%v), want %q", c.host, got, err, c.want)
		}
		c.client.CloseIdleConnections()
	}
}

func get(ctx context.Context, client *http.Client, address string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

func TestTunnelSaysWhatItIsNot(t *testing.T) {
	address, _ := tunneled(t)
	for sent, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n":                         "HTTP/1.1 400 ",
		"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n": "HTTP/1.1 403 ",
		"hello\r\n\r\n": "HTTP/1.1 400 ",
		"CONNECT x.azurecr.io:443 HTTP/1.1\r\nX: " + strings.Repeat("y", 20<<10) + "\r\n\r\n": "HTTP/1.1 400 ",
	} {
		connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(connection, sent); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(connection).ReadString('\n')
		if !strings.HasPrefix(line, want) {
			t.Errorf("%.40q: %q (%v), want %s", sent, line, err, want)
		}
		if err := connection.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A client that says nothing holds up nobody else: the tunnel would wait for it longer than the other one.
func TestSilentClientHoldsUpNobody(t *testing.T) {
	address, trust := tunneled(t)
	silent, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	client := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}}}
	if _, err := get(t.Context(), client, "https://"+address+"/"); err != nil {
		t.Error(err)
	}
	client.CloseIdleConnections()
}

func newAuthority(t *testing.T) *edge.Authority {
	t.Helper()
	box, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	authority, err := edge.OpenAuthority(t.TempDir(), box, clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

// Layers of images come faster without HTTP/2's frames, which wait for each other.
func TestDataPlanesSpeakHTTP1(t *testing.T) {
	address, trust := tunneled(t)
	for name, want := range map[string]string{"myregistry.azurecr.io": "http/1.1", "127.0.0.1": "h2"} {
		dialer := tls.Dialer{Config: &tls.Config{RootCAs: trust, ServerName: name, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}}
		connection, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if got := connection.(*tls.Conn).ConnectionState().NegotiatedProtocol; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if err := connection.Close(); err != nil {
			t.Error(err)
		}
	}
}

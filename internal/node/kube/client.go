package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// Config says where the API server is and how to prove who we are. The zero value of a field takes what a pod has.
type Config struct {
	Server    string // https://host:port
	TokenFile string // read again while running: kubelet renews it
	CAFile    string
}

const accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount/"

// fill takes what is missing from the environment of a pod.
func (c Config) fill() (Config, error) {
	if c.Server == "" {
		host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
		if host == "" || port == "" {
			return c, errors.New("no API server is named, and this is not a pod (KUBERNETES_SERVICE_HOST is empty)")
		}
		c.Server = "https://" + net.JoinHostPort(host, port)
	}
	if c.TokenFile == "" {
		c.TokenFile = accountFolder + "token"
	}
	if c.CAFile == "" {
		c.CAFile = accountFolder + "ca.crt"
	}
	return c, nil
}

// Client speaks to one API server.
type Client struct {
	server *url.URL
	http   *http.Client
	token  *tokenFile
}

// NewClient prepares a client; it doesn't connect yet.
func NewClient(config Config, clk clock.PassiveClock) (*Client, error) {
	config, err := config.fill()
	if err != nil {
		return nil, err
	}
	server, err := url.Parse(config.Server)
	if err != nil || server.Scheme != "https" || server.Host == "" {
		return nil, fmt.Errorf("API server %q is not an https URL", config.Server)
	}
	pem, err := os.ReadFile(config.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading the API server's certificate authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", config.CAFile)
	}
	transport := &http.Transport{
		Proxy:                 nil, // the API server is inside the cluster
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		IdleConnTimeout:       90 * time.Second,
		ForceAttemptHTTP2:     true,
		// a firewall that drops packets silently is noticed within half a minute
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
	return &Client{
		server: server,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		token: &tokenFile{path: config.TokenFile, clock: clk},
	}, nil
}

// StatusError is an answer other than 200, of the API server or of mic in its place.
type StatusError struct {
	Code    int
	Message string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("the server answered %d: %s", e.Code, e.Message)
}

// Get opens a response; the caller closes its body. Another answer than 200 is a *StatusError.
func (c *Client) Get(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	target := *c.server
	target.Path = strings.TrimSuffix(target.Path, "/") + path
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	token, err := c.token.read()
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token.Reveal())
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "lanyard-nmi")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the API server: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		if response.StatusCode == http.StatusUnauthorized {
			c.token.forget()
		}
		return nil, ReadStatus(response)
	}
	return response, nil
}

// ReadStatus makes an error of an answer that isn't 200. It reads the body, and leaves it open.
func ReadStatus(response *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, 8<<10))
	if err != nil {
		body = nil
	}
	var status struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &status) != nil || status.Message == "" {
		status.Message = http.StatusText(response.StatusCode)
	}
	return &StatusError{Code: response.StatusCode, Message: status.Message}
}

// tokenFile keeps the account's token for a minute, as other clients do.
type tokenFile struct {
	path  string
	clock clock.PassiveClock

	mu    sync.Mutex
	token secret.String
	at    time.Time
}

func (f *tokenFile) read() (secret.String, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.token.IsZero() && f.clock.Since(f.at) < time.Minute {
		return f.token, nil
	}
	content, err := os.ReadFile(f.path)
	if err != nil {
		return secret.String{}, fmt.Errorf("reading the service account's token: %w", err)
	}
	f.token, f.at = secret.New(strings.TrimSpace(string(content))), f.clock.Now()
	return f.token, nil
}

// forget makes the next request read the file again.
func (f *tokenFile) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.token = secret.String{}
}

package federation

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// askTimeout is for both documents together.
	askTimeout = 10 * time.Second
	// maxDocument bounds each of them.
	maxDocument = 256 << 10

	wellKnown = "/.well-known/openid-configuration"
)

// discovery is what we need of an issuer's document.
type discovery struct {
	Issuer string `json:"issuer"`
	JWKS   string `json:"jwks_uri"`
}

// keySet's keys are read one by one: a kind that we don't know spoils no other.
type keySet struct {
	Keys []json.RawMessage `json:"keys"`
}

func newClient(o Options) (*http.Client, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the system's certificates: %w", err)
	}
	if len(o.Roots) > 0 && !roots.AppendCertsFromPEM(o.Roots) {
		return nil, errors.New("reading the certificates of trusted issuers: no certificate found")
	}
	network := &http.Transport{
		DialContext:            newGuard(o.Trusted).dial,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    askTimeout / 2,
		ResponseHeaderTimeout:  askTimeout / 2,
		MaxResponseHeaderBytes: 64 << 10,
		DisableKeepAlives:      true, // an issuer is asked once an hour
		DisableCompression:     true, // what is small must not grow
	}
	return &http.Client{
		Transport: &transport{own: o.Own, network: network},
		Timeout:   askTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}, nil
}

// fetch reads an issuer's keys.
func (k *Keys) fetch(ctx context.Context, name string) (map[string]*rsa.PublicKey, error) {
	if err := CheckURL(name); err != nil {
		return nil, fmt.Errorf("issuer %q: %w", name, err)
	}
	var document discovery
	if err := k.read(ctx, strings.TrimSuffix(name, "/")+wellKnown, &document); err != nil {
		return nil, err
	}
	if document.Issuer != name {
		return nil, fmt.Errorf("the discovery document of %q says that its issuer is %q", name, document.Issuer)
	}
	// Some issuers name their key set with a query.
	plain, _, _ := strings.Cut(document.JWKS, "?")
	if err := CheckURL(plain); err != nil {
		return nil, fmt.Errorf("jwks_uri of %q: %w", name, err)
	}
	var set keySet
	if err := k.read(ctx, document.JWKS, &set); err != nil {
		return nil, err
	}
	keys, err := usable(set)
	if err != nil {
		return nil, fmt.Errorf("issuer %q: %w", name, err)
	}
	return keys, nil
}

// CheckURL refuses what isn't a plain https URL.
func CheckURL(text string) error {
	parsed, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("%q can't be read as a URL", text)
	case parsed.Scheme != "https" || parsed.Host == "" || parsed.Opaque != "":
		return fmt.Errorf("%q isn't an https URL", text)
	case parsed.User != nil || parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "":
		return fmt.Errorf("%q has credentials, a query or a fragment", text)
	}
	return nil
}

func (k *Keys) read(ctx context.Context, from string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return fmt.Errorf("asking %s: %w", from, err)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "lanyard")
	response, err := k.client.Do(request)
	if err != nil {
		return fmt.Errorf("asking %s: %w", from, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("asking %s: it answers %s, and redirects aren't followed", from, response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err != nil {
		return fmt.Errorf("asking %s: %w", from, err)
	}
	if len(text) > maxDocument {
		return fmt.Errorf("asking %s: the answer is larger than %d bytes", from, maxDocument)
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(into); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", from, err)
	}
	return nil
}

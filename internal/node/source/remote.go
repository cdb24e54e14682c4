package source

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"k8s.io/utils/clock"
)

// Remote says how to reach a metadata service that isn't the node's own: a cloud's, for clusters that are connected to it.
type Remote struct {
	// Endpoint is an https URL.
	Endpoint string
	// CAFile holds the authority that the service is known by.
	CAFile string
	// TokenFile holds the agent's service account token for it; kubelet renews it.
	TokenFile string
}

// NewRemote prepares a client for such a service, which wants to know who asks.
func NewRemote(r Remote, clk clock.Clock, observe func(status int)) (*IMDS, error) {
	if !strings.HasPrefix(r.Endpoint, "https://") {
		return nil, errors.New("a metadata service that is shown a token has an https URL")
	}
	pem, err := os.ReadFile(r.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading the authority of the metadata service: %w", err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading the authority of the metadata service: %s holds no certificate", r.CAFile)
	}
	s := NewIMDS(r.Endpoint, clk, observe)
	transport, ok := s.client.Transport.(*http.Transport)
	if !ok {
		return nil, errors.New("the client of the metadata service is another one than expected")
	}
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted}
	s.tokenFile = r.TokenFile
	return s, nil
}

// prove shows the service who asks, if it wants to know.
func (s *IMDS) prove(request *http.Request) error {
	if s.tokenFile == "" {
		return nil
	}
	content, err := os.ReadFile(s.tokenFile)
	if err != nil {
		return fmt.Errorf("reading the token for the metadata service: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(content)))
	return nil
}

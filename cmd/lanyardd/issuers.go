package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/entra/federation"
)

// issuerKeys finds the keys of token issuers for federated credentials: those of
// our own origin by the front, others where the settings allow it.
func (c *config) issuerKeys(front http.Handler, clk clock.PassiveClock, log *slog.Logger) (*federation.Keys, error) {
	own := map[string]http.Handler{}
	for _, origin := range []string{c.origin, platformOrigin} {
		parsed, err := url.Parse(origin)
		if err != nil {
			return nil, err
		}
		own[strings.ToLower(parsed.Host)] = front
	}
	var roots []byte
	if c.issuerCAFile != "" {
		var err error
		if roots, err = os.ReadFile(c.issuerCAFile); err != nil {
			return nil, fmt.Errorf("reading --issuer-ca-file: %w", err)
		}
	}
	return federation.New(federation.Options{Own: own, Trusted: c.trustedIssuers, Roots: roots, Clock: clk, Log: log})
}

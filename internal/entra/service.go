package entra

import (
	"context"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/keys"
	"github.com/lanyard-project/lanyard/internal/obs/record"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// Options say what the token service works with.
type Options struct {
	// Origin is https://host[:port], the issuer of all tokens.
	Origin string
	// Aliases are further origins under which the same service is reached (the
	// platform address inside virtual networks). Discovery answers with the one that
	// was asked, because its clients may reach no other.
	Aliases   []string
	Directory *directory.Directory
	Keys      *keys.Ring
	// Federation finds foreign issuers' keys; nil accepts no federated assertion.
	Federation IssuerKeys
	// IssuerAlias gives the name in which the tokens behind a published issuer are issued, where that is another one; nil
	// knows none.
	IssuerAlias func(ctx context.Context, published string) (issuer string, known bool)
	Issuer      *tokens.Issuer
	// Box seals refresh tokens and codes.
	Box    *seal.Box
	Record *record.Log
	Clock  clock.PassiveClock
	Log    *slog.Logger
}

// IssuerKeys finds the keys of foreign token issuers; *federation.Keys.
type IssuerKeys interface {
	Key(ctx context.Context, issuer, keyID string) (*rsa.PublicKey, error)
}

// Service is safe for concurrent use.
type Service struct {
	options Options
	origins map[string]string // by host, in lower case
	used    *used
	signIns *signIns
}

// New makes the token service.
func New(o Options) (*Service, error) {
	s := &Service{options: o, origins: map[string]string{}, used: newUsed(), signIns: newSignIns(o.Clock)}
	for _, origin := range append([]string{o.Origin}, o.Aliases...) {
		parsed, err := url.Parse(origin)
		if err != nil || parsed.Scheme != "https" || parsed.Host == "" || parsed.Path != "" {
			return nil, fmt.Errorf("making the token service: origin %q is not https://host[:port]", origin)
		}
		s.origins[strings.ToLower(parsed.Host)] = origin
	}
	return s, nil
}

// originOf is the origin that a request's Host names; a name that we don't know
// gets the main one, so that nobody can make us advertise his host.
func (s *Service) originOf(host string) string {
	if origin, ok := s.origins[strings.ToLower(host)]; ok {
		return origin
	}
	return s.options.Origin
}

package entra

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/lanyard-project/lanyard/internal/directory"
)

const (
	maxAssertion = 16 << 10
	// assertionSkew is how far a client's clock may be off.
	assertionSkew = 5 * time.Minute
)

// acceptedAlgorithms is what an assertion's header may say at all. Which of them
// counts is decided by the registered key (allowedFor).
func acceptedAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.PS256, jose.RS256, jose.ES256}
}

// assertion is a parsed client assertion (RFC 7523) whose signature was not checked yet.
type assertion struct {
	signed     *jose.JSONWebSignature
	algorithm  jose.SignatureAlgorithm
	thumbprint string // of the certificate, as bytes; SHA-1 or SHA-256
	claims     assertionClaims
}

type assertionClaims struct {
	Issuer    string      `json:"iss"`
	Subject   string      `json:"sub"`
	Audience  audiences   `json:"aud"`
	ID        string      `json:"jti"`
	NotBefore json.Number `json:"nbf"`
	IssuedAt  json.Number `json:"iat"`
	Expires   json.Number `json:"exp"`
}

// audiences is a text or a list of texts, as RFC 7519 has it.
type audiences []string

func (a *audiences) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		*a = audiences{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(data, &many); err != nil {
		return fmt.Errorf("reading an audience: %w", err)
	}
	*a = many
	return nil
}

// parseAssertion reads what a client sent, without believing any of it.
func parseAssertion(raw string) (assertion, *Error) {
	if len(raw) > maxAssertion {
		return assertion{}, assertionMalformed()
	}
	signed, err := jose.ParseSignedCompact(raw, acceptedAlgorithms())
	if err != nil || len(signed.Signatures) != 1 {
		return assertion{}, assertionMalformed()
	}
	header := signed.Signatures[0].Protected
	parsed := assertion{signed: signed, algorithm: jose.SignatureAlgorithm(header.Algorithm)}
	for _, name := range []jose.HeaderKey{"x5t#S256", "x5t"} {
		text, ok := header.ExtraHeaders[name].(string)
		if !ok {
			continue
		}
		// RFC 7515 wants base64url; MSAL for Go writes the other alphabet with padding.
		normal := strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
		decoded, err := base64.RawURLEncoding.DecodeString(normal)
		if err != nil {
			return assertion{}, assertionMalformed()
		}
		parsed.thumbprint = string(decoded)
		break
	}
	if err := json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &parsed.claims); err != nil {
		return assertion{}, assertionMalformed()
	}
	if parsed.claims.Issuer == "" || parsed.claims.Subject == "" || len(parsed.claims.Audience) == 0 || parsed.claims.Expires == "" {
		return assertion{}, assertionMalformed()
	}
	return parsed, nil
}

// checkCertificate accepts an assertion that one of the principal's certificates signed.
func (s *Service) checkCertificate(ctx context.Context, parsed assertion, p directory.ServicePrincipal) *Error {
	claims := parsed.claims
	if !strings.EqualFold(claims.Issuer, p.AppID) {
		return assertionClient()
	}
	if !strings.EqualFold(claims.Subject, p.AppID) {
		return assertionClient()
	}
	certificates, err := s.options.Directory.Certificates(ctx, p.ObjectID)
	if err != nil {
		s.options.Log.Error("reading certificates failed", "error", err, "object_id", p.ObjectID)
		return unavailable()
	}
	i := slices.IndexFunc(certificates, func(c directory.Certificate) bool {
		return parsed.thumbprint == string(c.SHA256[:]) || parsed.thumbprint == string(c.SHA1[:])
	})
	shown := strings.ToUpper(fmt.Sprintf("%x", parsed.thumbprint))
	if i < 0 {
		return assertionKeyUnknown(p.AppID, shown)
	}
	if !slices.Contains(allowedFor(certificates[i]), parsed.algorithm) {
		return assertionForged(p.AppID, shown)
	}
	if _, err := parsed.signed.Verify(certificates[i].Public); err != nil {
		return assertionForged(p.AppID, shown)
	}
	return s.checkClaims(claims, p)
}

// checkClaims looks at time, audience and use, after the signature was found good.
func (s *Service) checkClaims(claims assertionClaims, p directory.ServicePrincipal) *Error {
	if refused := s.checkTime(claims); refused != nil {
		return refused
	}
	if !slices.ContainsFunc(claims.Audience, func(a string) bool { return s.isOurs(a, p.TenantID) }) {
		return assertionAudience(strings.Join(claims.Audience, " "))
	}
	// Its end was checked to be a number.
	until, _ := seconds(claims.Expires)
	if p.Type == directory.TypeManagedIdentity && !s.used.first(p.AppID+" "+claims.ID, s.options.Clock.Now(), until.Add(assertionSkew)) {
		return assertionReplayed()
	}
	return nil
}

// checkTime refuses an assertion from before or after its time.
func (s *Service) checkTime(claims assertionClaims) *Error {
	from, ok := seconds(claims.NotBefore)
	if !ok {
		return assertionMalformed()
	}
	until, ok := seconds(claims.Expires)
	if !ok {
		return assertionMalformed()
	}
	now := s.options.Clock.Now()
	if now.Add(assertionSkew).Before(from) || !now.Before(until.Add(assertionSkew)) {
		return assertionOutOfTime(now, from, until)
	}
	return nil
}

// allowedFor pins the algorithm to the key.
func allowedFor(c directory.Certificate) []jose.SignatureAlgorithm {
	switch c.Public.(type) {
	case *rsa.PublicKey:
		return []jose.SignatureAlgorithm{jose.PS256, jose.RS256}
	case *ecdsa.PublicKey:
		return []jose.SignatureAlgorithm{jose.ES256}
	}
	return nil
}

// isOurs reports whether an assertion's audience means this service and tenant: a
// token endpoint or an issuer of it, under any of its origins.
func (s *Service) isOurs(audience, tenantID string) bool {
	for _, origin := range s.origins {
		rest, ok := strings.CutPrefix(audience, origin+"/")
		if !ok {
			continue
		}
		tenant, path, _ := strings.Cut(rest, "/")
		if !strings.EqualFold(tenant, adfs) {
			named, ok := s.options.Directory.Tenant(tenant)
			if !ok || named.ID != tenantID {
				continue
			}
		}
		switch strings.TrimSuffix(path, "/") {
		case "oauth2/v2.0/token", "oauth2/token", "v2.0", "":
			return true
		}
	}
	return false
}

// seconds reads a NumericDate; the zero time if it is absent.
func seconds(n json.Number) (time.Time, bool) {
	if n == "" {
		return time.Time{}, true
	}
	value, err := n.Float64()
	if err != nil || value < 0 || value > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(value), 0), true
}

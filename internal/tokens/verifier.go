package tokens

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/keys"
)

const (
	// maxToken bounds what is parsed at all; our own tokens have about 2 KB.
	maxToken = 16 << 10
	// remembered is how many verified tokens are remembered (about 1 KB each).
	remembered = 4096
)

// Caller is who a verified token names.
type Caller struct {
	TenantID string
	ObjectID string
	AppID    string
	Audience string
	Issuer   string
	TokenID  string // uti
	KeyID    string
	Version  Version
	ProvenBy string
	Roles    []string
	Expires  time.Time

	User            string // the user's name; empty for applications
	ManagedIdentity string // its resource ID; empty for applications and users
	Host            string
}

// PublicKeys finds published keys.
type PublicKeys interface {
	Public(id string) (*keys.Key, bool)
}

// Verifier reads tokens back. It is safe for concurrent use.
type Verifier struct {
	origin string
	keys   PublicKeys
	clock  clock.PassiveClock
	known  *memory
}

// NewVerifier makes a verifier of the tokens that the same origin issues.
func NewVerifier(origin string, keys PublicKeys, clock clock.PassiveClock) *Verifier {
	return &Verifier{origin: origin, keys: keys, clock: clock, known: newMemory(remembered)}
}

// Verify checks a bearer token for one of the audiences. An error is an *Error.
func (v *Verifier) Verify(_ context.Context, raw string, audiences []string) (Caller, error) {
	if len(raw) > maxToken {
		return Caller{}, invalid("too long")
	}
	// 1. The signature: remembered by the token's digest, as checking it costs more than all the rest.
	digest := digestOf(raw)
	seen, ok := v.known.get(digest)
	if !ok {
		var err *Error
		if seen, err = v.parse(raw); err != nil {
			return Caller{}, err
		}
		v.known.put(digest, seen)
	}
	// 2. Its key, which may have been dropped since.
	if _, ok := v.keys.Public(seen.KeyID); !ok {
		return Caller{}, keyGone()
	}
	// 3. Its time.
	now := v.clock.Now()
	if !now.Before(seen.Expires) {
		return Caller{}, &Error{Kind: Expired, Expires: seen.Expires, Now: now}
	}
	if now.Add(skew).Before(seen.notBefore) {
		return Caller{}, &Error{Kind: NotYetValid, Reason: "not valid yet", Now: now}
	}
	// 4. Its audience.
	if !slices.Contains(audiences, seen.Audience) {
		return Caller{}, &Error{Kind: WrongAudience, Audience: seen.Audience}
	}
	return seen.Caller, nil
}

// digestOf is a token's SHA-256. Tokens of the usual size are hashed without a copy
// on the heap, which would be most of what a call of ARM's allocates.
func digestOf(raw string) [sha256.Size]byte {
	var buf [2048]byte
	if len(raw) > len(buf) {
		return sha256.Sum256([]byte(raw))
	}
	return sha256.Sum256(buf[:copy(buf[:], raw)])
}

// RequireTenant refuses a caller of another tenant than the resource's.
func RequireTenant(c Caller, tenantID string) error {
	if c.TenantID != tenantID {
		return &Error{Kind: WrongTenant, Tenant: c.TenantID, Issuer: c.Issuer}
	}
	return nil
}

type verified struct {
	Caller
	notBefore time.Time
}

// parse checks form, signature and issuer: what never changes for a token.
func (v *Verifier) parse(raw string) (verified, *Error) {
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return verified{}, invalid("not a signed token of ours")
	}
	header := signed.Signatures[0].Protected
	key, ok := v.keys.Public(header.KeyID)
	if !ok && v.ours(signed.UnsafePayloadWithoutVerification()) {
		return verified{}, keyGone()
	}
	if !ok {
		return verified{}, invalid("the signing key is unknown")
	}
	payload, err := signed.Verify(key.Public)
	if err != nil {
		return verified{}, invalid("the signature is wrong")
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return verified{}, invalid("the claims aren't those of an access token")
	}
	if c.TenantID == "" || c.ObjectID == "" || c.Audience == "" || c.Expires == 0 || c.Version != V1 && c.Version != V2 {
		return verified{}, invalid("claims are missing")
	}
	// An ID token is signed by the same keys and is no access token: it names no client.
	if c.AppID == "" && c.AZP == "" {
		return verified{}, invalid("claims are missing")
	}
	if c.Issuer != IssuerOf(v.origin, c.TenantID, c.Version) {
		return verified{}, invalid("the issuer is another one")
	}
	caller := Caller{
		TenantID: c.TenantID, ObjectID: c.ObjectID, AppID: c.AppID, Audience: c.Audience, Issuer: c.Issuer,
		TokenID: c.UTI, KeyID: key.ID, Version: c.Version, ProvenBy: c.AppIDACR, Roles: c.Roles,
		Expires: time.Unix(c.Expires, 0), ManagedIdentity: c.MIID, Host: c.HostID,
	}
	caller.User = c.UPN
	if c.Version == V2 {
		caller.User = c.Preferred
		caller.AppID, caller.ProvenBy = c.AZP, c.AZPACR
	}
	return verified{caller, time.Unix(c.NotBefore, 0)}, nil
}

// ours reports whether a token, which may be forged, says that it was issued here.
// Its client is told to get a new one, nothing more rests on it.
func (v *Verifier) ours(payload []byte) bool {
	var c claims
	return json.Unmarshal(payload, &c) == nil && c.TenantID != "" && c.Issuer == IssuerOf(v.origin, c.TenantID, c.Version)
}

func keyGone() *Error { return &Error{Kind: KeyGone, Reason: "the signing key is unknown"} }

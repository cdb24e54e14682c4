package tokens

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/keys"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// skew is how far before its making a token is valid already, for verifiers whose
// clock is behind (Entra's: nbf = iat = the time of issue − 5 minutes).
const skew = 5 * time.Minute

// Grant is the decision that a token expresses.
type Grant struct {
	Version  Version
	TenantID string
	ObjectID string // of the service principal; also the subject
	AppID    string
	Audience string // exactly as it was asked for
	ProvenBy string
	Roles    []string
	Lifetime time.Duration

	// ManagedIdentity is the identity's resource ID (xms_mirid); empty for applications.
	ManagedIdentity string
	// Host is the resource ID of the machine that asked for a managed identity (xms_az_rid).
	Host string
	// User is on whose behalf the application acts; nil when on its own.
	User *User
}

// Token is a signed token with what its holder needs to know of it.
type Token struct {
	Raw       secret.String
	ID        string // uti: names the token in records
	KeyID     string
	NotBefore time.Time
	Expires   time.Time
}

// SigningKeys gives the key that signs now.
type SigningKeys interface{ Signing() *keys.Key }

// Issuer makes tokens. It is safe for concurrent use.
type Issuer struct {
	origin string
	keys   SigningKeys
	clock  clock.PassiveClock
	signer atomic.Pointer[signer] // of the key that signs now
}

type signer struct {
	key    *keys.Key
	v1, v2 jose.Signer
}

// NewIssuer makes an issuer for the origin (https://host:port, no slash at its end).
func NewIssuer(origin string, keys SigningKeys, clock clock.PassiveClock) *Issuer {
	return &Issuer{origin: origin, keys: keys, clock: clock}
}

// Mint signs a token.
func (i *Issuer) Mint(g Grant) (Token, error) {
	current, err := i.current()
	if err != nil {
		return Token{}, fmt.Errorf("minting a token: %w", err)
	}
	now := i.clock.Now().Truncate(time.Second)
	token := Token{ID: opaque(16), KeyID: current.key.ID, NotBefore: now.Add(-skew), Expires: now.Add(g.Lifetime)}
	sign := current.v1
	if g.Version == V2 {
		sign = current.v2
	}
	payload, err := json.Marshal(i.claims(g, token))
	if err != nil {
		return Token{}, fmt.Errorf("minting a token: %w", err)
	}
	signed, err := sign.Sign(payload)
	if err != nil {
		return Token{}, fmt.Errorf("minting a token: %w", err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		return Token{}, fmt.Errorf("minting a token: %w", err)
	}
	token.Raw = secret.New(raw)
	return token, nil
}

func (i *Issuer) claims(g Grant, t Token) any {
	issuer := IssuerOf(i.origin, g.TenantID, g.Version)
	if g.Version == V2 {
		return &claimsV2{
			Aio: opaque(24), Audience: g.Audience, AZP: g.AppID, AZPACR: g.ProvenBy,
			Expires: t.Expires.Unix(), IssuedAt: t.NotBefore.Unix(), Issuer: issuer, NotBefore: t.NotBefore.Unix(),
			ObjectID: g.ObjectID, RH: "1." + opaque(24) + ".", Roles: g.Roles, Subject: g.ObjectID, TenantID: g.TenantID,
			UTI: t.ID, Version: V2, HostID: g.Host, ManagedByID: g.ManagedIdentity, userClaims: claimsOfUser(g.User, V2),
		}
	}
	idType := applicationType
	if g.User != nil {
		idType = userType
	}
	return &claimsV1{
		Audience: g.Audience, Issuer: issuer, IssuedAt: t.NotBefore.Unix(), NotBefore: t.NotBefore.Unix(), Expires: t.Expires.Unix(),
		Aio: opaque(24), AppID: g.AppID, AppIDACR: g.ProvenBy, IDP: issuer, IDType: idType,
		ObjectID: g.ObjectID, RH: "1." + opaque(24) + ".", Roles: g.Roles, Subject: g.ObjectID, TenantID: g.TenantID,
		UTI: t.ID, Version: V1, HostID: g.Host, ManagedByID: g.ManagedIdentity, userClaims: claimsOfUser(g.User, V1),
	}
}

// current is the prepared signer of the key that signs now; preparing it once a
// key leaves nothing but the signature itself to be paid per token.
func (i *Issuer) current() (*signer, error) {
	key := i.keys.Signing()
	if s := i.signer.Load(); s != nil && s.key.ID == key.ID {
		return s, nil
	}
	signing := jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key.Private(), KeyID: key.ID}}
	v2, err := jose.NewSigner(signing, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return nil, err
	}
	v1, err := jose.NewSigner(signing, (&jose.SignerOptions{}).WithType("JWT").WithHeader("x5t", key.ID))
	if err != nil {
		return nil, err
	}
	s := &signer{key: key, v1: v1, v2: v2}
	i.signer.Store(s)
	return s, nil
}

func opaque(bytes int) string {
	random := make([]byte, bytes)
	_, _ = rand.Read(random) // never fails
	return base64.RawURLEncoding.EncodeToString(random)
}

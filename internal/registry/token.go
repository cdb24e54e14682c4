package registry

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/keys"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/containerregistry"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// issuer is how a registry's tokens name who made them. No Entra token has it, so
// that neither is taken for the other although the same keys sign both.
const issuer = "Azure Container Registry"

const (
	refreshLife = 3 * time.Hour
	accessLife  = 75 * time.Minute
	// maxToken bounds what is parsed at all.
	maxToken = 32 << 10

	refreshGrant = "refresh_token"
	accessGrant  = "access_token"
)

// Keys sign tokens, and verify them for as long as one signed by them is good.
type Keys interface {
	Signing() *keys.Key
	Public(id string) (*keys.Key, bool)
}

// claims are what a registry's token says.
type claims struct {
	ID        string `json:"jti"`
	Subject   string `json:"sub"`
	NotBefore int64  `json:"nbf"`
	Expires   int64  `json:"exp"`
	IssuedAt  int64  `json:"iat"`
	Issuer    string `json:"iss"`
	Audience  string `json:"aud"` // the login server
	Version   string `json:"version"`
	Registry  string `json:"rid"` // the life of the registry that it is for
	GrantType string `json:"grant_type"`

	Tenant   string `json:"tenant,omitempty"`
	ObjectID string `json:"oid,omitempty"`
	AppID    string `json:"appid,omitempty"`
	// Admin names a password of the admin user, AdminProof its fingerprint: another
	// password ends the token.
	Admin      string `json:"admin,omitempty"`
	AdminProof string `json:"adminProof,omitempty"`

	Permissions *permissions `json:"permissions,omitempty"` // of refresh tokens
	Access      []grant      `json:"access,omitempty"`      // of access tokens
	Roles       []string     `json:"roles"`
}

type permissions struct {
	Actions    []string `json:"actions"`
	NotActions []string `json:"notActions"`
}

// mint signs a token for the holder; fill adds what the kind of token has.
func (s *Service) mint(r *containerregistry.Registry, h holder, kind string, life time.Duration, fill func(*claims)) (secret.String, error) {
	now := s.o.Clock.Now().Truncate(time.Second)
	c := &claims{
		ID: uuid.NewString(), Subject: subject(h), NotBefore: now.Unix(), Expires: now.Add(life).Unix(), IssuedAt: now.Unix(),
		Issuer: issuer, Audience: r.LoginServer, Version: "1.0", Registry: r.Life, GrantType: kind,
		Tenant: h.caller.TenantID, ObjectID: h.caller.ObjectID, AppID: h.caller.AppID, Roles: []string{},
	}
	if h.admin != "" {
		password, _, err := s.o.Registries.AdminPassword(r.Resource, h.admin)
		if err != nil {
			return secret.String{}, err
		}
		c.Admin, c.AdminProof = h.admin, fingerprint(c.ID, password)
	}
	fill(c)
	payload, err := json.Marshal(c)
	if err != nil {
		return secret.String{}, fmt.Errorf("minting a registry token: %w", err)
	}
	key := s.o.Keys.Signing()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key.Private(), KeyID: key.ID}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return secret.String{}, fmt.Errorf("minting a registry token: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return secret.String{}, fmt.Errorf("minting a registry token: %w", err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		return secret.String{}, fmt.Errorf("minting a registry token: %w", err)
	}
	return secret.New(raw), nil
}

// read verifies a token of the kind for the registry. What isn't one is no error
// but no token: whoever presented it hears the same in every case.
func (s *Service) read(r *containerregistry.Registry, raw, kind string) (*claims, holder, bool) {
	if len(raw) > maxToken {
		return nil, holder{}, false
	}
	signed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, holder{}, false
	}
	key, ok := s.o.Keys.Public(signed.Signatures[0].Protected.KeyID)
	if !ok {
		return nil, holder{}, false
	}
	payload, err := signed.Verify(key.Public)
	if err != nil {
		return nil, holder{}, false
	}
	var c claims
	if json.Unmarshal(payload, &c) != nil || c.Issuer != issuer || c.Audience != r.LoginServer || c.Registry != r.Life || c.GrantType != kind {
		return nil, holder{}, false
	}
	if now := s.o.Clock.Now(); !now.Before(time.Unix(c.Expires, 0)) {
		return nil, holder{}, false
	}
	h := holder{caller: providers.Caller{TenantID: c.Tenant, ObjectID: c.ObjectID, AppID: c.AppID}, admin: c.Admin}
	if h.admin != "" {
		password, enabled, err := s.o.Registries.AdminPassword(r.Resource, h.admin)
		if err != nil || !enabled || fingerprint(c.ID, password) != c.AdminProof {
			return nil, holder{}, false
		}
	}
	return &c, h, true
}

func subject(h holder) string {
	switch {
	case h.admin != "":
		return "admin"
	case h.caller.AppID != "":
		return h.caller.AppID
	}
	return h.caller.ObjectID
}

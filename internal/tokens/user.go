package tokens

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// ProvenByNobody is how a client without a credential of its own got a user's token.
const ProvenByNobody = "0"

// maxGroups is how many groups a token names; with more it says where to ask.
const maxGroups = 200

// User is on whose behalf a client acts.
type User struct {
	Name        string // user principal name
	DisplayName string
	Scope       string // what the client may do, as "user_impersonation"
	Groups      []string
	// GroupsEndpoint answers for the groups when they are too many for the token.
	GroupsEndpoint string
}

// userClaims are those that a user's access token has beside an application's.
type userClaims struct {
	ACR          string                       `json:"acr,omitempty"`
	AMR          []string                     `json:"amr,omitempty"`
	Groups       []string                     `json:"groups,omitempty"`
	ClaimNames   map[string]string            `json:"_claim_names,omitempty"`
	ClaimSources map[string]map[string]string `json:"_claim_sources,omitempty"`
	Name         string                       `json:"name,omitempty"`
	Scope        string                       `json:"scp,omitempty"`
	UniqueName   string                       `json:"unique_name,omitempty"`        // v1
	UPN          string                       `json:"upn,omitempty"`                // v1
	Preferred    string                       `json:"preferred_username,omitempty"` // v2
}

func claimsOfUser(u *User, v Version) userClaims {
	if u == nil {
		return userClaims{}
	}
	c := userClaims{Groups: u.Groups, Name: u.DisplayName, Scope: u.Scope}
	if v == V1 {
		c.ACR, c.AMR, c.UniqueName, c.UPN = "1", []string{"pwd"}, u.Name, u.Name
	} else {
		c.Preferred = u.Name
	}
	if len(u.Groups) > maxGroups {
		c.Groups = nil
		c.ClaimNames = map[string]string{"groups": "src1"}
		c.ClaimSources = map[string]map[string]string{"src1": {"endpoint": u.GroupsEndpoint}}
	}
	return c
}

// idClaims are an ID token's: it tells the client who signed in, and opens nothing.
type idClaims struct {
	Audience  string `json:"aud"`
	Issuer    string `json:"iss"`
	IssuedAt  int64  `json:"iat"`
	NotBefore int64  `json:"nbf"`
	Expires   int64  `json:"exp"`
	Name      string `json:"name"`
	Nonce     string `json:"nonce,omitempty"`
	ObjectID  string `json:"oid"`
	Preferred string `json:"preferred_username"`
	RH        string `json:"rh"`
	Subject   string `json:"sub"`
	TenantID  string `json:"tid"`
	UPN       string `json:"upn"`
	UTI       string `json:"uti"`
	Version   string `json:"ver"`
}

// MintID signs an ID token for the client that g names.
func (i *Issuer) MintID(g Grant, nonce string) (secret.String, error) {
	current, err := i.current()
	if err != nil {
		return secret.String{}, fmt.Errorf("minting an ID token: %w", err)
	}
	now := i.clock.Now().Truncate(time.Second)
	payload, err := json.Marshal(idClaims{
		Audience: g.AppID, Issuer: IssuerOf(i.origin, g.TenantID, V2), IssuedAt: now.Add(-skew).Unix(), NotBefore: now.Add(-skew).Unix(),
		Expires: now.Add(g.Lifetime).Unix(), Name: g.User.DisplayName, Nonce: nonce, ObjectID: g.ObjectID, Preferred: g.User.Name, UPN: g.User.Name,
		RH: "1." + opaque(24) + ".", Subject: g.ObjectID, TenantID: g.TenantID, UTI: opaque(16), Version: string(V2),
	})
	if err != nil {
		return secret.String{}, fmt.Errorf("minting an ID token: %w", err)
	}
	signed, err := current.v2.Sign(payload)
	if err != nil {
		return secret.String{}, fmt.Errorf("minting an ID token: %w", err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		return secret.String{}, fmt.Errorf("minting an ID token: %w", err)
	}
	return secret.New(raw), nil
}

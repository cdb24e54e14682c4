package source

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// claims say whom a token is for. The token comes from the service that we trust, so its signature isn't checked.
type claims struct {
	ObjectID string `json:"oid"`
	ClientID string `json:"appid"` // version 1 tokens
	Party    string `json:"azp"`   // version 2 tokens
}

// readClaims gives empty claims for a token that can't be read.
func readClaims(token secret.String) claims {
	_, rest, _ := strings.Cut(token.Reveal(), ".")
	payload, _, _ := strings.Cut(rest, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return claims{}
	}
	var c claims
	if json.Unmarshal(decoded, &c) != nil {
		return claims{}
	}
	if c.ClientID == "" {
		c.ClientID = c.Party
	}
	return c
}

package tokens

import (
	"encoding/base64"
	"fmt"
	"time"
)

// Kind is why a token was refused; ARM has an answer of its own for each.
type Kind int

// The kinds of refusal.
const (
	Invalid       Kind = iota + 1 // malformed, forged, or of a foreign issuer
	Expired                       // Expires says when
	NotYetValid                   // from a clock ahead of ours
	WrongAudience                 // made for Audience, not for us
	WrongTenant                   // made for Tenant, the resource belongs to another
	KeyGone                       // says that it is ours, by a key that was dropped or never was
)

// Error is a refused token. It holds no part of the token.
type Error struct {
	Kind     Kind
	Reason   string // for the record, not for the caller
	Audience string
	Tenant   string
	Issuer   string
	Expires  time.Time
	Now      time.Time
}

func (e *Error) Error() string {
	switch e.Kind {
	case Expired:
		return fmt.Sprintf("the token expired at %s", e.Expires.UTC().Format(time.RFC3339))
	case WrongAudience:
		return fmt.Sprintf("the token is for %q", e.Audience)
	case WrongTenant:
		return fmt.Sprintf("the token is of tenant %s", e.Tenant)
	default:
		return "the token is invalid: " + e.Reason
	}
}

func invalid(reason string) *Error { return &Error{Kind: Invalid, Reason: reason} }

// InsufficientClaims is the part of a challenge that tells SDKs and az, which keep
// tokens until they expire, to throw theirs away and get one that was issued since
// (continuous access evaluation). It goes with KeyGone.
func InsufficientClaims(since time.Time) string {
	claims := fmt.Sprintf(`{"access_token":{"nbf":{"essential":true,"value":"%d"}}}`, since.Unix())
	return `error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(claims)) + `"`
}

package imds

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// ContentTypeJSON is the media type of every JSON answer.
const ContentTypeJSON = "application/json; charset=utf-8"

// TokenResponse is the document of a token. Every value is a string on the wire, numbers included.
// Encoding it with encoding/json hides the token; Encode is the way to the wire.
type TokenResponse struct {
	AccessToken  secret.String
	ClientID     string
	ObjectID     string // echoed when the request named the identity by it
	ResourceID   string // likewise
	ExpiresIn    time.Duration
	ExpiresOn    time.Time
	ExtExpiresIn time.Duration
	NotBefore    time.Time
	Resource     string
	TokenType    string
}

// tokenDocument is the document as it is read.
type tokenDocument struct {
	AccessToken  string   `json:"access_token"`
	ClientID     string   `json:"client_id"`
	ObjectID     string   `json:"object_id"`
	ResourceID   string   `json:"msi_res_id"`
	ExpiresIn    flexible `json:"expires_in"`
	ExpiresOn    flexible `json:"expires_on"`
	ExtExpiresIn flexible `json:"ext_expires_in"`
	NotBefore    flexible `json:"not_before"`
	Resource     string   `json:"resource"`
	TokenType    string   `json:"token_type"`
}

// flexible reads a number or a string.
type flexible string

func (f *flexible) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		var number json.Number
		if err := json.Unmarshal(data, &number); err != nil {
			return fmt.Errorf("reading a number: %w", err)
		}
		text = number.String()
	}
	*f = flexible(text)
	return nil
}

func (f flexible) int() (int64, error) {
	if f == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(f), 10, 64)
	if err != nil {
		return 0, errors.New("not a whole number") // strconv's error would quote the caller's text
	}
	return n, nil
}

// Encode gives the document with the token in the clear.
func (t TokenResponse) Encode() []byte {
	token := t.AccessToken.Reveal()
	const rest = 640 // names, numbers and identifiers
	b := make([]byte, 0, len(token)+len(t.Resource)+rest)
	b = appendMember(b, '{', "access_token", token)
	b = appendMember(b, ',', "refresh_token", "")
	for _, optional := range [...]struct{ name, value string }{
		{"client_id", t.ClientID}, {"object_id", t.ObjectID}, {"msi_res_id", t.ResourceID},
	} {
		if optional.value != "" {
			b = appendMember(b, ',', optional.name, optional.value)
		}
	}
	b = appendNumber(b, "expires_in", int64(t.ExpiresIn/time.Second))
	b = appendNumber(b, "expires_on", t.ExpiresOn.Unix())
	b = appendNumber(b, "ext_expires_in", int64(t.ExtExpiresIn/time.Second))
	b = appendNumber(b, "not_before", t.NotBefore.Unix())
	b = appendMember(b, ',', "resource", t.Resource)
	b = appendMember(b, ',', "token_type", t.TokenType)
	return append(b, '}')
}

// appendMember writes one member of an object. This is the agent's hottest path and nearly every value is plain text, so
// encoding/json is only asked for those that aren't.
func appendMember(b []byte, before byte, name, value string) []byte {
	b = append(b, before, '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	for i := range len(value) {
		if c := value[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			encoded, err := json.Marshal(value)
			if err != nil { // strings always encode
				panic(err)
			}
			return append(b, encoded...)
		}
	}
	b = append(b, '"')
	b = append(b, value...)
	return append(b, '"')
}

func appendNumber(b []byte, name string, n int64) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, `":"`...)
	b = strconv.AppendInt(b, n, 10)
	return append(b, '"')
}

// DecodeToken reads a token's document as a client does: it insists on the token and its expiry and tolerates numbers
// written as numbers. Its errors never hold any part of the document.
func DecodeToken(body []byte) (TokenResponse, error) {
	var document tokenDocument
	if err := json.Unmarshal(body, &document); err != nil {
		return TokenResponse{}, errors.New("reading the token document: not the expected JSON")
	}
	if document.AccessToken == "" {
		return TokenResponse{}, errors.New("reading the token document: access_token is missing")
	}
	var numbers [4]int64
	for i, f := range []flexible{document.ExpiresIn, document.ExpiresOn, document.ExtExpiresIn, document.NotBefore} {
		n, err := f.int()
		if err != nil {
			return TokenResponse{}, fmt.Errorf("reading the token document's times: %w", err)
		}
		numbers[i] = n
	}
	if numbers[1] == 0 {
		return TokenResponse{}, errors.New("reading the token document: expires_on is missing")
	}
	return TokenResponse{
		AccessToken:  secret.New(document.AccessToken),
		ClientID:     document.ClientID,
		ObjectID:     document.ObjectID,
		ResourceID:   document.ResourceID,
		ExpiresIn:    time.Duration(numbers[0]) * time.Second,
		ExpiresOn:    time.Unix(numbers[1], 0),
		ExtExpiresIn: time.Duration(numbers[2]) * time.Second,
		NotBefore:    time.Unix(numbers[3], 0),
		Resource:     document.Resource,
		TokenType:    document.TokenType,
	}, nil
}

// IdentityInfo is the document at /metadata/identity/info.
type IdentityInfo struct {
	TenantID string `json:"tenantId"`
}

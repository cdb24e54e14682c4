package record

import (
	"encoding/json"
	"strconv"
	"time"
)

// Decision is an answer of the ARM pipeline.
type Decision struct {
	CorrelationID string `json:"correlationId,omitempty"`
	RequestID     string `json:"requestId,omitempty"`
	TenantID      string `json:"tenantId,omitempty"`
	Caller        string `json:"caller,omitempty"` // object ID; empty if the token was refused
	AppID         string `json:"appId,omitempty"`
	TokenID       string `json:"tokenId,omitempty"`
	Method        string `json:"method"`
	Path          string `json:"path"`
	Action        string `json:"action,omitempty"`
	Scope         string `json:"scope,omitempty"`
	Allowed       bool   `json:"allowed"`
	Assignment    string `json:"assignment,omitempty"` // the role assignment that allowed it
	Status        int    `json:"status"`
	Code          string `json:"code,omitempty"`
	Reason        string `json:"reason,omitempty"`
	Remote        string `json:"remote,omitempty"`
	Called        string `json:"called,omitempty"` // what, without names: "PUT Microsoft.Network/virtualNetworks"
	APIVersion    string `json:"apiVersion,omitempty"`
	UserAgent     string `json:"userAgent,omitempty"`
}

// Request is one that isn't ARM's: to Graph, to the token service, or for what
// clients learn the cloud by. It has no query.
type Request struct {
	CorrelationID string `json:"correlationId,omitempty"`
	RequestID     string `json:"requestId,omitempty"`
	Method        string `json:"method"`
	Host          string `json:"host,omitempty"` // of a data plane: which account, namespace or registry
	Path          string `json:"path"`
	Status        int    `json:"status"`
	UserAgent     string `json:"userAgent,omitempty"`
	Remote        string `json:"remote,omitempty"`
}

// Token is an answer of the token service or the metadata service.
type Token struct {
	CorrelationID string    `json:"correlationId,omitempty"`
	TraceID       string    `json:"traceId,omitempty"`
	Via           string    `json:"via"` // "token endpoint", "metadata", "sign-in page", "device page"
	TenantID      string    `json:"tenantId,omitempty"`
	AppID         string    `json:"appId,omitempty"`
	ObjectID      string    `json:"objectId,omitempty"`
	Resource      string    `json:"resource,omitempty"` // the audience, or what was asked for
	Credential    string    `json:"credential,omitempty"`
	Host          string    `json:"host,omitempty"` // the machine that asked
	Issued        bool      `json:"issued"`
	SignedIn      bool      `json:"signedIn,omitempty"` // a user, at a page, for whom a client gets its token later
	Cached        bool      `json:"cached,omitempty"`
	TokenID       string    `json:"tokenId,omitempty"`
	KeyID         string    `json:"keyId,omitempty"`
	Expires       time.Time `json:"expires,omitzero"`
	Code          int       `json:"code,omitempty"` // AADSTS
	Reason        string    `json:"reason,omitempty"`
	Remote        string    `json:"remote,omitempty"`
}

// Decision records an answer of the pipeline. There is one for every call, which is
// why it is written out by hand.
func (l *Log) Decision(d Decision) {
	if l == nil {
		return
	}
	if l.options.Counter != nil {
		l.options.Counter.Decision(d.Allowed)
	}
	var buf [1024]byte
	line := begin(buf[:0], l.options.Clock.Now(), "decision")
	line = appendText(line, "correlationId", d.CorrelationID)
	line = appendText(line, "requestId", d.RequestID)
	line = appendText(line, "tenantId", d.TenantID)
	line = appendText(line, "caller", d.Caller)
	line = appendText(line, "appId", d.AppID)
	line = appendText(line, "tokenId", d.TokenID)
	line = appendString(line, "method", d.Method)
	line = appendString(line, "path", d.Path)
	line = appendText(line, "action", d.Action)
	line = appendText(line, "scope", d.Scope)
	line = strconv.AppendBool(append(line, `,"allowed":`...), d.Allowed)
	line = appendText(line, "assignment", d.Assignment)
	line = strconv.AppendInt(append(line, `,"status":`...), int64(d.Status), 10)
	line = appendText(line, "code", d.Code)
	line = appendText(line, "reason", d.Reason)
	line = appendText(line, "remote", d.Remote)
	line = appendText(line, "called", d.Called)
	line = appendText(line, "apiVersion", d.APIVersion)
	line = appendText(line, "userAgent", d.UserAgent)
	l.write(append(line, "}\n"...))
}

// Request records a request that has no other entry.
func (l *Log) Request(r Request) {
	l.encode(struct {
		Time time.Time `json:"time"`
		Kind string    `json:"kind"`
		Request
	}{l.now(), "request", r})
}

// Token records an issued or refused token.
func (l *Log) Token(t Token) {
	if l != nil && l.options.Counter != nil {
		l.options.Counter.Token(t.Via, t.Issued)
	}
	l.encode(struct {
		Time time.Time `json:"time"`
		Kind string    `json:"kind"`
		Token
	}{l.now(), "token", t})
}

func (l *Log) now() time.Time {
	if l == nil {
		return time.Time{}
	}
	return l.options.Clock.Now().UTC()
}

func (l *Log) encode(entry any) {
	if l == nil {
		return
	}
	line, err := json.Marshal(entry)
	if err != nil {
		return // unreachable: entries are texts, numbers and times
	}
	l.write(append(line, '\n'))
}

// begin begins a line with what every entry has.
func begin(line []byte, at time.Time, kind string) []byte {
	line = at.UTC().AppendFormat(append(line, `{"time":"`...), time.RFC3339Nano)
	return append(append(append(line, `","kind":"`...), kind...), '"')
}

// appendText adds a member unless it is empty.
func appendText(line []byte, name, value string) []byte {
	if value == "" {
		return line
	}
	return appendString(line, name, value)
}

// appendString adds a member. What needs no escape is taken as it is.
func appendString(line []byte, name, value string) []byte {
	line = append(append(append(line, `,"`...), name...), `":`...)
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, err := json.Marshal(value)
			if err != nil {
				text = []byte(`""`) // unreachable: a text can be encoded
			}
			return append(line, text...)
		}
	}
	return append(append(append(line, '"'), value...), '"')
}

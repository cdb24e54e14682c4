package secret

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"log/slog"
)

const placeholder = "[redacted]"

// String is a text that can't be printed. The zero value is the empty secret.
type String struct{ value string }

// New wraps a text that must not be printed.
func New(value string) String { return String{value: value} }

// Reveal returns the text itself, for the one place that puts it on the wire.
func (s String) Reveal() string { return s.value }

// IsZero reports whether the secret is empty.
func (s String) IsZero() bool { return s.value == "" }

// Equal compares in constant time for equal lengths.
func (s String) Equal(other String) bool {
	return subtle.ConstantTimeCompare([]byte(s.value), []byte(other.value)) == 1
}

// String returns a placeholder.
func (s String) String() string { return placeholder }

// GoString returns a placeholder, for %#v.
func (s String) GoString() string { return placeholder }

// Format writes a placeholder whatever the verb, so that %x or %q reveal nothing.
func (s String) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(placeholder)) }

// LogValue returns a placeholder, for slog.
func (s String) LogValue() slog.Value { return slog.StringValue(placeholder) }

// MarshalJSON writes a placeholder: a secret is encoded deliberately or not at all.
func (s String) MarshalJSON() ([]byte, error) { return json.Marshal(placeholder) }

// UnmarshalJSON reads a secret that a client sent.
func (s *String) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &s.value)
}

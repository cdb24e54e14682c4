package pipeline

import (
	"time"

	"github.com/lanyard-project/lanyard/internal/providers"
)

// Entry is what the record keeps of a call: who asked what, what was decided and
// why, and how it was answered. It holds no token, no body and no query.
type Entry struct {
	Time          time.Time        `json:"time"`
	RequestID     string           `json:"requestId"`
	CorrelationID string           `json:"correlationId,omitempty"`
	Caller        providers.Caller `json:"caller,omitzero"`
	Method        string           `json:"method"`
	Path          string           `json:"path"`
	Action        string           `json:"action,omitempty"`
	Scope         string           `json:"scope,omitempty"`
	Allowed       bool             `json:"allowed"`
	Reason        string           `json:"reason,omitempty"` // the role assignment that allows it
	Status        int              `json:"status"`
	Code          string           `json:"code,omitempty"` // of an error
	Operation     string           `json:"operation,omitempty"`
	// Called is what was called, without the names in its path
	// ("PUT Microsoft.Network/virtualNetworks"); for what isn't served, the path's own words.
	Called     string        `json:"called,omitempty"`
	APIVersion string        `json:"apiVersion,omitempty"`
	UserAgent  string        `json:"userAgent,omitempty"` // empty for calls of the cloud itself
	Duration   time.Duration `json:"duration"`
}

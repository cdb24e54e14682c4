package ops

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

const (
	recordPrefix = "/lanyard/operations/"
	ownerPrefix  = "/lanyard/owners/"
)

// States of an operation, as clients read them.
const (
	InProgress = "InProgress"
	Succeeded  = "Succeeded"
	Failed     = "Failed"
	Canceled   = "Canceled"
)

// Record is one operation in the store.
type Record struct {
	ID       string           `json:"id"`
	Resource string           `json:"resource"` // the resource's ID
	Type     string           `json:"type"`     // full type whose plan runs
	Plan     string           `json:"plan"`     // empty: no steps
	Method   providers.Method `json:"method"`
	Location string           `json:"location,omitempty"`
	Caller   providers.Caller `json:"caller"`
	Args     json.RawMessage  `json:"args,omitempty"`

	State string          `json:"state"`
	Step  int             `json:"step"` // steps that are done
	Data  json.RawMessage `json:"data,omitempty"`
	Tries int             `json:"tries"` // how often a worker took it up
	Start time.Time       `json:"start"`
	End   time.Time       `json:"end,omitzero"`
	Error *rest.Document  `json:"error,omitempty"`
	// Status is the HTTP status of Error, for the operation's result.
	Status int `json:"status,omitempty"`
	// Previous is the operation that this one cancelled; its steps must have
	// returned before ours start.
	Previous string `json:"previous,omitempty"`

	revision int64
}

// Done reports whether the operation has ended.
func (r *Record) Done() bool { return r.State != InProgress }

// ResourceID returns the operation's resource.
func (r *Record) ResourceID() (armid.ID, error) { return armid.Parse(r.Resource) }

func (r *Record) key() string      { return recordPrefix + r.ID }
func (r *Record) ownerKey() string { return ownerPrefix + r.ID }

func (r *Record) encode() ([]byte, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding operation %s: %w", r.ID, err)
	}
	return raw, nil
}

func decodeRecord(raw []byte, revision int64) (*Record, error) {
	r := &Record{revision: revision}
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, fmt.Errorf("decoding an operation: %w", err)
	}
	return r, nil
}

// end returns the record as it is after the operation ended.
func (r *Record) end(state string, now time.Time, cause *rest.Error) *Record {
	out := *r
	out.State, out.End = state, now.UTC()
	if cause != nil {
		document := cause.Document()
		out.Error, out.Status = &document, cause.Status
	}
	return &out
}

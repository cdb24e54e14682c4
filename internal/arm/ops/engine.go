package ops

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/documents"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Options make an Engine.
type Options struct {
	Store    *store.Store
	Registry *providers.Registry
	Clock    clock.Clock
	Log      *slog.Logger
	// Record is told of every write and of every operation's end; nil is fine.
	Record func(Event)
	// LeaseTTL is after which time another process takes over the operations of one
	// that died; 0 means 5 seconds.
	LeaseTTL time.Duration
	// Alone says that no other process can work on the store's operations: whoever
	// owned one before this process began is dead, and nobody waits for its lease.
	Alone bool
}

// Event is a write for the record, without contents.
type Event struct {
	Time      time.Time        `json:"time"`
	Kind      string           `json:"kind"` // "write", "remove", "operation"
	Resource  string           `json:"resource"`
	Caller    providers.Caller `json:"caller,omitzero"`
	Method    providers.Method `json:"method,omitempty"` // of an operation
	Operation string           `json:"operation,omitempty"`
	State     string           `json:"state,omitempty"`
}

// Engine writes resources and runs operations. It implements providers.Resources.
type Engine struct {
	store     *store.Store
	documents *documents.Documents
	registry  *providers.Registry
	clock     clock.Clock
	log       *slog.Logger
	record    func(Event)
	ttl       time.Duration
	alone     bool
}

// New returns an engine; Run makes it work on operations.
func New(o Options) *Engine {
	e := &Engine{
		store: o.Store, documents: documents.New(o.Store), registry: o.Registry,
		clock: o.Clock, log: o.Log, record: o.Record, ttl: o.LeaseTTL, alone: o.Alone,
	}
	if e.ttl == 0 {
		e.ttl = 5 * time.Second
	}
	if e.record == nil {
		e.record = func(Event) {}
	}
	return e
}

// Documents gives read access to the resources.
func (e *Engine) Documents() *documents.Documents { return e.documents }

// Operation reads an operation's record; nil when there is none.
func (e *Engine) Operation(ctx context.Context, id string) (*Record, error) {
	item, err := e.store.Get(ctx, recordPrefix+id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return decodeRecord(item.Value, item.Revision)
}

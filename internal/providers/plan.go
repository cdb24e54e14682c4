package providers

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
)

// Plan is a long-running operation: steps that run one after the other. Each
// step must be idempotent: after a crash the step that was under way runs again.
type Plan struct {
	Name  string
	Steps []Step
	// Failed cleans up after a step failed for good or the operation was cancelled;
	// optional, its own error is only logged. It doesn't run when a delete cancelled
	// the operation, because the delete's plan cleans up.
	Failed func(ctx context.Context, r *Run) error
}

// CodeCanceled is the code of a step's error that ends the operation as Canceled
// instead of Failed.
const CodeCanceled = "OperationCanceled"

// Step is one part of a plan. How its Run ends decides what follows:
//
//	nil            the next step; after the last one the operation has Succeeded
//	*rest.Error    the operation has Failed, and the client reads this error
//	any other      logged and tried again with growing waits for up to Patience, then Failed
//
// The context ends when the operation is cancelled or its lease is lost: a step
// must return soon after, its error doesn't matter then.
type Step struct {
	Name     string
	Run      func(ctx context.Context, r *Run) error
	Patience time.Duration // 0 means two minutes; counted from the step's first failure
}

// Run is what a step sees of its operation.
type Run struct {
	// Operation is the ID of the operation; with the step's name it makes stable
	// names for what a step creates.
	Operation string
	ID        armid.ID
	Caller    Caller // who asked for it
	Args      json.RawMessage
	Log       *slog.Logger
	Resources Resources
	// Cause is the error that ended the plan, for Plan.Failed.
	Cause error

	// SaveData writes Data into the operation's record; arm/ops sets it.
	SaveData func(ctx context.Context, data json.RawMessage) error
	data     json.RawMessage
}

// NewRun is for arm/ops and tests: data is what an earlier step saved.
func NewRun(r Run, data json.RawMessage) *Run {
	r.data = data
	return &r
}

// Resource reads the operation's resource as it is now.
func (r *Run) Resource(ctx context.Context) (*resource.Resource, error) {
	return r.Resources.Get(ctx, r.ID)
}

// Update changes the operation's resource; see Resources.Update.
func (r *Run) Update(ctx context.Context, change func(*resource.Resource) error) (*resource.Resource, error) {
	return r.Resources.Update(ctx, r.ID, change)
}

// ReadArgs decodes what Request.Start was given.
func (r *Run) ReadArgs(into any) error {
	if err := json.Unmarshal(r.Args, into); err != nil {
		return fmt.Errorf("reading the operation's arguments: %w", err)
	}
	return nil
}

// Load decodes what an earlier step or attempt saved; into stays as it is when
// nothing was.
func (r *Run) Load(into any) error {
	if len(r.data) == 0 {
		return nil
	}
	if err := json.Unmarshal(r.data, into); err != nil {
		return fmt.Errorf("reading the operation's data: %w", err)
	}
	return nil
}

// Save keeps data for later steps and attempts; it survives a crash once Save
// returned.
func (r *Run) Save(ctx context.Context, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("keeping the operation's data: %w", err)
	}
	if err := r.SaveData(ctx, raw); err != nil {
		return err
	}
	r.data = raw
	return nil
}

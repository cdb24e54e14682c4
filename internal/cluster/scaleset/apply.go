package scaleset

import (
	"context"
	"errors"
	"strings"
)

// batchSize is the most identities that one PATCH may mention.
const batchSize = 150

// Client is what a pass needs of Azure.
type Client interface {
	Get(ctx context.Context, id ID) (State, error)
	Patch(ctx context.Context, id ID, seen State, changes []Change) (State, error)
}

// application sends changes to one scale set and keeps what came of them.
type application struct {
	client  Client
	id      ID
	state   State             // as of the last answer
	refused map[string]*Fault // identities that Azure refuses
}

// send makes all changes that can be made. An identity that Azure refuses ends
// up in refused and the others go ahead; an error means that the scale set as
// a whole couldn't be changed (any more).
func (a *application) send(ctx context.Context, changes []Change) error {
	for len(changes) > 0 {
		n := min(batchSize, len(changes))
		if err := a.batch(ctx, changes[:n]); err != nil {
			return err
		}
		changes = changes[n:]
	}
	return nil
}

// batch sends one PATCH. When Azure refuses an identity it goes on without
// those that the answer names, or with each half if it names none.
func (a *application) batch(ctx context.Context, changes []Change) error {
	if len(changes) == 0 {
		return nil
	}
	state, err := a.client.Patch(ctx, a.id, a.state, changes)
	if err == nil {
		a.state = state
		return nil
	}
	var fault *Fault
	if !errors.As(err, &fault) || fault.Blame != BlameIdentity {
		return err
	}
	if len(changes) == 1 {
		a.refused[changes[0].Identity] = fault
		return nil
	}
	named, others := splitByName(changes, fault.Message)
	if len(named) > 0 {
		for _, c := range named {
			a.refused[c.Identity] = fault
		}
		return a.batch(ctx, others)
	}
	half := len(changes) / 2
	if err := a.batch(ctx, changes[:half]); err != nil {
		return err
	}
	return a.batch(ctx, changes[half:])
}

// splitByName parts the additions that a message names from everything else.
// Removals are never blamed: Azure checks nothing for them.
func splitByName(changes []Change, message string) (named, others []Change) {
	text := strings.ToLower(message)
	for _, c := range changes {
		if !c.Remove && mentions(text, c.Identity) {
			named = append(named, c)
		} else {
			others = append(others, c)
		}
	}
	return named, others
}

// mentions reports whether a text has an ID that doesn't go on after it: one
// identity's ID may be the beginning of another's.
func mentions(text, id string) bool {
	for {
		at := strings.Index(text, id)
		if at < 0 {
			return false
		}
		text = text[at+len(id):]
		if text == "" || !isNameByte(text[0]) {
			return true
		}
	}
}

func isNameByte(b byte) bool {
	return b == '-' || b == '_' || b == '/' || (b >= '0' && b <= '9') || (b >= 'a' && b <= 'z')
}

package pipeline

import (
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// Locks know what is locked.
type Locks interface {
	// Blocking returns the scopes whose locks forbid changing the resource, or
	// deleting it with all that is below it.
	Blocking(id armid.ID, deleting bool) []string
}

// unlocked refuses what a lock forbids. A ReadOnly lock forbids actions too, even
// those that only show something, as Azure's does; open ones change nothing.
func (p *Pipeline) unlocked(c *call) error {
	if p.Locks == nil {
		return nil
	}
	operation := "write"
	switch c.match.Method {
	case providers.Get, providers.List:
		return nil
	case providers.Do:
		if a := c.match.Action; a.Open || a.Method == http.MethodGet {
			return nil
		}
	case providers.Delete:
		operation = "delete"
	case providers.Put, providers.Patch:
	}
	at := c.match.At()
	if locked := p.Locks.Blocking(at, operation == "delete"); len(locked) > 0 {
		return rest.ScopeLocked(at.String(), operation, locked)
	}
	return nil
}

package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

// attempts bounds how often a write is decided anew because others wrote meanwhile.
const attempts = 20

// write answers PUT and PATCH.
func (p *Pipeline) write(ctx context.Context, c *call) (rest.Response, error) {
	optional := c.match.Type.NoBody && c.match.Method == providers.Put
	body, err := readBody(c, !optional)
	if err != nil {
		return rest.Response{}, err
	}
	if body == nil {
		body = json.RawMessage("{}")
	}
	for attempt := range attempts {
		response, err := p.tryWrite(ctx, c, body, attempt)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		return response, err
	}
	return rest.Response{}, rest.Conflict(c.match.ID.String())
}

// tryWrite decides on the state as it is now and writes if it still is so then.
func (p *Pipeline) tryWrite(ctx context.Context, c *call, body json.RawMessage, attempt int) (rest.Response, error) {
	r, err := p.proposal(ctx, c, body)
	if err != nil {
		return rest.Response{}, err
	}
	r.Attempt = attempt
	t := r.Type
	if t.Part != nil {
		return p.writePart(ctx, c, r)
	}
	if t.Prepare != nil {
		if err := t.Prepare(ctx, r); err != nil {
			return rest.Response{}, byProvider(t, err)
		}
	}
	if err := p.authoriseLinked(ctx, c, r.Linked); err != nil {
		return rest.Response{}, err
	}
	if err := p.free(c, t, r.Old); err != nil {
		return rest.Response{}, err
	}
	if t.Admit != nil {
		if err := t.Admit(ctx, r); err != nil {
			return rest.Response{}, byProvider(t, err)
		}
	}
	if t.Apply != nil {
		shown, err := t.Apply(ctx, r)
		if err != nil {
			return rest.Response{}, byProvider(t, err)
		}
		return respond(ctx, c, made(r), shown)
	}
	outcome, err := p.Engine.Commit(ctx, r)
	if err != nil {
		return rest.Response{}, err
	}
	response, err := respond(ctx, c, made(r), outcome.Resource)
	if err != nil || outcome.Operation == nil {
		return response, err
	}
	return p.follow(c, response, outcome.Operation, false), nil
}

// made is the status of a write that is done.
func made(r *providers.Request) int {
	if r.Old == nil && !r.Type.MadeOK {
		return http.StatusCreated
	}
	return http.StatusOK
}

// proposal reads the stored resource and makes what the call wants of it.
func (p *Pipeline) proposal(ctx context.Context, c *call, body json.RawMessage) (*providers.Request, error) {
	id := c.match.ID
	old, err := p.find(ctx, c)
	if err != nil {
		return nil, err
	}
	if old == nil && c.match.Method == providers.Patch {
		return nil, p.missing(ctx, id)
	}
	if err := precondition(c, old); err != nil {
		return nil, err
	}
	r := p.request(c)
	r.Old, r.Body = old, body
	if old == nil {
		if id, err = p.place(ctx, c.match.Type, id); err != nil {
			return nil, err
		}
		r.ID = id
	} else {
		r.ID = old.ID
	}
	if c.match.Method == providers.Patch {
		r.Next, err = resource.FromPatch(old, body)
	} else {
		r.Next, err = resource.FromPut(r.ID, old, body)
	}
	if err != nil {
		return nil, rest.InvalidRequestContent(err.Error())
	}
	return r, checkEnvelope(r)
}

// place checks that a new resource can be where its ID says, and returns the ID
// with the casing in which its scopes were created.
func (p *Pipeline) place(ctx context.Context, t *providers.Type, id armid.ID) (armid.ID, error) {
	if t.NamePattern != nil && !t.NamePattern.MatchString(id.Name()) {
		if t.BadName != nil {
			return id, t.BadName(id.Name())
		}
		return id, rest.InvalidResourceName(id.Name(), t.NameRule)
	}
	if err := p.Engine.CheckPlace(ctx, id); err != nil {
		return id, err
	}
	if err := p.registered(ctx, id); err != nil {
		return id, err
	}
	if parent := id.Parent(); !parent.IsRoot() {
		stored, err := p.documents.Look(ctx, parent)
		if err != nil {
			return id, err
		}
		if stored != nil {
			id = id.Rebase(stored.ID)
		}
	}
	return id, nil
}

// free refuses a write while an operation is under way.
func (p *Pipeline) free(c *call, t *providers.Type, old *resource.Resource) error {
	if old == nil || !old.Busy() {
		return nil
	}
	if t.Busy != nil {
		if err := t.Busy(old); err != nil {
			return byProvider(t, err)
		}
	}
	return rest.AnotherOperationInProgress(old.ID.String(), p.operationURL(c, old.ID, old.Location, old.Operation, "operations"))
}

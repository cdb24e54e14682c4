package pipeline

import (
	"context"
	"errors"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/store"
)

// delete answers DELETE.
func (p *Pipeline) delete(ctx context.Context, c *call) (rest.Response, error) {
	for range attempts {
		response, err := p.tryDelete(ctx, c)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		return response, err
	}
	return rest.Response{}, rest.Conflict(c.match.ID.String())
}

func (p *Pipeline) tryDelete(ctx context.Context, c *call) (rest.Response, error) {
	old, err := p.find(ctx, c)
	if err != nil {
		return rest.Response{}, err
	}
	if old == nil {
		return p.absent(ctx, c)
	}
	if err := precondition(c, old); err != nil {
		return rest.Response{}, err
	}
	if old.Busy() && old.ProvisioningState == resource.Deleting {
		running, err := p.Engine.Operation(ctx, old.Operation)
		if err != nil {
			return rest.Response{}, err
		}
		if running != nil {
			return p.follow(c, rest.Empty(http.StatusAccepted), running, true), nil
		}
	}
	r := p.request(c)
	r.ID, r.Old = old.ID, old
	if r.Type.Part != nil {
		return p.writePart(ctx, c, r)
	}
	if t := r.Type; t.Remove != nil {
		if err := t.Remove(ctx, r); err != nil {
			return rest.Response{}, byProvider(t, err)
		}
	}
	if r.Type.Apply != nil {
		_, err := r.Type.Apply(ctx, r)
		return rest.Empty(http.StatusOK), byProvider(r.Type, err)
	}
	outcome, err := p.Engine.Commit(ctx, r)
	switch {
	case err != nil:
		return rest.Response{}, err
	case outcome.Operation != nil:
		return p.follow(c, rest.Empty(http.StatusAccepted), outcome.Operation, true), nil
	case r.Type.ShowDeleted:
		return respond(ctx, c, http.StatusOK, old)
	case r.Type.GoneEmpty:
		return rest.Empty(http.StatusNoContent), nil
	}
	return rest.Empty(http.StatusOK), nil
}

// absent answers the deletion of what isn't there: 204, but a missing group is an error.
func (p *Pipeline) absent(ctx context.Context, c *call) (rest.Response, error) {
	if want := c.Header.Get("If-Match"); want != "" {
		return rest.Response{}, rest.PreconditionFailed(c.match.ID.String())
	}
	if err := p.missing(ctx, c.match.ID); !rest.HasCode(err, "ResourceNotFound") {
		return rest.Response{}, err
	}
	return rest.Empty(http.StatusNoContent), nil
}

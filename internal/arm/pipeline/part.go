package pipeline

import (
	"context"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// writePart writes what is a part of another resource's document: the whole is
// written, under the whole's own checks, and the answer shows the part.
func (p *Pipeline) writePart(ctx context.Context, c *call, r *providers.Request) (rest.Response, error) {
	t := r.Type
	whole, err := t.Part(ctx, r)
	if err != nil {
		return rest.Response{}, byProvider(t, err)
	}
	if err := p.authoriseLinked(ctx, c, whole.Linked); err != nil {
		return rest.Response{}, err
	}
	if err := p.free(c, whole.Type, whole.Old); err != nil {
		return rest.Response{}, err
	}
	if whole.Type.Admit != nil {
		if err := whole.Type.Admit(ctx, whole); err != nil {
			return rest.Response{}, byProvider(t, err)
		}
	}
	outcome, err := p.Engine.Commit(ctx, whole)
	if err != nil {
		return rest.Response{}, err
	}
	if r.Method == providers.Delete {
		if outcome.Operation == nil {
			return rest.Empty(http.StatusOK), nil
		}
		return p.follow(c, rest.Empty(http.StatusAccepted), outcome.Operation, true), nil
	}
	part, err := t.Get(ctx, p.request(c))
	if err != nil {
		return rest.Response{}, byProvider(t, err)
	}
	status := http.StatusOK
	if r.Old == nil {
		status = http.StatusCreated
	}
	response, err := respond(ctx, c, status, part)
	if err != nil || outcome.Operation == nil {
		return response, err
	}
	return p.follow(c, response, outcome.Operation, false), nil
}

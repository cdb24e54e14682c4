package pipeline

import (
	"context"
	"errors"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/store"
)

// action answers the operations beside the standard ones.
func (p *Pipeline) action(ctx context.Context, c *call) (rest.Response, error) {
	body, err := readBody(c, false)
	if err != nil {
		return rest.Response{}, err
	}
	for range attempts {
		r := p.request(c)
		r.Body = body
		if !c.match.ID.IsZero() && !c.match.Action.Anew {
			if r.Old, err = p.load(ctx, c); err != nil {
				return rest.Response{}, err
			}
			r.Old = r.Old.Clone() // the action's own
			r.ID = r.Old.ID
		}
		response, err := c.match.Action.Run(ctx, r)
		if err != nil {
			return rest.Response{}, byProvider(r.Type, err)
		}
		if err := p.authoriseLinked(ctx, c, r.Linked); err != nil {
			return rest.Response{}, err
		}
		if r.Operation == nil && r.Next == nil && len(r.Ops) == 0 {
			return response, nil
		}
		if r.Operation != nil {
			if err := p.free(c, r.Type, r.Old); err != nil {
				return rest.Response{}, err
			}
		}
		outcome, err := p.Engine.Commit(ctx, r)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil || outcome.Operation == nil {
			return response, err
		}
		if response.Status == 0 {
			response.Status = http.StatusAccepted
		}
		return p.follow(c, response, outcome.Operation, true), nil
	}
	return rest.Response{}, rest.Conflict(c.match.ID.String())
}

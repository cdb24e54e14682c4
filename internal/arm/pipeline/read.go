package pipeline

import (
	"context"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// read answers GET and HEAD of a resource.
func (p *Pipeline) read(ctx context.Context, c *call) (rest.Response, error) {
	r, err := p.load(ctx, c)
	if err != nil {
		return rest.Response{}, err
	}
	if c.match.Head {
		return rest.Empty(http.StatusNoContent), nil
	}
	if not := c.Header.Get("If-None-Match"); not != "" && c.match.Type.ShowETag && matches(not, r) {
		return rest.Empty(http.StatusNotModified).With("ETag", resource.ETag(r.Revision)), nil
	}
	return respond(ctx, c, http.StatusOK, r)
}

// load reads the call's resource, to look at it, or fails with the 404 that fits.
func (p *Pipeline) load(ctx context.Context, c *call) (*resource.Resource, error) {
	r, err := p.look(ctx, c)
	if err != nil {
		return nil, err
	}
	if r == nil {
		err := p.missing(ctx, c.match.ID)
		t := c.match.Type
		if t.NotFound == nil || !rest.HasCode(err, "ResourceNotFound") {
			return nil, err
		}
		// Whether the whole is there ARM says, before it asks the provider for a part.
		if whole := c.match.ID.Parent(); strings.Contains(t.Name, "/") {
			stored, err := p.documents.Get(ctx, whole)
			if err != nil {
				return nil, err
			}
			if stored == nil {
				return nil, ops.NotFound(whole)
			}
		}
		return nil, byProvider(t, t.NotFound(c.match.ID))
	}
	return r, nil
}

// find reads the call's resource from where its type keeps it; nil when there is none.
func (p *Pipeline) find(ctx context.Context, c *call) (*resource.Resource, error) {
	if t := c.match.Type; t.Get != nil {
		r, err := t.Get(ctx, p.request(c))
		if rest.HasCode(err, "ResourceNotFound") {
			return nil, nil
		}
		return r, byProvider(t, err)
	}
	return p.documents.Get(ctx, c.match.ID)
}

// look is find for who doesn't change what is found.
func (p *Pipeline) look(ctx context.Context, c *call) (*resource.Resource, error) {
	if c.match.Type.Get != nil {
		return p.find(ctx, c)
	}
	return p.documents.Look(ctx, c.match.ID)
}

// missing is the 404 for a resource: its group's when that is missing too.
func (p *Pipeline) missing(ctx context.Context, id armid.ID) error {
	if group := id.ResourceGroupID(); !group.IsZero() && !group.Equal(id) {
		stored, err := p.documents.Look(ctx, group)
		if err != nil {
			return err
		}
		if stored == nil {
			return ops.NotFound(group)
		}
	}
	return ops.NotFound(id)
}

// request is what the provider's functions see of the call.
func (p *Pipeline) request(c *call) *providers.Request {
	return &providers.Request{
		Caller: c.caller, Method: c.match.Method, Type: c.match.Type, APIVersion: c.version, Query: c.Query,
		Now: p.Clock.Now(), ID: c.match.ID, Scope: c.match.Scope, Origin: c.Origin,
	}
}

package pipeline

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/documents"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// list answers GET of a collection, one page of it.
func (p *Pipeline) list(ctx context.Context, c *call) (rest.Response, error) {
	if err := p.scopeExists(ctx, c.match.Scope); err != nil {
		return rest.Response{}, err
	}
	window, err := p.readWindow(c)
	if err != nil {
		return rest.Response{}, err
	}
	shows := func(*resource.Resource) bool { return true }
	if t := c.match.Type; t.Filter != nil {
		if shows, err = t.Filter(p.request(c)); err != nil {
			return rest.Response{}, byProvider(t, err)
		}
	}
	page := rest.Page{Value: []json.RawMessage{}}
	last := ""
	for r, err := range p.members(ctx, c, window) {
		if err != nil {
			return rest.Response{}, err
		}
		if r.ID.Key() <= window.after || !shows(r) || c.match.Type.ListVisible && !p.listed(ctx, c, r.ID) {
			continue
		}
		if len(page.Value) == window.size {
			page.NextLink = p.nextLink(c, last)
			break
		}
		document, err := render(ctx, c.match.Type, r, c.version)
		if err != nil {
			return rest.Response{}, err
		}
		page.Value = append(page.Value, document)
		last = r.ID.Key()
	}
	return rest.OK(page), nil
}

// members yields the collection in the order of the keys, to be looked at.
func (p *Pipeline) members(ctx context.Context, c *call, w window) iter.Seq2[*resource.Resource, error] {
	wanted := w.size + 1 // one more tells that there is a next page
	t := c.match.Type
	if t.ListsAll {
		return p.documents.LookThrough(ctx, documents.Scan{Scope: c.match.Scope, After: w.after, Wanted: wanted})
	}
	if t.List == nil {
		everywhere := t.ListBySubscription && c.match.Scope.Is(armid.SubscriptionType)
		return p.documents.LookThrough(ctx, documents.Scan{Scope: c.match.Scope, Type: t.FullName(), Direct: !everywhere, After: w.after, Wanted: wanted})
	}
	return func(yield func(*resource.Resource, error) bool) {
		members, err := t.List(ctx, p.request(c))
		if err != nil {
			yield(nil, byProvider(t, err))
			return
		}
		members = slices.Clone(members)
		slices.SortStableFunc(members, func(a, b *resource.Resource) int { return strings.Compare(a.ID.Key(), b.ID.Key()) })
		for _, r := range members {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// listed reports whether a collection shows the resource to the caller: one of
// another tenant's subscriptions never.
func (p *Pipeline) listed(ctx context.Context, c *call, id armid.ID) bool {
	if subscription := id.SubscriptionID(); !subscription.IsZero() {
		if tenant, err := p.tenant(ctx, subscription); err != nil || !strings.EqualFold(tenant, c.caller.TenantID) {
			return false
		}
	}
	return p.mayRead(ctx, c, id)
}

// scopeExists fails with a 404 when what is listed below doesn't exist.
func (p *Pipeline) scopeExists(ctx context.Context, scope armid.ID) error {
	if scope.IsRoot() || scope.Is(armid.SubscriptionType) || scope.Is(armid.ProviderType) || scope.Is(armid.LocationType) {
		return nil
	}
	if t := p.Registry.Find(scope.Type()); t == nil || t.Get != nil {
		return nil
	}
	stored, err := p.documents.Look(ctx, scope)
	if err != nil {
		return err
	}
	if stored != nil {
		return nil
	}
	if group := scope.ResourceGroupID(); !group.IsZero() && !group.Equal(scope) {
		return p.missing(ctx, scope)
	}
	return ops.NotFound(scope)
}

// nextLink is the URL of the page that starts after the key.
func (p *Pipeline) nextLink(c *call, last string) string {
	query := url.Values{}
	for name, values := range c.Query {
		if !strings.EqualFold(name, "$skiptoken") {
			query[name] = values
		}
	}
	query.Set("$skiptoken", p.skipToken(c, last))
	return c.Origin + (&url.URL{Path: c.Path}).EscapedPath() + "?" + query.Encode()
}

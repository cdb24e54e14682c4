package pipeline

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// render shows a resource as its type does.
func render(ctx context.Context, t *providers.Type, r *resource.Resource, version string) (json.RawMessage, error) {
	if t.Render == nil && t.Document == nil && t.Get == nil && t.List == nil && !t.ListsAll && r.ID.Is(t.FullName()) {
		// What is shown follows from the document alone: it is encoded once.
		return r.Shown.Wire(func() (json.RawMessage, error) { return r.Wire(t.Wire(r.ID)) })
	}
	shown := r.Clone()
	if t.Render != nil {
		if err := t.Render(ctx, shown, version); err != nil {
			return nil, byProvider(t, err)
		}
	}
	if t.Document != nil {
		document, err := t.Document(ctx, shown, version)
		return document, byProvider(t, err)
	}
	return shown.Wire(t.Wire(r.ID))
}

// respond answers with a resource.
func respond(ctx context.Context, c *call, status int, r *resource.Resource) (rest.Response, error) {
	document, err := render(ctx, c.match.Type, r, c.version)
	if err != nil {
		return rest.Response{}, err
	}
	response := rest.Response{Status: status, Body: document}
	if c.match.Type.ShowETag {
		response = response.With("ETag", resource.ETag(r.Revision))
	}
	return response, nil
}

// precondition holds the call's If-Match and If-None-Match against the resource
// as it is, nil meaning that there is none.
func precondition(c *call, old *resource.Resource) error {
	want, not := c.Header.Get("If-Match"), c.Header.Get("If-None-Match")
	switch {
	case (want == "" || matches(want, old)) && (not == "" || !matches(not, old)):
		return nil
	case c.match.Type.Mismatch != nil:
		return byProvider(c.match.Type, c.match.Type.Mismatch())
	}
	return rest.PreconditionFailed(c.match.ID.String())
}

// matches reports whether the resource is among a header's entity tags.
func matches(header string, r *resource.Resource) bool {
	if r == nil {
		return false
	}
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || strings.Trim(tag, `"`) == strings.Trim(resource.ETag(r.Revision), `"`) {
			return true
		}
	}
	return false
}

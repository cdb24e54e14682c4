package deployments

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers/deployments/expression"
)

// read is reference() and list…(): a call as the one who deploys.
func (r *runner) read(ctx context.Context, name, version, action string, body any) (map[string]any, error) {
	id, version, err := r.find(name, version)
	if err != nil {
		return nil, err
	}
	call := Call{Method: http.MethodGet, Path: id.String(), Version: version}
	if action != "" {
		call.Method, call.Path = http.MethodPost, call.Path+"/"+action
		if body != nil {
			if call.Body, err = json.Marshal(body); err != nil {
				return nil, fmt.Errorf("writing the body of %s: %w", action, err)
			}
		}
	}
	answer := r.cfg.Send(ctx, r.run.Caller, call)
	if failure := failureOf(answer); failure != nil {
		return nil, failure
	}
	raw, err := json.Marshal(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", id, err)
	}
	value, err := expression.Decode(raw)
	document, ok := value.(map[string]any)
	if err != nil || !ok {
		return nil, fmt.Errorf("reading %s: the answer is no object", id)
	}
	return document, nil
}

// find resolves what reference() names: an ID, or a resource of the template,
// which must be made first.
func (r *runner) find(name, version string) (armid.ID, string, error) {
	for _, one := range r.plan {
		if !one.matches(name) {
			continue
		}
		if p := r.progressOf(one.id); p != nil && p.State != resource.Succeeded {
			return one.id, version, errLater
		}
		if version == "" {
			version = one.version
		}
		return one.id, r.known(one.id, version), nil
	}
	id, err := armid.Parse(name)
	if err != nil {
		return id, version, fmt.Errorf("'%s' is neither a resource ID nor a resource of the template", name)
	}
	return id, r.known(id, version), nil
}

// known is the version, or the newest one when none is given.
func (r *runner) known(id armid.ID, version string) string {
	if t := r.cfg.Registry.Find(id.Type()); version == "" && t != nil {
		for _, v := range t.APIVersions {
			version = max(version, v)
		}
	}
	return version
}

// failureOf is the error that an answer carries, or nil.
func failureOf(answer rest.Response) *rest.Error {
	if answer.Status < http.StatusBadRequest {
		return nil
	}
	if e, ok := answer.Body.(*rest.Error); ok {
		failure := *e
		failure.Status = answer.Status
		return &failure
	}
	return rest.NewError(answer.Status, http.StatusText(answer.Status), "The call failed without saying why.")
}

// pathOf takes a URL of an operation apart.
func pathOf(at string) (path, version string, ok bool) {
	u, err := url.Parse(at)
	if err != nil || u.Path == "" {
		return "", "", false
	}
	return u.Path, u.Query().Get("api-version"), true
}

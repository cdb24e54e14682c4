package graph

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/directory"
)

// object is any object of the tenant as a document with its kind, or a not-found error.
func (s *Service) object(r *request, id string) (map[string]any, error) {
	type found struct {
		kind, tenant string
		document     map[string]any
	}
	d := s.options.Directory
	for _, find := range []func(ctx context.Context) (found, error){
		func(ctx context.Context) (found, error) {
			p, err := d.ByObjectID(ctx, id)
			return found{"servicePrincipal", p.TenantID, s.servicePrincipalDocument(r, p)}, err
		},
		func(ctx context.Context) (found, error) {
			u, err := d.User(ctx, id)
			return found{"user", u.TenantID, userDocument(u)}, err
		},
		func(ctx context.Context) (found, error) {
			g, err := d.Group(ctx, id)
			return found{"group", g.TenantID, groupDocument(g)}, err
		},
		func(ctx context.Context) (found, error) {
			a, err := d.Application(ctx, id)
			return found{"application", a.TenantID, s.applicationDocument(r, a)}, err
		},
	} {
		one, err := find(r.Context())
		if errors.Is(err, directory.ErrNotFound) || err == nil && !strings.EqualFold(one.tenant, r.caller.TenantID) {
			continue
		}
		if err != nil {
			return nil, err
		}
		one.document["@odata.type"] = "#microsoft.graph." + one.kind
		return one.document, nil
	}
	return nil, notFound(id)
}

func (s *Service) getObject(r *request) (answer, error) {
	document, err := s.object(r, r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, r.entityOf("directoryObjects", document)}, nil
}

// objects answers with the ones that are there.
func (s *Service) objects(r *request, ids []string) (answer, error) {
	q, refused := parseQuery(r.URL.RawQuery)
	if refused != nil {
		return answer{}, refused
	}
	if q.filter != nil {
		return answer{}, unsupported("The query option '$filter' is not supported on this collection.")
	}
	result := page{Context: r.origin + "/v1.0/$metadata#directoryObjects", Value: []map[string]any{}}
	shown, next := cut(slices.Clone(ids), func(id string) string { return id }, q)
	result.NextLink = q.nextLink(r.origin+r.URL.Path, next)
	for _, id := range shown {
		document, err := s.object(r, id)
		var refused *Error
		if errors.As(err, &refused) {
			continue // gone: a reference doesn't keep it
		}
		if err != nil {
			return answer{}, err
		}
		chosen, refused := choose(document, q.fields, "directoryObject")
		if refused != nil {
			return answer{}, refused
		}
		result.Value = append(result.Value, chosen)
	}
	return answer{http.StatusOK, result}, nil
}

// ownedObjects are the applications and groups of the user who asks.
func (s *Service) ownedObjects(r *request) (answer, error) {
	if r.caller.User == "" {
		return answer{}, notDelegated()
	}
	var ids []string
	owns := func(owners []string) bool {
		return slices.ContainsFunc(owners, func(id string) bool { return strings.EqualFold(id, r.caller.ObjectID) })
	}
	for _, a := range s.options.Directory.Applications(r.caller.TenantID) {
		if owns(a.Owners) {
			ids = append(ids, a.ObjectID)
		}
	}
	for _, g := range s.options.Directory.Groups(r.caller.TenantID) {
		if owns(g.Owners) {
			ids = append(ids, g.ObjectID)
		}
	}
	return s.objects(r, ids)
}

// with returns a list of IDs with one more.
func with(ids []string, id string) ([]string, error) {
	if slices.ContainsFunc(ids, func(other string) bool { return strings.EqualFold(other, id) }) {
		return nil, badRequest("One or more added object references already exist for the following modified properties.")
	}
	return append(slices.Clone(ids), id), nil
}

// without returns a list of IDs with one less.
func without(ids []string, id string) ([]string, error) {
	left := slices.DeleteFunc(slices.Clone(ids), func(other string) bool { return strings.EqualFold(other, id) })
	if len(left) == len(ids) {
		return nil, notFound(id)
	}
	return left, nil
}

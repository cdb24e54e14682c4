package graph

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/directory"
)

func servicePrincipals() *entity[directory.ServicePrincipal] {
	type principal = directory.ServicePrincipal
	return &entity[principal]{name: "ServicePrincipal", properties: []property[principal]{
		one("id", func(p principal) string { return p.ObjectID }),
		one("appId", func(p principal) string { return p.AppID }),
		one("displayName", func(p principal) string { return p.DisplayName }),
		one("servicePrincipalType", func(p principal) string { return string(p.Type) }),
		several("servicePrincipalNames", func(p principal) []string { return p.Names }),
		several("alternativeNames", func(p principal) []string { return p.AlternativeNames }),
	}}
}

func (s *Service) listServicePrincipals(r *request) (answer, error) {
	q, refused := parseQuery(r.URL.RawQuery)
	if refused != nil {
		return answer{}, refused
	}
	matches, refused := servicePrincipals().compile(q.filter)
	if refused != nil {
		return answer{}, refused
	}
	candidates, err := s.candidates(r.Context(), r.caller.TenantID, q.filter)
	if err != nil {
		return answer{}, err
	}
	var found []directory.ServicePrincipal
	for _, p := range candidates {
		if matches(p) {
			found = append(found, p)
		}
	}
	return listed(r, q, "servicePrincipal", "servicePrincipals", found,
		func(p directory.ServicePrincipal) string { return p.ObjectID },
		func(p directory.ServicePrincipal) map[string]any { return s.servicePrincipalDocument(r, p) })
}

// candidates are the principals among which a filter has to look. One that names
// a client or object ID needs no search, and finds a principal at once that
// another replica made a moment ago.
func (s *Service) candidates(ctx context.Context, tenantID string, f *filter) ([]directory.ServicePrincipal, error) {
	if f == nil || f.op != opEqual && f.op != opAnyEqual || uuid.Validate(f.value) != nil {
		return s.options.Directory.ServicePrincipals(tenantID), nil
	}
	find := s.options.Directory.ByAppID
	switch strings.ToLower(f.property) {
	case "id":
		find = s.options.Directory.ByObjectID
	case "appid", "serviceprincipalnames":
	default:
		return s.options.Directory.ServicePrincipals(tenantID), nil
	}
	found, err := find(ctx, f.value)
	switch {
	case errors.Is(err, directory.ErrNotFound) || err == nil && found.TenantID != tenantID:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return []directory.ServicePrincipal{found}, nil
}

func (s *Service) getServicePrincipal(r *request) (answer, error) {
	q, refused := parseQuery(r.URL.RawQuery)
	if refused != nil {
		return answer{}, refused
	}
	found, err := s.servicePrincipal(r.Context(), r.caller.TenantID, r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	document, refused := choose(s.servicePrincipalDocument(r, found), q.fields, "servicePrincipal")
	if refused != nil {
		return answer{}, refused
	}
	return answer{http.StatusOK, r.entityOf("servicePrincipals", document)}, nil
}

// servicePrincipal finds one of the tenant.
func (s *Service) servicePrincipal(ctx context.Context, tenantID, objectID string) (directory.ServicePrincipal, error) {
	found, err := s.options.Directory.ByObjectID(ctx, objectID)
	if errors.Is(err, directory.ErrNotFound) || err == nil && found.TenantID != tenantID {
		return directory.ServicePrincipal{}, notFound(objectID)
	}
	return found, err
}

func (s *Service) servicePrincipalDocument(r *request, p directory.ServicePrincipal) map[string]any {
	document := map[string]any{
		"id": p.ObjectID, "appId": p.AppID, "displayName": p.DisplayName, "appDisplayName": nil,
		"accountEnabled": !p.Disabled, "servicePrincipalType": p.Type,
		"servicePrincipalNames": list(p.Names), "alternativeNames": list(p.AlternativeNames),
		"appOwnerOrganizationId": nil, "signInAudience": nil, "createdDateTime": graphTime(p.Created), "deletedDateTime": nil,
		"appRoleAssignmentRequired": false, "tags": []string{}, "appRoles": []any{}, "oauth2PermissionScopes": []any{}, "replyUrls": []string{},
		"passwordCredentials": s.passwords(r, p.ObjectID), "keyCredentials": s.keyCredentials(r, p.ObjectID),
	}
	if p.Type == directory.TypeApplication {
		document["appDisplayName"], document["appOwnerOrganizationId"], document["signInAudience"] = p.DisplayName, p.TenantID, signInAudience
	}
	return document
}

// signInAudience says that an application is its own tenant's alone.
const signInAudience = "AzureADMyOrg"

func list(values []string) []string { return append([]string{}, values...) }

func graphTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

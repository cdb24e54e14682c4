package graph

import (
	"net/http"

	"github.com/lanyard-project/lanyard/internal/directory"
)

// An application is stored with its principal: the directory has one of each.
func applications() *entity[directory.ServicePrincipal] {
	type principal = directory.ServicePrincipal
	return &entity[principal]{name: "Application", properties: []property[principal]{
		one("id", func(p principal) string { return p.ApplicationObjectID }),
		one("appId", func(p principal) string { return p.AppID }),
		one("displayName", func(p principal) string { return p.DisplayName }),
		several("identifierUris", func(principal) []string { return nil }),
	}}
}

func (s *Service) listApplications(r *request) (answer, error) {
	q, refused := parseQuery(r.URL.RawQuery)
	if refused != nil {
		return answer{}, refused
	}
	matches, refused := applications().compile(q.filter)
	if refused != nil {
		return answer{}, refused
	}
	return listed(r, q, "application", "applications", s.applicationsOf(r.caller.TenantID, matches),
		func(p directory.ServicePrincipal) string { return p.ApplicationObjectID }, applicationDocument)
}

func (s *Service) applicationsOf(tenantID string, matches func(directory.ServicePrincipal) bool) []directory.ServicePrincipal {
	var found []directory.ServicePrincipal
	for _, p := range s.options.Directory.ServicePrincipals(tenantID) {
		// Managed identities have a principal without an application.
		if p.Type == directory.TypeApplication && matches(p) {
			found = append(found, p)
		}
	}
	return found
}

func (s *Service) getApplication(r *request) (answer, error) {
	q, refused := parseQuery(r.URL.RawQuery)
	if refused != nil {
		return answer{}, refused
	}
	id := r.PathValue("id")
	matches, refused := applications().compile(&filter{op: opEqual, property: "id", value: id})
	if refused != nil {
		return answer{}, refused
	}
	found := s.applicationsOf(r.caller.TenantID, matches)
	if len(found) == 0 {
		return answer{}, notFound(id)
	}
	document, refused := choose(applicationDocument(found[0]), q.fields, "application")
	if refused != nil {
		return answer{}, refused
	}
	document["@odata.context"] = r.origin + "/v1.0/$metadata#applications/$entity"
	return answer{http.StatusOK, document}, nil
}

func applicationDocument(p directory.ServicePrincipal) map[string]any {
	return map[string]any{
		"id": p.ApplicationObjectID, "appId": p.AppID, "displayName": p.DisplayName, "identifierUris": []string{},
		"signInAudience": signInAudience, "createdDateTime": graphTime(p.Created), "deletedDateTime": nil, "tags": []string{},
	}
}

package graph

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/directory"
)

func applications() *entity[directory.Application] {
	type application = directory.Application
	return &entity[application]{name: "Application", properties: []property[application]{
		one("id", func(a application) string { return a.ObjectID }),
		one("appId", func(a application) string { return a.AppID }),
		one("displayName", func(a application) string { return a.DisplayName }),
		several("identifierUris", func(a application) []string { return a.IdentifierURIs }),
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
	found := slices.DeleteFunc(s.options.Directory.Applications(r.caller.TenantID), func(a directory.Application) bool { return !matches(a) })
	return listed(r, q, "application", "applications", found, func(a directory.Application) string { return a.ObjectID },
		func(a directory.Application) map[string]any { return s.applicationDocument(r, a) })
}

func (s *Service) getApplication(r *request) (answer, error) {
	q, refused := parseQuery(r.URL.RawQuery)
	if refused != nil {
		return answer{}, refused
	}
	found, err := s.application(r)
	if err != nil {
		return answer{}, err
	}
	document, refused := choose(s.applicationDocument(r, found), q.fields, "application")
	if refused != nil {
		return answer{}, refused
	}
	return answer{http.StatusOK, r.entityOf("applications", document)}, nil
}

// application is the tenant's one that the path names.
func (s *Service) application(r *request) (directory.Application, error) {
	id := r.PathValue("id")
	found, err := s.options.Directory.Application(r.Context(), id)
	if err == nil && !strings.EqualFold(found.TenantID, r.caller.TenantID) {
		err = directory.ErrNotFound
	}
	return found, said(err, id)
}

// changed is the application that the path names, if the caller may change it.
func (s *Service) changedApplication(r *request) (directory.Application, error) {
	found, err := s.application(r)
	if err != nil {
		return found, err
	}
	return found, s.guardOwned(r, found.Owners, directory.RoleApplicationWrite)
}

func (s *Service) createApplication(r *request) (answer, error) {
	roles := []string{directory.RoleApplicationWrite, directory.RoleApplicationsOwned}
	isUser := r.caller.User != ""
	if !isUser {
		if err := s.guard(r, roles...); err != nil {
			return answer{}, err
		}
	}
	if err := s.withinQuota(r); err != nil {
		return answer{}, err
	}
	members, err := r.body()
	if err != nil {
		return answer{}, err
	}
	next := directory.Application{TenantID: r.caller.TenantID, Owners: []string{r.caller.ObjectID}}
	certificates, err := readApplication(members, &next)
	if err != nil {
		return answer{}, err
	}
	if next.DisplayName == "" {
		return answer{}, badRequest("A value is required for property 'displayName' of resource 'Application'.")
	}
	made, err := s.options.Directory.Register(r.Context(), next)
	if err != nil {
		return answer{}, said(err, "")
	}
	if len(certificates) > 0 {
		if err := s.options.Directory.SetCertificates(r.Context(), made.ObjectID, certificates); err != nil {
			// Nobody knows of it yet: it must not stay behind without its credential.
			_ = s.options.Directory.DeleteApplication(r.Context(), made.ObjectID)
			return answer{}, said(err, made.ObjectID)
		}
	}
	return answer{http.StatusCreated, r.entityOf("applications", s.applicationDocument(r, made))}, nil
}

func (s *Service) updateApplication(r *request) (answer, error) {
	found, err := s.changedApplication(r)
	if err != nil {
		return answer{}, err
	}
	members, err := r.body()
	if err != nil {
		return answer{}, err
	}
	_, keys := members["keyCredentials"]
	next := found
	certificates, err := readApplication(members, &next)
	if err != nil {
		return answer{}, err
	}
	if next.DisplayName == "" {
		return answer{}, badRequest("Invalid value specified for property 'displayName' of resource 'Application'.")
	}
	if keys {
		if err := s.options.Directory.SetCertificates(r.Context(), found.ObjectID, certificates); err != nil {
			return answer{}, said(err, found.ObjectID)
		}
	}
	_, err = s.options.Directory.UpdateApplication(r.Context(), found.ObjectID, func(a *directory.Application) error {
		a.DisplayName, a.IdentifierURIs, a.Further = next.DisplayName, next.IdentifierURIs, next.Further
		return nil
	})
	return done(), said(err, found.ObjectID)
}

func (s *Service) deleteApplication(r *request) (answer, error) {
	found, err := s.changedApplication(r)
	if err != nil {
		return answer{}, err
	}
	return done(), said(s.options.Directory.DeleteApplication(r.Context(), found.ObjectID), found.ObjectID)
}

// furtherProperties are those that are kept as clients send them: nothing here
// depends on them, but what was written has to be read again. The values are what
// an application has of its own.
func furtherProperties() map[string]any {
	return map[string]any{
		"signInAudience": signInAudience, "isFallbackPublicClient": nil, "notes": nil, "description": nil, "groupMembershipClaims": nil,
		"optionalClaims": nil, "tags": []string{}, "appRoles": []any{}, "addIns": []any{}, "requiredResourceAccess": []any{},
		"publicClient": map[string]any{"redirectUris": []string{}}, "spa": map[string]any{"redirectUris": []string{}},
		"info": map[string]any{"logoUrl": nil, "marketingUrl": nil, "privacyStatementUrl": nil, "supportUrl": nil, "termsOfServiceUrl": nil},
		"api":  map[string]any{"acceptMappedClaims": nil, "knownClientApplications": []string{}, "oauth2PermissionScopes": []any{}, "preAuthorizedApplications": []any{}, "requestedAccessTokenVersion": nil},
		"web": map[string]any{
			"homePageUrl": nil, "logoutUrl": nil, "redirectUris": []string{},
			"implicitGrantSettings": map[string]any{"enableAccessTokenIssuance": false, "enableIdTokenIssuance": false},
		},
		"parentalControlSettings":    map[string]any{"countriesBlockedForMinors": []string{}, "legalAgeGroupRule": "Allow"},
		"isDeviceOnlyAuthSupported":  nil,
		"defaultRedirectUri":         nil,
		"serviceManagementReference": nil, "samlMetadataUrl": nil, "tokenEncryptionKeyId": nil,
	}
}

// readApplication reads a body into an application.
func readApplication(members map[string]json.RawMessage, into *directory.Application) ([]directory.NewCertificate, error) {
	if _, err := take(members, "displayName", &into.DisplayName); err != nil {
		return nil, err
	}
	if _, err := take(members, "identifierUris", &into.IdentifierURIs); err != nil {
		return nil, err
	}
	var passwords []any
	if given, err := take(members, "passwordCredentials", &passwords); err != nil || given && len(passwords) > 0 {
		return nil, badRequest("Passwords can't be set with an application: use addPassword, which makes one.")
	}
	certificates, err := readKeys(members)
	if err != nil {
		return nil, err
	}
	further := map[string]json.RawMessage{}
	for name, value := range into.Further {
		further[name] = value
	}
	for name := range furtherProperties() {
		if value, ok := members[name]; ok {
			further[name] = value
			delete(members, name)
		}
	}
	into.Further = further
	return certificates, rest(members, "Application")
}

func (s *Service) applicationDocument(r *request, a directory.Application) map[string]any {
	document := map[string]any{
		"id": a.ObjectID, "appId": a.AppID, "displayName": a.DisplayName, "identifierUris": list(a.IdentifierURIs), "publisherDomain": nil,
		"createdDateTime": graphTime(a.Created), "deletedDateTime": nil,
		"passwordCredentials": s.passwords(r, a.ObjectID), "keyCredentials": s.keyCredentials(r, a.ObjectID),
	}
	for name, value := range furtherProperties() {
		document[name] = value
		if said, ok := a.Further[name]; ok {
			document[name] = said
		}
	}
	return document
}

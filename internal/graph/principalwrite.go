package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/directory"
)

// changedPrincipal is the service principal that the path names, if the caller may
// change it: who owns its application may.
func (s *Service) changedPrincipal(r *request) (directory.ServicePrincipal, error) {
	found, err := s.servicePrincipal(r.Context(), r.caller.TenantID, r.PathValue("id"))
	if err != nil {
		return found, err
	}
	application, err := s.options.Directory.Application(r.Context(), found.ApplicationObjectID)
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return found, err
	}
	return found, s.guardOwned(r, application.Owners, directory.RoleApplicationWrite)
}

func (s *Service) createPrincipal(r *request) (answer, error) {
	members, err := r.body()
	if err != nil {
		return answer{}, err
	}
	var appID string
	if _, err := take(members, "appId", &appID); err != nil {
		return answer{}, err
	}
	if appID == "" {
		return answer{}, badRequest("A value is required for property 'appId' of resource 'ServicePrincipal'.")
	}
	var owners []string
	for _, a := range s.options.Directory.Applications(r.caller.TenantID) {
		if a.AppID == appID {
			owners = a.Owners
		}
	}
	if err := s.guardOwned(r, owners, directory.RoleApplicationWrite); err != nil {
		return answer{}, err
	}
	edit, certificates, err := readPrincipal(members)
	if err != nil {
		return answer{}, err
	}
	made, err := s.options.Directory.CreatePrincipal(r.Context(), r.caller.TenantID, appID)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return answer{}, &Error{http.StatusBadRequest, "NoBackingApplicationObject",
			fmt.Sprintf("The appId '%s' of the service principal does not reference a valid application object.", appID)}
	case errors.Is(err, directory.ErrExists):
		return answer{}, &Error{http.StatusConflict, "Request_MultipleObjectsWithSameKeyValue",
			fmt.Sprintf("The service principal cannot be created, updated, or restored because the service principal name %s is already in use.", appID)}
	case err != nil:
		return answer{}, err
	}
	if err := s.applyPrincipal(r, made.ObjectID, edit, certificates); err != nil {
		return answer{}, err
	}
	if made, err = s.options.Directory.ByObjectID(r.Context(), made.ObjectID); err != nil {
		return answer{}, said(err, made.ObjectID)
	}
	return answer{http.StatusCreated, r.entityOf("servicePrincipals", s.servicePrincipalDocument(r, made))}, nil
}

func (s *Service) updatePrincipal(r *request) (answer, error) {
	found, err := s.changedPrincipal(r)
	if err != nil {
		return answer{}, err
	}
	members, err := r.body()
	if err != nil {
		return answer{}, err
	}
	edit, certificates, err := readPrincipal(members)
	if err != nil {
		return answer{}, err
	}
	return done(), s.applyPrincipal(r, found.ObjectID, edit, certificates)
}

func (s *Service) deletePrincipal(r *request) (answer, error) {
	found, err := s.changedPrincipal(r)
	if err != nil {
		return answer{}, err
	}
	return done(), said(s.options.Directory.DeletePrincipal(r.Context(), found.ObjectID), found.ObjectID)
}

// readPrincipal reads what a write says of a service principal. certificates is
// nil unless it names them.
func readPrincipal(members map[string]json.RawMessage) (edit func(*directory.ServicePrincipal), certificates *[]directory.NewCertificate, err error) {
	var name *string
	var enabled *bool
	if _, err := take(members, "displayName", &name); err != nil {
		return nil, nil, err
	}
	if _, err := take(members, "accountEnabled", &enabled); err != nil {
		return nil, nil, err
	}
	if _, ok := members["keyCredentials"]; ok {
		found, err := readKeys(members)
		if err != nil {
			return nil, nil, err
		}
		certificates = &found
	}
	// These change nothing here and are what clients send as defaults.
	var ignored any
	for _, known := range []string{"appRoleAssignmentRequired", "tags", "servicePrincipalType"} {
		if _, err := take(members, known, &ignored); err != nil {
			return nil, nil, err
		}
	}
	return func(p *directory.ServicePrincipal) {
		if name != nil && *name != "" {
			p.DisplayName = *name
		}
		if enabled != nil {
			p.Disabled = !*enabled
		}
	}, certificates, rest(members, "ServicePrincipal")
}

func (s *Service) applyPrincipal(r *request, id string, edit func(*directory.ServicePrincipal), certificates *[]directory.NewCertificate) error {
	err := s.options.Directory.UpdatePrincipal(r.Context(), id, func(p *directory.ServicePrincipal) error {
		edit(p)
		return nil
	})
	if err == nil && certificates != nil {
		err = s.options.Directory.SetCertificates(r.Context(), id, *certificates)
	}
	return said(err, id)
}

package graph

import (
	"errors"

	"github.com/lanyard-project/lanyard/internal/directory"
)

func (s *Service) applicationOwners(r *request) (answer, error) {
	found, err := s.application(r)
	if err != nil {
		return answer{}, err
	}
	return s.objects(r, found.Owners)
}

// principalOwners are the application's: the principal has none of its own here.
func (s *Service) principalOwners(r *request) (answer, error) {
	found, err := s.servicePrincipal(r.Context(), r.caller.TenantID, r.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	application, err := s.options.Directory.Application(r.Context(), found.ApplicationObjectID)
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return answer{}, err
	}
	return s.objects(r, application.Owners)
}

func (s *Service) addApplicationOwner(r *request) (answer, error) {
	return s.changeApplicationOwners(r, func(owners []string) ([]string, error) {
		id, err := s.referred(r)
		if err != nil {
			return nil, err
		}
		return with(owners, id)
	})
}

func (s *Service) removeApplicationOwner(r *request) (answer, error) {
	return s.changeApplicationOwners(r, func(owners []string) ([]string, error) { return without(owners, r.PathValue("owner")) })
}

func (s *Service) changeApplicationOwners(r *request, change func([]string) ([]string, error)) (answer, error) {
	found, err := s.changedApplication(r)
	if err != nil {
		return answer{}, err
	}
	owners, err := change(found.Owners)
	if err != nil {
		return answer{}, err
	}
	_, err = s.options.Directory.UpdateApplication(r.Context(), found.ObjectID, func(a *directory.Application) error {
		a.Owners = owners
		return nil
	})
	return done(), said(err, found.ObjectID)
}

// referred is the object that a $ref request names, which must be there.
func (s *Service) referred(r *request) (string, error) {
	id, err := r.reference()
	if err != nil {
		return "", err
	}
	_, err = s.object(r, id)
	return id, err
}

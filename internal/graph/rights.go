package graph

import (
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/directory"
)

// Who may write, as in Entra with its defaults:
//
//	Directory.ReadWrite.All         everything (the first administrator has it)
//	Application.ReadWrite.All       applications and their principals
//	Application.ReadWrite.OwnedBy   to make applications, and change the own ones
//	Group.ReadWrite.All             groups
//	User.ReadWrite.All              users
//	owners                          what they own
//	users                           to make applications, which they then own
//
// Who may read: every application and user of the tenant; managed identities, whose
// tokens any process on a machine may get, need one of the roles.

// guard refuses the caller unless one of the roles is his.
func (s *Service) guard(r *request, roles ...string) error {
	ok, err := s.has(r, roles...)
	if err == nil && !ok {
		return denied()
	}
	return err
}

func (s *Service) has(r *request, roles ...string) (bool, error) {
	given, err := s.options.Directory.RolesOf(r.Context(), r.caller.ObjectID)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(given, func(role string) bool {
		return role == directory.RoleDirectoryWrite || slices.Contains(roles, role)
	}), nil
}

// guardOwned lets owners through as well.
func (s *Service) guardOwned(r *request, owners []string, roles ...string) error {
	if slices.ContainsFunc(owners, func(id string) bool { return strings.EqualFold(id, r.caller.ObjectID) }) {
		return nil
	}
	return s.guard(r, roles...)
}

// maxOwned is how many applications who may only make his own can have, as in Entra.
const maxOwned = 250

// withinQuota refuses a further application to who has too many and may write none
// but his own.
func (s *Service) withinQuota(r *request) error {
	all, err := s.has(r, directory.RoleApplicationWrite)
	if err != nil || all {
		return err
	}
	owned := 0
	for _, a := range s.options.Directory.Applications(r.caller.TenantID) {
		if slices.ContainsFunc(a.Owners, func(id string) bool { return strings.EqualFold(id, r.caller.ObjectID) }) {
			owned++
		}
	}
	if owned >= maxOwned {
		return quotaExceeded()
	}
	return nil
}

// mayRead refuses managed identities that nobody gave a role to.
func (s *Service) mayRead(r *request) error {
	if r.caller.ManagedIdentity == "" {
		return nil
	}
	given, err := s.options.Directory.RolesOf(r.Context(), r.caller.ObjectID)
	if err == nil && len(given) == 0 && !slices.ContainsFunc(r.caller.Roles, readsDirectory) {
		return denied()
	}
	return err
}

func readsDirectory(role string) bool {
	return role == directory.RoleDirectoryRead || role == directory.RoleApplicationRead || role == directory.RoleDirectoryWrite
}

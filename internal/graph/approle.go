package graph

import (
	"net/http"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/directory"
)

// graphAppID is Graph's own application, whose roles are given here.
const graphAppID = "00000003-0000-0000-c000-000000000000"

// appRoleID is a role's ID in Microsoft Graph.
func appRoleID(role string) string {
	switch role {
	case directory.RoleDirectoryRead:
		return "7ab1d382-f21e-4acd-a863-ba3e13f7da61"
	case directory.RoleDirectoryWrite:
		return "19dbc75e-c2e2-444c-a770-ec69d8559fc7"
	case directory.RoleApplicationRead:
		return "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30"
	case directory.RoleApplicationWrite:
		return "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9"
	case directory.RoleApplicationsOwned:
		return "18a4783c-866b-4cc7-a460-3d5e5662c884"
	case directory.RoleGroupWrite:
		return "62a82d76-70ea-41e2-9197-370581804d09"
	default: // directory.RoleUserWrite
		return "741f803b-c850-494e-b5df-cde7c675a1ca"
	}
}

// listRoles shows the rights in the directory that a principal or user has.
func (s *Service) listRoles(r *request) (answer, error) {
	id, err := s.memberID(r)
	if err != nil {
		return answer{}, err
	}
	roles, err := s.options.Directory.RolesOf(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	shown := []map[string]any{}
	for _, role := range roles {
		shown = append(shown, roleDocument(id, role))
	}
	return answer{http.StatusOK, page{Context: r.origin + "/v1.0/$metadata#appRoleAssignments", Value: shown}}, nil
}

// giveRole needs the right to everything: who can give rights has them all.
func (s *Service) giveRole(r *request) (answer, error) {
	if err := s.guard(r); err != nil {
		return answer{}, err
	}
	id, err := s.memberID(r)
	if err != nil {
		return answer{}, err
	}
	members, err := r.body()
	if err != nil {
		return answer{}, err
	}
	var principal, resource, asked string
	for name, target := range map[string]*string{"principalId": &principal, "resourceId": &resource, "appRoleId": &asked} {
		if _, err := take(members, name, target); err != nil {
			return answer{}, err
		}
	}
	if err := rest(members, "AppRoleAssignment"); err != nil {
		return answer{}, err
	}
	roles := directory.Roles()
	at := slices.IndexFunc(roles, func(role string) bool { return strings.EqualFold(appRoleID(role), asked) })
	switch {
	case at < 0:
		return answer{}, badRequest("Permission being assigned was not found on application '%s'. Known are: %s.", graphAppID, strings.Join(roles, ", "))
	case !strings.EqualFold(principal, id):
		return answer{}, badRequest("The principalId must be the ID of the object in the path.")
	}
	if err := s.options.Directory.SetRole(r.Context(), id, roles[at], true); err != nil {
		return answer{}, said(err, id)
	}
	return answer{http.StatusCreated, r.entityOf("appRoleAssignments", roleDocument(id, roles[at]))}, nil
}

func (s *Service) takeRole(r *request) (answer, error) {
	if err := s.guard(r); err != nil {
		return answer{}, err
	}
	id, err := s.memberID(r)
	if err != nil {
		return answer{}, err
	}
	roles := directory.Roles()
	at := slices.IndexFunc(roles, func(role string) bool { return strings.EqualFold(appRoleID(role), r.PathValue("role")) })
	if at < 0 {
		return answer{}, notFound(r.PathValue("role"))
	}
	return done(), said(s.options.Directory.SetRole(r.Context(), id, roles[at], false), id)
}

// roleDocument's id is the role's: an object has each at most once.
func roleDocument(id, role string) map[string]any {
	return map[string]any{
		"id": appRoleID(role), "appRoleId": appRoleID(role), "principalId": id, "resourceId": graphAppID, "resourceDisplayName": "Microsoft Graph",
		"appRoleValue": role,
	}
}

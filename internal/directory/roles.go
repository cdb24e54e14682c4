package directory

import (
	"context"
	"errors"
	"slices"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// The rights in the directory itself, called as Graph's application roles are.
const (
	RoleDirectoryRead     = "Directory.Read.All"
	RoleDirectoryWrite    = "Directory.ReadWrite.All"
	RoleApplicationRead   = "Application.Read.All"
	RoleApplicationWrite  = "Application.ReadWrite.All"
	RoleApplicationsOwned = "Application.ReadWrite.OwnedBy"
	RoleGroupWrite        = "Group.ReadWrite.All"
	RoleUserWrite         = "User.ReadWrite.All"
)

// Roles are all that can be given.
func Roles() []string {
	return []string{
		RoleDirectoryRead, RoleDirectoryWrite, RoleApplicationRead, RoleApplicationWrite, RoleApplicationsOwned, RoleGroupWrite, RoleUserWrite,
	}
}

// RolesOf are what a user or service principal may do in the directory, from
// memory where it can be: taken away, they are gone with the next call.
func (d *Directory) RolesOf(ctx context.Context, objectID string) ([]string, error) {
	principal, err := d.principal(ctx, objectID)
	if err == nil {
		return principal.Roles, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	user, err := d.User(ctx, objectID)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return user.Roles, err
}

// SetRole gives or takes a right of a user or service principal.
func (d *Directory) SetRole(ctx context.Context, objectID, role string, given bool) error {
	edit := func(roles []string) []string {
		roles = slices.DeleteFunc(slices.Clone(roles), func(r string) bool { return r == role })
		if given {
			roles = append(roles, role)
		}
		return roles
	}
	_, err := d.change(ctx, objectID, func(r *record) error {
		r.Roles = edit(r.Roles)
		return nil
	})
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	_, err = d.UpdateUser(ctx, objectID, secret.String{}, func(u *User) error {
		u.Roles = edit(u.Roles)
		return nil
	})
	return err
}

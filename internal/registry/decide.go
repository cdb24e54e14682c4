package registry

import (
	"context"
	"errors"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/containerregistry"
	"github.com/lanyard-project/lanyard/internal/rbac"
	"github.com/lanyard-project/lanyard/internal/rbac/condition"
)

// holder is on whose behalf something is asked. Exactly one member is set; none
// means nobody in particular.
type holder struct {
	caller providers.Caller // a principal of the directory
	admin  string           // one of the two passwords of the admin user
}

func (h holder) anonymous() bool { return h.caller.ObjectID == "" && h.admin == "" }

// right is what a scope's action is called in role definitions.
type right struct {
	action string // of registries whose roles are for the whole registry
	data   string // of registries whose roles can be for repositories
}

const (
	registries    = "Microsoft.ContainerRegistry/registries/"
	repositories  = registries + "repositories/"
	nameAttribute = "Microsoft.ContainerRegistry/registries/repositories:name"
)

// rightFor names the right that the access needs; none for what doesn't exist.
func rightFor(a access) (right, bool) {
	if a.kind == registryKind && a.name == catalogName {
		return right{registries + "pull/read", registries + "catalog/read"}, true
	}
	if a.kind != repositoryKind {
		return right{}, false
	}
	known, ok := map[string]right{
		pull:          {registries + "pull/read", repositories + "content/read"},
		push:          {registries + "push/write", repositories + "content/write"},
		remove:        {registries + "artifacts/delete", repositories + "content/delete"},
		metadataRead:  {registries + "pull/read", repositories + "metadata/read"},
		metadataWrite: {registries + "push/write", repositories + "metadata/write"},
	}[a.action]
	return known, ok
}

// may decides by what holds at this moment.
func (s *Service) may(ctx context.Context, r *containerregistry.Registry, h holder, a access) (bool, error) {
	switch {
	case h.admin != "":
		return r.AdminEnabled, nil
	case h.anonymous():
		return r.AnonymousPull && a.kind == repositoryKind && (a.action == pull || a.action == metadataRead), nil
	}
	if exists, err := s.exists(ctx, h.caller); err != nil || !exists {
		return false, err
	}
	if a.kind == repositoryKind && a.action == everything {
		for _, action := range []string{pull, push, remove, metadataRead, metadataWrite} {
			if ok, err := s.may(ctx, r, h, access{a.kind, a.name, action}); err != nil || !ok {
				return false, err
			}
		}
		return true, nil
	}
	needed, ok := rightFor(a)
	if !ok {
		return false, nil
	}
	return s.decide(r, h.caller, needed, a).Allowed, nil
}

func (s *Service) decide(r *containerregistry.Registry, caller providers.Caller, needed right, a access) rbac.Decision {
	if !r.ByRepository {
		return s.o.Roles.DecideWith(caller, rbac.Query{Action: needed.action, Scope: r.ID})
	}
	attributes := rbac.AttributeSet{}
	if a.kind == repositoryKind {
		attributes.Set(condition.Request, nameAttribute, a.name)
		attributes.Set(condition.Resource, nameAttribute, a.name)
	}
	return s.o.Roles.DecideWith(caller, rbac.Query{Action: needed.data, Scope: r.ID, Data: true, Attributes: attributes})
}

// actionsOf lists what a principal may do somewhere in the registry. A right that
// depends on the repository counts.
func (s *Service) actionsOf(r *containerregistry.Registry, caller providers.Caller) []string {
	var list []string
	for _, action := range []string{pull, push, remove, metadataRead, metadataWrite} {
		a := access{repositoryKind, "", action}
		needed, _ := rightFor(a)
		if d := s.decide(r, caller, needed, a); d.Allowed || d.Unmet != nil && d.Denied == nil {
			list = append(list, action)
		}
	}
	return list
}

// exists reports whether a principal is there and may sign in. A user is believed
// while his Entra token and what came of it last.
func (s *Service) exists(ctx context.Context, caller providers.Caller) (bool, error) {
	principal, err := s.o.Principals.ByObjectID(ctx, caller.ObjectID)
	if err == nil {
		return !principal.Disabled && principal.TenantID == caller.TenantID, nil
	}
	if !errors.Is(err, directory.ErrNotFound) {
		return false, err
	}
	kind, err := s.o.Principals.PrincipalType(ctx, caller.TenantID, caller.ObjectID)
	return kind == "User", err
}

package graph

import (
	"net/http"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/directory"
)

func groups() *entity[directory.Group] {
	type group = directory.Group
	return &entity[group]{name: "Group", properties: []property[group]{
		one("id", func(g group) string { return g.ObjectID }),
		one("displayName", func(g group) string { return g.DisplayName }),
		one("mailNickname", func(g group) string { return g.MailNickname }),
		one("mail", func(group) string { return "" }),
	}}
}

func (s *Service) listGroups(r *request) (answer, error) {
	q, refused := parseQuery(r.URL.RawQuery)
	if refused != nil {
		return answer{}, refused
	}
	matches, refused := groups().compile(q.filter)
	if refused != nil {
		return answer{}, refused
	}
	found := slices.DeleteFunc(s.options.Directory.Groups(r.caller.TenantID), func(g directory.Group) bool { return !matches(g) })
	return listed(r, q, "group", "groups", found, func(g directory.Group) string { return g.ObjectID }, groupDocument)
}

// group is the tenant's one that the path names.
func (s *Service) group(r *request) (directory.Group, error) {
	id := r.PathValue("id")
	found, err := s.options.Directory.Group(r.Context(), id)
	if err == nil && !strings.EqualFold(found.TenantID, r.caller.TenantID) {
		err = directory.ErrNotFound
	}
	return found, said(err, id)
}

func (s *Service) getGroup(r *request) (answer, error) {
	q, refused := parseQuery(r.URL.RawQuery)
	if refused != nil {
		return answer{}, refused
	}
	found, err := s.group(r)
	if err != nil {
		return answer{}, err
	}
	document, refused := choose(groupDocument(found), q.fields, "group")
	if refused != nil {
		return answer{}, refused
	}
	return answer{http.StatusOK, r.entityOf("groups", document)}, nil
}

// groupBody is what a write says of a group.
type groupBody struct {
	name, nickname, description string
	mail, security              bool
}

func (r *request) group(into groupBody) (groupBody, error) {
	members, err := r.body()
	if err != nil {
		return into, err
	}
	for name, target := range map[string]any{
		"displayName": &into.name, "mailNickname": &into.nickname, "mailEnabled": &into.mail, "securityEnabled": &into.security,
	} {
		var err error
		switch target := target.(type) {
		case *string:
			_, err = take(members, name, target)
		case *bool:
			_, err = take(members, name, target)
		}
		if err != nil {
			return into, err
		}
	}
	var description *string
	if given, err := take(members, "description", &description); err != nil {
		return into, err
	} else if given {
		into.description = ""
		if description != nil {
			into.description = *description
		}
	}
	var types []string
	if _, err := take(members, "groupTypes", &types); err != nil {
		return into, err
	}
	switch {
	case into.name == "":
		return into, badRequest("A value is required for property 'displayName' of resource 'Group'.")
	case into.mail || !into.security || len(types) > 0:
		return into, badRequest("Only security groups that aren't mail-enabled are supported: set mailEnabled to false and securityEnabled to true.")
	}
	return into, rest(members, "Group")
}

func (s *Service) createGroup(r *request) (answer, error) {
	if err := s.guard(r, directory.RoleGroupWrite); err != nil {
		return answer{}, err
	}
	asked, err := r.group(groupBody{})
	if err != nil {
		return answer{}, err
	}
	if asked.nickname == "" {
		return answer{}, badRequest("A value is required for property 'mailNickname' of resource 'Group'.")
	}
	made, err := s.options.Directory.CreateGroup(r.Context(), directory.Group{
		TenantID: r.caller.TenantID, DisplayName: asked.name, MailNickname: asked.nickname, Description: asked.description,
	})
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, r.entityOf("groups", groupDocument(made))}, nil
}

// changeGroup edits the group that the path names, for who may.
func (s *Service) changeGroup(r *request, edit func(*directory.Group) error) (answer, error) {
	found, err := s.changedGroup(r)
	if err != nil {
		return answer{}, err
	}
	_, err = s.options.Directory.UpdateGroup(r.Context(), found.ObjectID, edit)
	return done(), said(err, found.ObjectID)
}

func (s *Service) changedGroup(r *request) (directory.Group, error) {
	found, err := s.group(r)
	if err != nil {
		return found, err
	}
	return found, s.guardOwned(r, found.Owners, directory.RoleGroupWrite)
}

func (s *Service) updateGroup(r *request) (answer, error) {
	found, err := s.changedGroup(r)
	if err != nil {
		return answer{}, err
	}
	asked, err := r.group(groupBody{name: found.DisplayName, nickname: found.MailNickname, description: found.Description, security: true})
	if err != nil {
		return answer{}, err
	}
	return s.changeGroup(r, func(g *directory.Group) error {
		g.DisplayName, g.MailNickname, g.Description = asked.name, asked.nickname, asked.description
		return nil
	})
}

func (s *Service) deleteGroup(r *request) (answer, error) {
	found, err := s.changedGroup(r)
	if err != nil {
		return answer{}, err
	}
	return done(), said(s.options.Directory.DeleteGroup(r.Context(), found.ObjectID), found.ObjectID)
}

func (s *Service) groupOwners(r *request) (answer, error) {
	found, err := s.group(r)
	if err != nil {
		return answer{}, err
	}
	return s.objects(r, found.Owners)
}

func (s *Service) addGroupOwner(r *request) (answer, error) {
	id, err := s.referred(r)
	if err != nil {
		return answer{}, err
	}
	return s.changeGroup(r, func(g *directory.Group) (err error) {
		g.Owners, err = with(g.Owners, id)
		return err
	})
}

func (s *Service) removeGroupOwner(r *request) (answer, error) {
	return s.changeGroup(r, func(g *directory.Group) (err error) {
		g.Owners, err = without(g.Owners, r.PathValue("owner"))
		return err
	})
}

func groupDocument(g directory.Group) map[string]any {
	return map[string]any{
		"id": g.ObjectID, "displayName": g.DisplayName, "mailNickname": orNil(g.MailNickname), "description": orNil(g.Description), "mail": nil,
		"mailEnabled": false, "securityEnabled": true, "groupTypes": []string{}, "visibility": nil, "isAssignableToRole": nil,
		"createdDateTime": graphTime(g.Created), "deletedDateTime": nil, "membershipRule": nil, "proxyAddresses": []string{},
	}
}

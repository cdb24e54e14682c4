package graph

import (
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/directory"
)

func (s *Service) members(r *request) (answer, error) {
	found, err := s.group(r)
	if err != nil {
		return answer{}, err
	}
	return s.objects(r, found.Members)
}

// transitiveMembers are the members, those of groups among them, and so on.
func (s *Service) transitiveMembers(r *request) (answer, error) {
	found, err := s.group(r)
	if err != nil {
		return answer{}, err
	}
	all := slices.Clone(found.Members)
	for i := 0; i < len(all); i++ { // grows while it is walked
		inner, err := s.options.Directory.Group(r.Context(), all[i])
		if err != nil {
			continue // no group, or gone
		}
		for _, member := range inner.Members {
			if !slices.Contains(all, member) {
				all = append(all, member)
			}
		}
	}
	return s.objects(r, all)
}

func (s *Service) addMember(r *request) (answer, error) {
	id, err := s.referred(r)
	if err != nil {
		return answer{}, err
	}
	if group := r.PathValue("id"); strings.EqualFold(id, group) || slices.ContainsFunc(s.options.Directory.GroupsOf(group), func(above string) bool { return strings.EqualFold(above, id) }) {
		return answer{}, badRequest("Group '%s' can't be a member of itself, also not through other groups.", group)
	}
	return s.changeGroup(r, func(g *directory.Group) (err error) {
		g.Members, err = with(g.Members, id)
		return err
	})
}

func (s *Service) removeMember(r *request) (answer, error) {
	return s.changeGroup(r, func(g *directory.Group) (err error) {
		g.Members, err = without(g.Members, r.PathValue("member"))
		return err
	})
}

// memberOf are the groups that name the object themselves.
func (s *Service) memberOf(r *request) (answer, error) {
	id, err := s.memberID(r)
	if err != nil {
		return answer{}, err
	}
	var direct []string
	for _, g := range s.options.Directory.Groups(r.caller.TenantID) {
		if slices.ContainsFunc(g.Members, func(m string) bool { return strings.EqualFold(m, id) }) {
			direct = append(direct, g.ObjectID)
		}
	}
	return s.objects(r, direct)
}

func (s *Service) transitiveMemberOf(r *request) (answer, error) {
	id, err := s.memberID(r)
	if err != nil {
		return answer{}, err
	}
	return s.objects(r, s.options.Directory.GroupsOf(id))
}

// memberID is the object ID of who the path names, where users may be named by name.
func (s *Service) memberID(r *request) (string, error) {
	id := r.PathValue("id")
	if uuid.Validate(id) != nil {
		user, err := s.user(r)
		return user.ObjectID, err
	}
	_, err := s.object(r, id)
	return id, err
}

func (s *Service) memberGroups(r *request) (answer, error) {
	id, err := s.memberID(r)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, idsDocument(r, s.options.Directory.GroupsOf(id))}, nil
}

func (s *Service) checkMemberGroups(r *request) (answer, error) {
	id, err := s.memberID(r)
	if err != nil {
		return answer{}, err
	}
	members, err := r.body()
	if err != nil {
		return answer{}, err
	}
	var asked []string
	if given, err := take(members, "groupIds", &asked); err != nil || !given {
		return answer{}, badRequest("A value is required for parameter 'groupIds'.")
	}
	in := s.options.Directory.GroupsOf(id)
	return answer{http.StatusOK, idsDocument(r, slices.DeleteFunc(asked, func(g string) bool {
		return !slices.ContainsFunc(in, func(one string) bool { return strings.EqualFold(one, g) })
	}))}, nil
}

func idsDocument(r *request, ids []string) map[string]any {
	return map[string]any{"@odata.context": r.origin + "/v1.0/$metadata#Collection(Edm.String)", "value": list(ids)}
}

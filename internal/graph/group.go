package graph

// group is a group in the directory. Like users, there are none yet.
type group struct{ id, displayName, mail string }

func groups() *entity[group] {
	return &entity[group]{name: "Group", properties: []property[group]{
		one("id", func(g group) string { return g.id }),
		one("displayName", func(g group) string { return g.displayName }),
		one("mail", func(g group) string { return g.mail }),
	}}
}

func (s *Service) listGroups(r *request) (answer, error) {
	q, refused := parseQuery(r.URL.RawQuery)
	if refused != nil {
		return answer{}, refused
	}
	if _, refused := groups().compile(q.filter); refused != nil {
		return answer{}, refused
	}
	return listed(r, q, "group", "groups", nil, func(g group) string { return g.id }, func(group) map[string]any { return nil })
}

func (s *Service) getGroup(r *request) (answer, error) { return answer{}, notFound(r.PathValue("id")) }

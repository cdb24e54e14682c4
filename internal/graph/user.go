package graph

import "net/http"

// user is a human in the directory. There are none yet: the directory holds
// service principals, so lists of users are empty and true, and a filter is still
// held to what users have.
type user struct{ id, name, displayName, mail string }

func users() *entity[user] {
	return &entity[user]{name: "User", properties: []property[user]{
		one("id", func(u user) string { return u.id }),
		one("userPrincipalName", func(u user) string { return u.name }),
		one("displayName", func(u user) string { return u.displayName }),
		one("mail", func(u user) string { return u.mail }),
	}}
}

func (s *Service) listUsers(r *request) (answer, error) {
	q, refused := parseQuery(r.URL.RawQuery)
	if refused != nil {
		return answer{}, refused
	}
	if _, refused := users().compile(q.filter); refused != nil {
		return answer{}, refused
	}
	return listed(r, q, "user", "users", nil, func(u user) string { return u.id }, func(user) map[string]any { return nil })
}

func (s *Service) getUser(r *request) (answer, error) { return answer{}, notFound(r.PathValue("id")) }

// me is the user behind a token, and our tokens are all applications'.
func (s *Service) me(*request) (answer, error) {
	return answer{}, &Error{http.StatusBadRequest, "BadRequest", "/me request is only valid with delegated authentication flow."}
}

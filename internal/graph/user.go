package graph

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/secret"
)

func users() *entity[directory.User] {
	type user = directory.User
	return &entity[user]{name: "User", properties: []property[user]{
		one("id", func(u user) string { return u.ObjectID }),
		one("userPrincipalName", func(u user) string { return u.Name }),
		one("displayName", func(u user) string { return u.DisplayName }),
		one("mailNickname", func(u user) string { return u.MailNickname }),
		one("mail", func(u user) string { return u.Mail }),
	}}
}

func (s *Service) listUsers(r *request) (answer, error) {
	q, refused := parseQuery(r.URL.RawQuery)
	if refused != nil {
		return answer{}, refused
	}
	matches, refused := users().compile(q.filter)
	if refused != nil {
		return answer{}, refused
	}
	found := slices.DeleteFunc(s.options.Directory.Users(r.caller.TenantID), func(u directory.User) bool { return !matches(u) })
	return listed(r, q, "user", "users", found, func(u directory.User) string { return u.ObjectID }, userDocument)
}

// user is the tenant's one that the path names, by ID or name.
func (s *Service) user(r *request) (directory.User, error) { return s.userNamed(r, r.PathValue("id")) }

func (s *Service) userNamed(r *request, id string) (directory.User, error) {
	found, err := s.options.Directory.User(r.Context(), id)
	if err == nil && !strings.EqualFold(found.TenantID, r.caller.TenantID) {
		err = directory.ErrNotFound
	}
	return found, said(err, id)
}

func (s *Service) getUser(r *request) (answer, error) { return s.showUser(r, r.PathValue("id")) }

// me is the user behind a token.
func (s *Service) me(r *request) (answer, error) {
	if r.caller.User == "" {
		return answer{}, notDelegated()
	}
	return s.showUser(r, r.caller.ObjectID)
}

func notDelegated() *Error {
	return &Error{http.StatusBadRequest, "BadRequest", "/me request is only valid with delegated authentication flow."}
}

func (s *Service) showUser(r *request, id string) (answer, error) {
	q, refused := parseQuery(r.URL.RawQuery)
	if refused != nil {
		return answer{}, refused
	}
	found, err := s.userNamed(r, id)
	if err != nil {
		return answer{}, err
	}
	document, refused := choose(userDocument(found), q.fields, "user")
	if refused != nil {
		return answer{}, refused
	}
	return answer{http.StatusOK, r.entityOf("users", document)}, nil
}

// passwordProfile is how a password is set. That it has to be changed at the next
// sign-in is accepted and means nothing: there is no page to change it on.
type passwordProfile struct {
	Password secret.String `json:"password"`
	Change   bool          `json:"forceChangePasswordNextSignIn"`
	WithMFA  bool          `json:"forceChangePasswordNextSignInWithMfa"`
}

// readUser reads a body into a user, and the password that it sets.
func readUser(members map[string]json.RawMessage, into *directory.User) (secret.String, error) {
	enabled := !into.Disabled
	var profile passwordProfile
	for name, target := range map[string]*string{
		"displayName": &into.DisplayName, "mailNickname": &into.MailNickname, "userPrincipalName": &into.Name,
	} {
		if _, err := take(members, name, target); err != nil {
			return secret.String{}, err
		}
	}
	if _, err := take(members, "accountEnabled", &enabled); err != nil {
		return secret.String{}, err
	}
	if _, err := take(members, "passwordProfile", &profile); err != nil {
		return secret.String{}, err
	}
	var mail, immutable *string
	if given, err := take(members, "mail", &mail); err != nil {
		return secret.String{}, err
	} else if given && mail != nil {
		into.Mail = *mail
	}
	if _, err := take(members, "onPremisesImmutableId", &immutable); err != nil {
		return secret.String{}, err
	}
	into.Disabled = !enabled
	return profile.Password, rest(members, "User")
}

func (s *Service) createUser(r *request) (answer, error) {
	if err := s.guard(r, directory.RoleUserWrite); err != nil {
		return answer{}, err
	}
	members, err := r.body()
	if err != nil {
		return answer{}, err
	}
	next := directory.User{TenantID: r.caller.TenantID}
	password, err := readUser(members, &next)
	if err != nil {
		return answer{}, err
	}
	tenant, _ := s.options.Directory.Tenant(r.caller.TenantID)
	name, domain, _ := strings.Cut(next.Name, "@")
	switch {
	case next.DisplayName == "":
		return answer{}, badRequest("A value is required for property 'displayName' of resource 'User'.")
	case name == "" || strings.ContainsAny(next.Name, " /?#'\"<>"):
		return answer{}, badRequest("Property userPrincipalName is invalid.")
	case !strings.EqualFold(domain, tenant.Domain):
		return answer{}, badRequest("The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your organization: %s.", tenant.Domain)
	case password.IsZero():
		return answer{}, badRequest("A password must be specified to create a new user.")
	}
	made, err := s.options.Directory.CreateUser(r.Context(), next, password)
	if err != nil {
		return answer{}, said(err, next.Name)
	}
	return answer{http.StatusCreated, r.entityOf("users", userDocument(made))}, nil
}

// changedUser is the user that the path names, if the caller may change him. Who
// has rights in the directory can't be changed by who has fewer: a new password
// would give these rights away.
func (s *Service) changedUser(r *request) (directory.User, error) {
	if err := s.guard(r, directory.RoleUserWrite); err != nil {
		return directory.User{}, err
	}
	found, err := s.user(r)
	if err != nil || len(found.Roles) == 0 || strings.EqualFold(found.ObjectID, r.caller.ObjectID) {
		return found, err
	}
	return found, s.guard(r)
}

func (s *Service) updateUser(r *request) (answer, error) {
	found, err := s.changedUser(r)
	if err != nil {
		return answer{}, err
	}
	members, err := r.body()
	if err != nil {
		return answer{}, err
	}
	next := found
	password, err := readUser(members, &next)
	if err != nil {
		return answer{}, err
	}
	if !strings.EqualFold(next.Name, found.Name) {
		return answer{}, badRequest("The userPrincipalName of a user can't be changed here: make another user instead.")
	}
	_, err = s.options.Directory.UpdateUser(r.Context(), found.ObjectID, password, func(u *directory.User) error {
		u.DisplayName, u.MailNickname, u.Mail, u.Disabled = next.DisplayName, next.MailNickname, next.Mail, next.Disabled
		return nil
	})
	return done(), said(err, found.ObjectID)
}

func (s *Service) deleteUser(r *request) (answer, error) {
	found, err := s.changedUser(r)
	if err != nil {
		return answer{}, err
	}
	return done(), said(s.options.Directory.DeleteUser(r.Context(), found.ObjectID), found.ObjectID)
}

func userDocument(u directory.User) map[string]any {
	return map[string]any{
		"id": u.ObjectID, "userPrincipalName": u.Name, "displayName": u.DisplayName, "mailNickname": orNil(u.MailNickname), "mail": orNil(u.Mail),
		"accountEnabled": !u.Disabled, "createdDateTime": graphTime(u.Created), "userType": "Member", "givenName": nil, "surname": nil,
		"jobTitle": nil, "mobilePhone": nil, "officeLocation": nil, "preferredLanguage": nil, "businessPhones": []string{},
	}
}

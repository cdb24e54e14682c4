package registry

import (
	"net/http"

	"github.com/lanyard-project/lanyard/internal/providers/containerregistry"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// issue gives an access token for what of the asked scopes its asker may do.
// Nothing at all is 401; a part is a token for that part, with which the operation
// will be refused.
func (s *Service) issue(w http.ResponseWriter, req *http.Request, r *containerregistry.Registry) error {
	req.Body = http.MaxBytesReader(w, req.Body, maxForm)
	if err := req.ParseForm(); err != nil {
		return badRequest("the body isn't a form")
	}
	if service := req.Form.Get("service"); service != "" && service != r.LoginServer {
		return badRequest("service must be " + r.LoginServer)
	}
	h, err := s.asker(req, r)
	if err != nil {
		return err
	}
	asked := parseScopes(req.Form["scope"])
	var allowed []access
	for _, a := range asked {
		ok, err := s.may(req.Context(), r, h, a)
		if err != nil {
			return err
		}
		s.tell(req, r, h, a.kind+":"+a.name+":"+a.action, ok)
		if ok {
			allowed = append(allowed, a)
		}
	}
	if len(allowed) == 0 && (len(asked) > 0 || h.anonymous()) {
		return unauthorized()
	}
	token, err := s.mint(r, h, accessGrant, accessLife, func(c *claims) { c.Access = grants(allowed) })
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, map[string]any{"access_token": token.Reveal(), "expires_in": int(accessLife.Seconds())})
	return nil
}

// asker finds out who asks for an access token: GET with Basic credentials or
// none, POST with a refresh token or a password.
func (s *Service) asker(req *http.Request, r *containerregistry.Registry) (holder, error) {
	var user string
	var password secret.String
	switch req.Method {
	case http.MethodGet:
		name, word, ok := req.BasicAuth()
		if !ok {
			return holder{}, nil // nobody in particular
		}
		user, password = name, secret.New(word)
	case http.MethodPost:
		switch req.PostForm.Get("grant_type") {
		case "refresh_token":
			user, password = tokenUser, secret.New(req.PostForm.Get("refresh_token"))
		case "password":
			user, password = req.PostForm.Get("username"), secret.New(req.PostForm.Get("password"))
		default:
			return holder{}, badRequest("grant_type must be refresh_token or password")
		}
	default:
		return holder{}, notFound()
	}
	h, ok, err := s.who(req.Context(), r, user, password)
	if err != nil {
		return holder{}, err
	}
	if !ok {
		return holder{}, unauthorized()
	}
	return h, nil
}

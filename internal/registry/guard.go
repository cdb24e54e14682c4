package registry

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/distribution/distribution/v3/registry/auth"

	"github.com/lanyard-project/lanyard/internal/providers/containerregistry"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// guard is what the distribution library asks before each operation.
type guard struct{ service *Service }

// Authorized implements auth.AccessController.
func (g guard) Authorized(req *http.Request, wanted ...auth.Access) (*auth.Grant, error) {
	v, ok := visitOf(req.Context())
	if !ok {
		return nil, fmt.Errorf("no registry was found for %s", req.Host)
	}
	all := make([]access, len(wanted))
	granted := make([]auth.Resource, len(wanted))
	for i, a := range wanted {
		all[i], granted[i] = access{a.Type, a.Name, a.Action}, a.Resource
	}
	h, err := g.service.authorize(req, v.registry, all)
	if err != nil {
		return nil, err
	}
	if err := v.welcome(); err != nil {
		return nil, err
	}
	return &auth.Grant{User: auth.UserInfo{Name: subject(h)}, Resources: granted}, nil
}

// authorize lets a request pass whose holder may do all that is wanted; its access
// token has to say so as well. A refusal is a *challenge.
func (s *Service) authorize(req *http.Request, r *containerregistry.Registry, wanted []access) (holder, error) {
	h, given, ok, err := s.presented(req, r)
	if err != nil {
		return holder{}, err
	}
	refusal := &challenge{registry: r, wanted: wanted}
	if !ok {
		if req.Header.Get("Authorization") != "" {
			refusal.problem = "invalid_token"
		}
		return holder{}, refusal
	}
	for _, a := range wanted {
		may, err := s.mayNow(req, r, h, given, a)
		if err != nil {
			return holder{}, err
		}
		if !may {
			s.tell(req, r, h, a.kind+":"+a.name+":"+a.action, false)
			refusal.problem = "insufficient_scope"
			return holder{}, refusal
		}
	}
	return h, nil
}

// mayNow asks the token and what holds at this moment. Who may read metadata may
// list tags.
func (s *Service) mayNow(req *http.Request, r *containerregistry.Registry, h holder, given func(access) bool, a access) (bool, error) {
	alternatives := []access{a}
	if a.action == pull && strings.HasSuffix(req.URL.Path, "/tags/list") {
		alternatives = append(alternatives, access{a.kind, a.name, metadataRead})
	}
	for _, one := range alternatives {
		if !given(one) {
			continue
		}
		if may, err := s.may(req.Context(), r, h, one); err != nil || may {
			return may, err
		}
	}
	return false, nil
}

// presented reads who a request is from, and what its token allows: an access
// token, or a user name and password, which allow whatever the user may do.
func (s *Service) presented(req *http.Request, r *containerregistry.Registry) (holder, func(access) bool, bool, error) {
	if user, password, ok := req.BasicAuth(); ok {
		if user == tokenUser { // an access token in docker's clothes
			c, h, ok := s.read(r, password, accessGrant)
			return h, c.allows, ok, nil
		}
		h, ok, err := s.who(req.Context(), r, user, secret.New(password))
		return h, func(access) bool { return true }, ok, err
	}
	scheme, raw, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return holder{}, nil, false, nil
	}
	c, h, ok := s.read(r, strings.TrimSpace(raw), accessGrant)
	return h, c.allows, ok, nil
}

func (c *claims) allows(a access) bool { return covers(c.Access, a) }

// challenge is a refusal that tells where a token for what was wanted can be had.
type challenge struct {
	registry *containerregistry.Registry
	wanted   []access
	problem  string
}

func (c *challenge) Error() string { return "authentication required" }

// SetHeaders implements auth.Challenge.
func (c *challenge) SetHeaders(_ *http.Request, w http.ResponseWriter) {
	value := fmt.Sprintf(`Bearer realm="https://%[1]s/oauth2/token",service="%[1]s"`, c.registry.LoginServer)
	var scopes []string
	for _, g := range grants(c.wanted) {
		scopes = append(scopes, g.Type+":"+g.Name+":"+strings.Join(g.Actions, ","))
	}
	if len(scopes) > 0 {
		value += `,scope="` + strings.Join(scopes, " ") + `"`
	}
	if c.problem != "" {
		value += `,error="` + c.problem + `"`
	}
	w.Header().Set("Www-Authenticate", value)
}

// write answers as the library does where it isn't asked.
func (c *challenge) write(w http.ResponseWriter) {
	c.SetHeaders(nil, w)
	detail := []map[string]string{}
	for _, a := range c.wanted {
		detail = append(detail, map[string]string{"Type": a.kind, "Name": a.name, "Action": a.action})
	}
	p := unauthorized()
	p.Detail = detail
	p.write(w)
}

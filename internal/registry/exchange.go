package registry

import (
	"net/http"

	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/containerregistry"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// registryAudience is what a token is for that is good at registries alone.
const registryAudience = "https://containerregistry.azure.net"

// maxForm bounds what the token endpoints read.
const maxForm = 64 << 10

// exchange gives a refresh token of the registry for an Entra token.
func (s *Service) exchange(w http.ResponseWriter, req *http.Request, r *containerregistry.Registry) error {
	if req.Method != http.MethodPost {
		return notFound() // as Azure answers
	}
	req.Body = http.MaxBytesReader(w, req.Body, maxForm)
	if err := req.ParseForm(); err != nil {
		return badRequest("the body isn't a form")
	}
	switch req.PostForm.Get("grant_type") {
	case "access_token", "access_token_refresh_token":
	default:
		return badRequest("grant_type must be access_token, with an Entra access token as access_token")
	}
	if service := req.PostForm.Get("service"); service != r.LoginServer {
		return badRequest("service must be " + r.LoginServer)
	}
	caller, err := s.o.Verifier.Verify(req.Context(), req.PostForm.Get("access_token"), s.audiences(r))
	if err != nil {
		return unauthorized() // which of the checks failed is nobody's business
	}
	if tenant := req.PostForm.Get("tenant"); tenant != "" && tokens.RequireTenant(caller, tenant) != nil {
		return unauthorized()
	}
	h := holder{caller: providers.Caller{TenantID: caller.TenantID, ObjectID: caller.ObjectID, AppID: caller.AppID}}
	exists, err := s.exists(req.Context(), h.caller)
	if err != nil {
		return err
	}
	actions := s.actionsOf(r, h.caller)
	s.tell(req, r, h, "exchange", exists && len(actions) > 0)
	if !exists || len(actions) == 0 {
		return unauthorized()
	}
	token, err := s.mint(r, h, refreshGrant, refreshLife, func(c *claims) {
		c.Permissions = &permissions{Actions: actions, NotActions: []string{}}
	})
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, map[string]string{"refresh_token": token.Reveal()})
	return nil
}

// audiences are those of Entra tokens that the registry takes.
func (s *Service) audiences(r *containerregistry.Registry) []string {
	list := []string{registryAudience, registryAudience + "/"}
	if !r.RegistryTokensOnly {
		list = append(list, s.o.Audiences...)
	}
	return list
}

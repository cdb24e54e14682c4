package imdsserver

import (
	"context"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/imds"
)

// HandlerOf answers on a listener that only one owner can reach, and gives out the
// tokens of one identity: the one that the owner has at that moment, or none.
func (s *Server) HandlerOf(owner armid.ID, identity func(context.Context) (Identity, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		request, e := imds.Rules{}.Parse(r)
		switch {
		case e != nil:
			e.Render(w)
			return
		case request.Route != imds.RouteToken:
			imds.NotFound("").Render(w)
			return
		}
		has, err := identity(r.Context())
		if err != nil {
			s.log.ErrorContext(r.Context(), "finding the identity of an owner", "owner", owner.String(), "error", err)
			imds.TokenFailure().Render(w)
			return
		}
		m := Machine{ResourceID: owner.String(), TenantID: has.TenantID}
		if has.PrincipalID != "" {
			m.System = &has
		}
		s.token(w, r, owner, m, request.Token)
	})
}

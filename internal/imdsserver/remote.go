package imdsserver

import (
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/imds"
)

// Answer answers a request of a machine that is known by other means than its address in a virtual network, and that
// isn't a machine of this cloud: it has identities, and no instance document. owner is the resource that it belongs to.
func (s *Server) Answer(w http.ResponseWriter, r *http.Request, owner armid.ID, m Machine) {
	request, e := imds.Rules{}.Parse(r)
	if e != nil {
		e.Render(w)
		return
	}
	switch request.Route {
	case imds.RouteToken:
		s.token(w, r, owner, m, request.Token)
	case imds.RouteIdentityInfo:
		s.identityInfo(w, r, m)
	case imds.RouteVersions:
		writeBody(w, imds.ContentTypeJSON, imds.VersionsBody())
	case imds.RouteInstance:
		imds.NotFound("The node isn't a machine of this cloud").Render(w)
	}
}

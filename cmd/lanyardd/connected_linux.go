package main

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/lanyard-project/lanyard/internal/imdsserver"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// connectedNodes answers nmi on the nodes of connected clusters, as instance
// metadata answers it on others: below containerservice.ConnectedPath come the
// cluster's key and the path of instance metadata.
func connectedNodes(clusters *containerservice.Provider, metadata *imdsserver.Server, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, containerservice.ConnectedPath), "/")
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			http.Error(w, "the agent of a connected cluster's node shows its service account token", http.StatusUnauthorized)
			return
		}
		node, err := clusters.ConnectedNode(r.Context(), key, secret.New(token))
		switch {
		case errors.Is(err, containerservice.ErrNotNode):
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		case errors.Is(err, containerservice.ErrBusy):
			w.Header().Set("Retry-After", "1")
			http.Error(w, err.Error(), http.StatusTooManyRequests)
			return
		case err != nil:
			log.ErrorContext(r.Context(), "asking a connected cluster about its node agent", "cluster", key, "error", err)
			w.Header().Set("Retry-After", "2")
			http.Error(w, "the cluster can't be asked now", http.StatusServiceUnavailable)
			return
		}
		m := imdsserver.Machine{ResourceID: node.Cluster.ID.String(), TenantID: node.TenantID, Location: node.Cluster.Location}
		if node.Name != "" {
			m.ResourceID += "/nodes/" + node.Name // each node is limited by itself
		}
		for _, i := range node.Identities {
			m.User = append(m.User, imdsserver.Identity{
				ResourceID: i.ResourceID, ClientID: i.ClientID, PrincipalID: i.ObjectID, TenantID: i.TenantID, Host: node.Cluster.ID.String(),
			})
		}
		inner := r.Clone(r.Context())
		// The target as it was sent is what instance metadata looks at.
		_, target, ok := strings.Cut(r.RequestURI, containerservice.ConnectedPath+key)
		if !ok {
			http.NotFound(w, r)
			return
		}
		inner.URL.Path, inner.URL.RawPath, inner.RequestURI = "/"+path, "", target
		inner.Header.Del("Authorization")
		metadata.Answer(w, inner, node.Cluster.ID, m)
	})
}

package kubeguard

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// Where it is served, below which come a cluster's key and what is asked: PathPrefix + KEY + "/authenticate".
const (
	PathPrefix       = "/kubernetes/"
	AuthenticatePath = "/authenticate"
	AuthorizePath    = "/authorize"
)

// ErrUnknown is returned for a cluster that there isn't, or that has another secret.
var ErrUnknown = errors.New("no cluster of this key and secret")

// Cluster is what the guard has to know of one.
type Cluster struct {
	ID armid.ID
	// TenantID is the one whose users and service principals may sign in.
	TenantID string
	// AzureRBAC makes role assignments count.
	AzureRBAC bool
}

// Clusters finds the cluster that an API server belongs to.
type Clusters interface {
	Guarded(ctx context.Context, key string, presented secret.String) (Cluster, error)
}

// Tokens reads tokens. *tokens.Verifier is one.
type Tokens interface {
	Verify(ctx context.Context, raw string, audiences []string) (tokens.Caller, error)
}

// Groups are those of the directory. *directory.Directory is one.
type Groups interface {
	GroupsOf(objectID string) []string
}

// Roles decides by role assignments. *authorization.Provider is one.
type Roles interface {
	DecideWith(caller providers.Caller, q rbac.Query) rbac.Decision
}

// Options are what a Guard is made of; all are required.
type Options struct {
	Clusters Clusters
	Tokens   Tokens
	Groups   Groups
	Roles    Roles
	Log      *slog.Logger
}

// Guard answers the API servers. It is safe for concurrent use.
type Guard struct{ options Options }

// New makes a Guard.
func New(o Options) *Guard { return &Guard{options: o} }

// longestReview bounds what is read: a token and the names in a request are short.
const longestReview = 256 << 10

// Handler serves the paths below PathPrefix.
func (g *Guard) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+PathPrefix+"{cluster}"+AuthenticatePath, answer(g, g.authenticate))
	mux.HandleFunc("POST "+PathPrefix+"{cluster}"+AuthorizePath, answer(g, g.authorize))
	return mux
}

// answer reads a review, lets it be answered for the cluster that asks, and writes it back.
func answer[T any, P interface {
	*T
	runtime.Object
}](g *Guard, decide func(ctx context.Context, c Cluster, review P)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		presented, ok := bearer(r)
		if !ok {
			http.Error(w, "an API server shows its cluster's secret", http.StatusUnauthorized)
			return
		}
		cluster, err := g.options.Clusters.Guarded(r.Context(), r.PathValue("cluster"), presented)
		switch {
		case errors.Is(err, ErrUnknown):
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		case err != nil:
			g.options.Log.ErrorContext(r.Context(), "looking for a cluster that asks", "error", err)
			http.Error(w, "the cluster can't be looked up now", http.StatusServiceUnavailable)
			return
		}
		review := P(new(T))
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, longestReview)).Decode(review); err != nil {
			http.Error(w, "the review can't be read", http.StatusBadRequest)
			return
		}
		decide(r.Context(), cluster, review)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(review) // who asked has gone away, or gets it
	}
}

func bearer(r *http.Request) (secret.String, bool) {
	const scheme = "Bearer "
	header := r.Header.Get("Authorization")
	if len(header) <= len(scheme) || header[:len(scheme)] != scheme {
		return secret.String{}, false
	}
	return secret.New(header[len(scheme):]), true
}

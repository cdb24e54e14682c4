package main

import (
	"context"
	"crypto/tls"
	"net/http"

	"log/slog"

	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/imdsserver"
	"github.com/lanyard-project/lanyard/internal/nameserver"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
	"github.com/lanyard-project/lanyard/internal/providers/features"
	"github.com/lanyard-project/lanyard/internal/providers/locks"
	"github.com/lanyard-project/lanyard/internal/providers/managedidentity"
	"github.com/lanyard-project/lanyard/internal/providers/network"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// What --clusters says.
const (
	clustersLocal  = "local"
	clustersAttach = "attach"
	clustersNone   = "none"
)

// platformOrigin is Azure's address of the platform inside every VNet; ours serves
// ARM and the token service there.
const platformOrigin = "https://168.63.129.16"

// publicOrigin is how programs that are set to the public cloud call ARM; inside
// virtual networks the name leads here.
const publicOrigin = "https://management.azure.com"

// machinery makes clusters real: processes, namespaces and networks of this
// machine, which needs root and Linux. Without it all the rest works.
type machinery interface {
	// attach returns the providers of what runs on it.
	attach(ctx context.Context, f foundation) ([]typed, error)
	// issuers serves what clusters publish for others to trust their tokens.
	issuers() http.Handler
	// resume takes up what an earlier process left.
	resume(ctx context.Context, log *slog.Logger)
	// run keeps going what was taken up, until the context ends.
	run(ctx context.Context) error
	// unavailable reports whether a principal's tokens can't be had because its cluster is being upgraded.
	unavailable(principal string) bool
	// connected answers the nodes of clusters that are run elsewhere.
	connected() http.Handler
	// issuerAlias is entra.Options.IssuerAlias.
	issuerAlias(ctx context.Context, published string) (issuer string, known bool)
	close()
}

// foundation is what clusters stand on in the cloud.
type foundation struct {
	config     config
	etcd       *etcdserver.Server
	engine     *ops.Engine
	people     *directory.Directory
	identities *managedidentity.Provider
	roles      *authorization.Provider
	networks   *network.Provider
	computing  *compute.Provider
	features   *features.Provider
	locks      *locks.Provider
	verifier   *tokens.Verifier
	box        *seal.Box
	metadata   *imdsserver.Server
	front      http.Handler
	names      *nameserver.Server
	tls        *tls.Config
	authority  []byte
	store      *store.Store
	log        *slog.Logger
}

// noMachinery serves no clusters: --clusters=none.
type noMachinery struct{}

func (noMachinery) attach(context.Context, foundation) ([]typed, error) { return nil, nil }
func (noMachinery) issuers() http.Handler                               { return http.NotFoundHandler() }
func (noMachinery) resume(context.Context, *slog.Logger)                {}
func (noMachinery) run(context.Context) error                           { return nil }
func (noMachinery) unavailable(string) bool                             { return false }
func (noMachinery) connected() http.Handler                             { return http.NotFoundHandler() }
func (noMachinery) close()                                              {}

func (noMachinery) issuerAlias(context.Context, string) (string, bool) { return "", false }

// aksRules are containerservice.Rules, which exist where clusters do.
type aksRules struct {
	Of2020             bool
	Strict             bool
	WithholdNodeImages bool
}

package main

import (
	"log/slog"
	"path/filepath"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/blobs"
	"github.com/lanyard-project/lanyard/internal/dataplane"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/edge"
	"github.com/lanyard-project/lanyard/internal/messages"
	"github.com/lanyard-project/lanyard/internal/obs/record"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/providers/servicebus"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/providers/storage"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// dataPlanes are the services of what is in storage accounts and Service Bus
// namespaces, with the providers whose documents say what there is.
type dataPlanes struct {
	storage    *storage.Provider
	servicebus *servicebus.Provider
	blobs      *blobs.Service
	messages   *messages.Service
}

func newDataPlanes(
	c config, deps shape.Deps, people *directory.Directory, roles *authorization.Provider, verifier *tokens.Verifier, box *seal.Box, recorder *record.Log, clk clock.Clock, log *slog.Logger,
) dataPlanes {
	keys := shape.Keyring{Box: box}
	d := dataPlanes{storage: storage.New(storage.Config{Deps: deps, Keys: keys}), servicebus: servicebus.New(servicebus.Config{Deps: deps, Keys: keys})}
	gate := dataplane.Gate{Verifier: verifier, Groups: people.GroupsOf, Decide: roles.DecideWith, TenantOf: people.TenantOf, Record: recordData(recorder)}
	d.blobs = &blobs.Service{
		Accounts: d.storage, Resources: deps.Resources, State: deps.Store, Gate: gate, Dir: filepath.Join(c.dataDir, "blobs"), Origin: c.origin, Clock: clk, Log: log,
	}
	d.messages = &messages.Service{Namespaces: d.servicebus, Resources: deps.Resources, State: deps.Store, Gate: gate, Clock: clk, Log: log}
	return d
}

// hosts have the requests for accounts and namespaces.
func (d dataPlanes) hosts() []edge.HostRoute {
	return []edge.HostRoute{{Suffix: ".blob.core.windows.net", Handler: d.blobs}, {Suffix: ".servicebus.windows.net", Handler: d.messages}}
}

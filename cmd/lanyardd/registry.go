package main

import (
	"context"
	"log/slog"
	"path/filepath"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/pipeline"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/edge"
	"github.com/lanyard-project/lanyard/internal/keys"
	"github.com/lanyard-project/lanyard/internal/obs/record"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/providers/containerregistry"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/registry"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/tokens"
)

// containers are the registries' documents and the service of their images.
type containers struct {
	*containerregistry.Provider
	service *registry.Service
}

// openContainers makes both; the images lie in the data folder.
func openContainers(
	ctx context.Context, c config, deps shape.Deps, people *directory.Directory, roles *authorization.Provider,
	verifier *tokens.Verifier, ring *keys.Ring, box *seal.Box, recorder *record.Log, clk clock.WithTicker, log *slog.Logger,
) (containers, error) {
	folder := filepath.Join(c.dataDir, "registries")
	documents := containerregistry.New(containerregistry.Config{
		Deps: deps, Keys: shape.Keyring{Box: box}, Suffix: c.registrySuffix, Size: func(life string) (int64, error) { return registry.Size(folder, life) },
	})
	service, err := registry.New(ctx, registry.Options{
		Folder: folder, Registries: documents, Principals: people, Roles: roles,
		Verifier: verifier, Audiences: pipeline.Audiences(c.origin, platformOrigin), Keys: ring, Clock: clk, Log: log, Record: recordRegistry(recorder),
	})
	return containers{documents, service}, err
}

// host has the requests for login servers.
func (c containers) host() edge.HostRoute {
	return edge.HostRoute{Suffix: c.LoginServerSuffix(), Handler: c.service}
}

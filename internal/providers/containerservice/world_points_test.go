package containerservice_test

import (
	"context"
	"net/netip"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
	"github.com/lanyard-project/lanyard/internal/providers/dns"
	"github.com/lanyard-project/lanyard/internal/providers/managedidentity"
	"github.com/lanyard-project/lanyard/internal/providers/network"
)

// What follows are the real providers, with points at which the process can die around each call.

type directoryWithPoints struct {
	*directory.Directory
	*world
}

func (d directoryWithPoints) DeleteManagedIdentity(ctx context.Context, id armid.ID) error {
	return d.do(ctx, "directory.Delete", func() error { return d.Directory.DeleteManagedIdentity(ctx, id) })
}

type identitiesWithPoints struct {
	*managedidentity.Provider
	*world
}

func (i identitiesWithPoints) Ensure(ctx context.Context, by providers.Caller, id armid.ID, location string, tags map[string]string) (made *resource.Resource, err error) {
	err = i.do(ctx, "identities.Ensure", func() (err error) { made, err = i.Provider.Ensure(ctx, by, id, location, tags); return err })
	return made, err
}

type rolesWithPoints struct {
	*authorization.Provider
	*world
}

func (r rolesWithPoints) Grant(ctx context.Context, g authorization.Grant) (made *resource.Resource, err error) {
	err = r.do(ctx, "roles.Grant", func() (err error) { made, err = r.Provider.Grant(ctx, g); return err })
	return made, err
}

func (r rolesWithPoints) Revoke(ctx context.Context, g authorization.Grant) error {
	return r.do(ctx, "roles.Revoke", func() error { return r.Provider.Revoke(ctx, g) })
}

type addressesWithPoints struct {
	*network.Provider
	*world
}

func (a addressesWithPoints) Allocate(ctx context.Context, subnet armid.ID, owner string, bits int) (p netip.Prefix, err error) {
	err = a.do(ctx, "Allocate", func() (err error) { p, err = a.Provider.Allocate(ctx, subnet, owner, bits); return err })
	return p, err
}

func (a addressesWithPoints) Ensure(ctx context.Context, by providers.Caller, next *resource.Resource) (made *resource.Resource, err error) {
	err = a.do(ctx, "Ensure "+next.ID.Name(), func() (err error) { made, err = a.Provider.Ensure(ctx, by, next); return err })
	return made, err
}

func (a addressesWithPoints) Release(ctx context.Context, subnet armid.ID, owner string) error {
	return a.do(ctx, "Release", func() error { return a.Provider.Release(ctx, subnet, owner) })
}

type zonesWithPoints struct {
	*dns.Provider
	*world
}

func (z zonesWithPoints) Ensure(ctx context.Context, by providers.Caller, next *resource.Resource) (made *resource.Resource, err error) {
	err = z.do(ctx, "Ensure "+next.ID.Name(), func() (err error) { made, err = z.Provider.Ensure(ctx, by, next); return err })
	return made, err
}

type instancesWithPoints struct {
	*compute.Provider
	*world
}

func (i instancesWithPoints) EnsureInstance(ctx context.Context, by providers.Caller, set armid.ID, instance compute.Instance) error {
	return i.do(ctx, "EnsureInstance", func() error { return i.Provider.EnsureInstance(ctx, by, set, instance) })
}

func (i instancesWithPoints) DeleteInstance(ctx context.Context, by providers.Caller, set armid.ID, number int) error {
	return i.do(ctx, "DeleteInstance", func() error { return i.Provider.DeleteInstance(ctx, by, set, number) })
}

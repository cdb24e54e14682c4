package authorization

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Grant is a role assignment that the cloud makes itself: the first
// administrator's, a cluster's on its node resource group.
type Grant struct {
	By            providers.Caller
	Scope         armid.ID
	Role          string // the GUID of a role definition, or any form of its ID
	PrincipalID   string
	PrincipalType string // empty means ServicePrincipal
	// Name is the assignment's GUID; empty means one that follows from the rest, so
	// that repeating a grant makes no second assignment.
	Name string
}

func (g Grant) name() string {
	if g.Name != "" {
		return g.Name
	}
	what := strings.Join([]string{g.Scope.Key(), rbac.RoleGUID(g.Role), strings.ToLower(g.PrincipalID)}, "|")
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(what)).String()
}

// Grant assigns the role unless the principal has it at this very scope, and
// returns the assignment. It counts when Grant returns.
func (p *Provider) Grant(ctx context.Context, g Grant) (*resource.Resource, error) {
	role := rbac.RoleGUID(g.Role)
	if _, ok := p.index.Role(role); !ok {
		return nil, roleDoesNotExist(400, role)
	}
	if g.PrincipalType == "" {
		g.PrincipalType = "ServicePrincipal"
	}
	next := &resource.Resource{ID: g.Scope.Extension(namespace, "roleAssignments", g.name())}
	for {
		claim, err := p.claim(ctx, next.ID, role, g.PrincipalID)
		if err != nil {
			return nil, err
		}
		if claim.holder != "" {
			held, err := p.held(ctx, claim.holder)
			if errors.Is(err, store.ErrNotFound) {
				continue // deleted since: claim it
			}
			return held, err
		}
		q := request{RoleDefinitionID: "/" + role, PrincipalID: g.PrincipalID, PrincipalType: g.PrincipalType}
		if err := q.complete(next, nil, g.By.ObjectID, p.cfg.Clock.Now()); err != nil {
			return nil, err
		}
		if err := next.SetInternal(internalState{Immediate: true}); err != nil {
			return nil, err
		}
		made, err := p.cfg.Resources.Create(ctx, g.By, next, []store.Op{claim.op}, claim.conds...)
		if errors.Is(err, store.ErrConflict) {
			continue // somebody claimed it meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("assigning a role: %w", err)
		}
		return made, nil
	}
}

// held reads the assignment that holds a claim, and makes sure that it counts.
func (p *Provider) held(ctx context.Context, key string) (*resource.Resource, error) {
	item, err := p.cfg.Store.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("reading a role assignment: %w", err)
	}
	r, err := resource.Load(item.Value, item.Revision)
	if err != nil {
		return nil, err
	}
	p.mirror.Learn(item) // another process may have written it just now
	return r, nil
}

// Revoke removes a Grant if it is there. It has effect when Revoke returns.
func (p *Provider) Revoke(ctx context.Context, g Grant) error {
	id := g.Scope.Extension(namespace, "roleAssignments", g.name())
	if _, err := p.cfg.Resources.Delete(ctx, g.By, id); err != nil && !rest.IsNotFound(err) {
		return fmt.Errorf("removing a role assignment: %w", err)
	}
	return nil
}

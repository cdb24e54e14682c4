package authorization

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/rbac"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/mirror"
	"k8s.io/utils/clock"
)

const namespace = "Microsoft.Authorization"

// Principals tells what is known of a principal; *directory.Directory is one.
type Principals interface {
	// PrincipalType returns "ServicePrincipal", "User" or "Group", or "" when the
	// tenant has no such principal.
	PrincipalType(ctx context.Context, objectID string) (string, error)
}

// Config says what the provider works with.
type Config struct {
	Store      *store.Store
	Resources  providers.Resources // for Grant and Revoke
	Principals Principals
	Log        *slog.Logger
	Clock      clock.Clock
}

// Provider serves the types of Microsoft.Authorization and decides about all
// calls. It is safe for concurrent use.
type Provider struct {
	cfg    Config
	roles  []rbac.RoleDefinition // built in, in the order in which they are listed
	index  *rbac.Index
	mirror *mirror.Mirror

	mu sync.RWMutex
	// assignments are the stored resources behind the index, by store key.
	assignments map[string]*resource.Resource
}

// New returns the provider with the built-in roles and no assignments: Load
// reads those.
func New(cfg Config) (*Provider, error) {
	roles, err := rbac.BuiltinRoles()
	if err != nil {
		return nil, err
	}
	p := &Provider{cfg: cfg, roles: roles, index: rbac.NewIndex(roles), assignments: map[string]*resource.Resource{}}
	p.mirror = mirror.New(mirror.Config{
		Store: cfg.Store, Prefix: resource.KeyPrefix + "/", Match: isAssignmentKey,
		Put: p.learn, Delete: p.forget, Log: cfg.Log, Clock: cfg.Clock,
	})
	return p, nil
}

// Load reads all assignments. Until it has returned without error no decision
// allows anything.
func (p *Provider) Load(ctx context.Context) error {
	if err := p.mirror.Load(ctx); err != nil {
		return fmt.Errorf("loading role assignments: %w", err)
	}
	return nil
}

// Run follows what is written to assignments elsewhere until ctx ends.
func (p *Provider) Run(ctx context.Context) error { return p.mirror.Follow(ctx) }

// Types returns the provider's resource types.
func (p *Provider) Types() []*providers.Type {
	return []*providers.Type{p.roleDefinitions(), p.roleAssignments(), p.permissions()}
}

// Check decides whether the caller may perform the action at the scope. The
// reason is the ID of the assignment that allows it; for a refusal it is empty,
// or names an assignment whose condition stood in the way.
func (p *Provider) Check(_ context.Context, caller providers.Caller, action string, scope armid.ID) (bool, string) {
	d := p.Decide(caller, action, scope, false)
	switch {
	case d.Allowed:
		return true, d.Assignment.ID.String()
	case d.Unmet != nil:
		return false, "condition not fulfilled: " + d.Unmet.ID.String()
	}
	return false, ""
}

// Decide is Check with the whole reason; data selects the data plane.
func (p *Provider) Decide(caller providers.Caller, action string, scope armid.ID, data bool) rbac.Decision {
	if caller.ObjectID == "" {
		return rbac.Decision{}
	}
	principals := make([]string, 1, 8)
	principals[0] = caller.ObjectID
	return p.index.Check(append(principals, caller.Groups...), action, scope, data)
}

// Sees reports whether the caller has any role at the scope, above or below it:
// then it may know that the subscription exists.
func (p *Provider) Sees(_ context.Context, caller providers.Caller, scope armid.ID) bool {
	return p.index.Touches(append([]string{caller.ObjectID}, caller.Groups...), scope)
}

const assignmentSegment = "/providers/microsoft.authorization/roleassignments/"

func isAssignmentKey(key string) bool {
	at := strings.LastIndex(key, assignmentSegment)
	return at >= 0 && !strings.Contains(key[at+len(assignmentSegment):], "/")
}

// learn takes an assignment from the store into the index.
func (p *Provider) learn(item store.Item) {
	r, err := resource.Load(item.Value, item.Revision)
	if err == nil {
		var a rbac.Assignment
		if a, err = indexed(r); err == nil {
			p.index.Put(a)
		}
	}
	if err != nil {
		// What can't be read must not go on granting what it did before.
		p.cfg.Log.Error("role assignment is unreadable and grants nothing", "key", item.Key, "error", err)
		p.forget(item.Key)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.assignments[item.Key] = r
}

func (p *Provider) forget(key string) {
	p.mu.Lock()
	r := p.assignments[key]
	delete(p.assignments, key)
	p.mu.Unlock()
	if r != nil {
		p.index.Remove(r.ID)
	}
}

// committed makes a write of this process count before its caller hears of it.
func (p *Provider) committed(ctx context.Context, id armid.ID, _ *resource.Resource) {
	if err := p.mirror.Refresh(ctx, resource.StoreKey(id)); err != nil {
		p.cfg.Log.WarnContext(ctx, "role assignment will count when the watch brings it", "id", id.String(), "error", err)
	}
}

func indexed(r *resource.Resource) (rbac.Assignment, error) {
	props, err := resource.Read[properties](r)
	if err != nil {
		return rbac.Assignment{}, err
	}
	return rbac.Assignment{
		ID: r.ID, Scope: r.ID.Parent(), RoleDefinitionID: props.RoleDefinitionID, PrincipalID: props.PrincipalID,
		PrincipalType: props.PrincipalType, Condition: text(props.Condition),
	}, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

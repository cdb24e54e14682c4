package authorization

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

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
	PrincipalType(ctx context.Context, tenantID, objectID string) (string, error)
}

// Config says what the provider works with.
type Config struct {
	Store      *store.Store
	Resources  providers.Resources // for Grant and Revoke
	Principals Principals
	Log        *slog.Logger
	Clock      clock.Clock
	// Registry, which may be nil, is what providerOperations lists.
	Registry *providers.Registry
	// Propagation is for how long a new assignment doesn't count yet, as on Azure
	// for up to ten minutes; 0 means at once. What is deleted is gone at once.
	Propagation time.Duration
	// Imported are further role definitions that count as built in (ReadImport).
	Imported []rbac.RoleDefinition
}

// Memberships is a Principals that knows groups; *directory.Directory may be one.
type Memberships interface {
	// GroupsOf returns the object IDs of all groups, transitive ones included, that
	// the principal is in. It answers from memory.
	GroupsOf(objectID string) []string
}

// Provider serves the types of Microsoft.Authorization and decides about all
// calls. It is safe for concurrent use.
type Provider struct {
	cfg    Config
	roles  []rbac.RoleDefinition // built in, in the order in which they are listed
	index  *rbac.Index
	mirror *mirror.Mirror
	// environment is what conditions know of a request without attributes.
	environment *environment

	mu sync.RWMutex
	// assignments are the stored resources behind the index, by store key.
	assignments map[string]*resource.Resource
	// perSubscription counts the assignments at and below each subscription, by key.
	perSubscription map[string]int
	// custom and denies are the stored role definitions and deny assignments, by
	// store key.
	custom, denies map[string]*resource.Resource
}

// New returns the provider with the built-in roles and no assignments: Load
// reads those.
func New(cfg Config) (*Provider, error) {
	roles, err := rbac.BuiltinRoles()
	if err != nil {
		return nil, err
	}
	roles = merged(roles, cfg.Imported)
	p := &Provider{
		cfg: cfg, roles: roles, index: rbac.NewIndex(roles), assignments: map[string]*resource.Resource{},
		perSubscription: map[string]int{}, custom: map[string]*resource.Resource{}, denies: map[string]*resource.Resource{},
	}
	p.environment = &environment{clock: cfg.Clock.Now}
	p.index.SetClock(cfg.Clock.Now)
	p.mirror = mirror.New(mirror.Config{
		Store: cfg.Store, Prefix: resource.KeyPrefix + "/", Match: func(key string) bool { return kindOf(key) != "" },
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
	return []*providers.Type{p.roleDefinitions(), p.roleAssignments(), p.denyAssignments(), p.permissions(), p.checkAccess(), p.operations()}
}

const extensionSegment = "/providers/microsoft.authorization/"

// kindOf tells which of the provider's stored types a store key is of, or "".
func kindOf(key string) string {
	at := strings.LastIndex(key, extensionSegment)
	if at < 0 {
		return ""
	}
	kind, name, ok := strings.Cut(key[at+len(extensionSegment):], "/")
	if !ok || strings.Contains(name, "/") {
		return ""
	}
	switch kind {
	case "roleassignments", "roledefinitions", "denyassignments":
		return kind
	}
	return ""
}

// learn takes an item from the store into the index.
func (p *Provider) learn(item store.Item) {
	r, err := resource.Load(item.Value, item.Revision)
	if err == nil {
		switch kindOf(item.Key) {
		case "roleassignments":
			err = p.learnAssignment(item.Key, r)
		case "roledefinitions":
			err = p.learnRole(item.Key, r)
		case "denyassignments":
			err = p.learnDeny(item.Key, r)
		}
	}
	if err != nil {
		// What can't be read must not go on granting what it did before.
		p.cfg.Log.Error("a document of Microsoft.Authorization is unreadable and grants nothing", "key", item.Key, "error", err)
		p.forget(item.Key)
	}
}

func (p *Provider) learnAssignment(key string, r *resource.Resource) error {
	a, err := p.indexed(r)
	if err != nil {
		return err
	}
	p.index.Put(a)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.assignments[key] == nil {
		p.perSubscription[r.ID.SubscriptionID().Key()]++
	}
	p.assignments[key] = r
	return nil
}

func (p *Provider) forget(key string) {
	p.mu.Lock()
	assignment, role, deny := p.assignments[key], p.custom[key], p.denies[key]
	if assignment != nil {
		p.perSubscription[assignment.ID.SubscriptionID().Key()]--
	}
	delete(p.assignments, key)
	delete(p.custom, key)
	delete(p.denies, key)
	p.mu.Unlock()
	switch {
	case assignment != nil:
		p.index.Remove(assignment.ID)
	case role != nil:
		p.index.RemoveRole(role.ID.Name())
	case deny != nil:
		p.index.RemoveDeny(deny.ID)
	}
}

// indexed is the assignment as the index has it. Those that the cloud made itself
// don't wait to be propagated.
func (p *Provider) indexed(r *resource.Resource) (rbac.Assignment, error) {
	props, err := resource.Read[properties](r)
	if err != nil {
		return rbac.Assignment{}, err
	}
	kept, err := resource.ReadInternal[internalState](r)
	if err != nil {
		return rbac.Assignment{}, err
	}
	a := rbac.Assignment{
		ID: r.ID, Scope: r.ID.Parent(), RoleDefinitionID: props.RoleDefinitionID, PrincipalID: props.PrincipalID,
		PrincipalType: props.PrincipalType, Condition: text(props.Condition),
	}
	if p.cfg.Propagation > 0 && !kept.Immediate {
		created, err := time.Parse(time.RFC3339Nano, props.CreatedOn)
		if err != nil {
			return a, fmt.Errorf("reading when an assignment was made: %w", err)
		}
		a.From = created.Add(p.cfg.Propagation)
	}
	return a, nil
}

// internalState is what an assignment keeps beside what clients see.
type internalState struct {
	Immediate bool `json:"immediate,omitempty"`
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

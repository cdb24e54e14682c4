package providers

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Caller is who makes a call, as proven by its token.
type Caller struct {
	TenantID string   `json:"tenantId,omitempty"`
	ObjectID string   `json:"objectId,omitempty"` // the principal
	AppID    string   `json:"appId,omitempty"`    // the application; empty for a user
	Name     string   `json:"name,omitempty"`     // user name, or ""
	Type     string   `json:"type,omitempty"`     // "Application", "ManagedIdentity" or "User", as systemData spells it
	Groups   []string `json:"groups,omitempty"`   // object IDs of the groups that the token names
}

// Client is how error texts name the caller: its user name, application or object ID.
func (c Caller) Client() string {
	switch {
	case c.Name != "":
		return c.Name
	case c.AppID != "":
		return c.AppID
	}
	return c.ObjectID
}

// Method is what a call does to a resource.
type Method string

// The methods.
const (
	Get    Method = "get"
	List   Method = "list"
	Put    Method = "put"
	Patch  Method = "patch"
	Delete Method = "delete"
	Do     Method = "action"
)

// Request is one call on its way through the pipeline, as the provider sees it.
type Request struct {
	Caller     Caller
	Method     Method
	Type       *Type
	APIVersion string
	Query      url.Values
	Now        time.Time
	// Attempt counts from 0 how often the call was decided anew because others wrote
	// meanwhile: for rules that refuse concurrent writes.
	Attempt int

	// ID is the resource. For List and collection actions it is zero and Scope says
	// below what is listed.
	ID    armid.ID
	Scope armid.ID
	// Body is what the client sent, or nil.
	Body json.RawMessage
	// Old is the stored resource, nil when it doesn't exist. It must not be changed.
	Old *resource.Resource
	// Next is what PUT and PATCH will store; hooks change it.
	Next *resource.Resource

	// Linked are scopes beside the resource on which the caller needs an action.
	Linked []Linked
	// Ops and Conds go into the transaction that writes the resource.
	Ops   []store.Op
	Conds []store.Cond
	// Operation is the plan that Start asked for, or nil.
	Operation *Start
	// Origin is the base URL under which the client reached us, for absolute links.
	Origin string
}

// Linked is an action that the caller needs on another scope.
type Linked struct {
	Action string
	Scope  armid.ID
}

// Start asks for a plan.
type Start struct {
	Plan string
	Args json.RawMessage
	// State is the provisioning state while it runs; empty means Creating, Updating
	// or Deleting as fits.
	State string
}

// Creating reports whether the write makes a new resource.
func (r *Request) Creating() bool { return r.Old == nil && r.Next != nil }

// Link demands an action on another scope; missing rights become
// LinkedAuthorizationFailed. Only Prepare's links are checked.
func (r *Request) Link(action string, scope armid.ID) {
	for _, l := range r.Linked {
		if l.Action == action && l.Scope.Equal(scope) {
			return
		}
	}
	r.Linked = append(r.Linked, Linked{Action: action, Scope: scope})
}

// Start makes the write a long-running operation that runs the type's plan of
// that name. args, which may be nil, is kept in the operation's record.
func (r *Request) Start(plan string, args any) error {
	raw, err := json.Marshal(args)
	if err != nil {
		return fmt.Errorf("keeping the arguments of plan %s: %w", plan, err)
	}
	r.Operation = &Start{Plan: plan, Args: raw}
	return nil
}

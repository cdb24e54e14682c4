package providers

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/rbac"
)

// Level says at which scopes resources of a type may be. Levels can be or-ed.
type Level int

// The levels. Children of another type have their parent's level.
const (
	AtTenant       Level = 1 << iota // /providers/…
	AtSubscription                   // /subscriptions/S/providers/…
	AtGroup                          // /subscriptions/S/resourceGroups/G/providers/…
	AtResource                       // an extension of any resource: <resource ID>/providers/…

	// AtAnyScope is for extensions such as role assignments.
	AtAnyScope = AtTenant | AtSubscription | AtGroup | AtResource
)

// Verbs says which of the standard operations a type serves.
type Verbs int

// The verbs. Zero stands for all of them.
const (
	CanGet Verbs = 1 << iota
	CanList
	CanPut
	CanPatch
	CanDelete

	// ReadOnly types are made by the server alone.
	ReadOnly = CanGet | CanList
	// ActionsOnly types are nothing but a place for their actions.
	ActionsOnly Verbs = 1 << 8
)

// Type is one resource type: its facts, and functions for what is particular.
type Type struct {
	// Namespace ("Microsoft.Network") and Name ("virtualNetworks/subnets") in the
	// casing in which IDs display them.
	Namespace string
	Name      string
	// APIVersions that clients may send, in any order.
	APIVersions []string
	Levels      Level
	Verbs       Verbs
	// Tracked resources have a location (required) and tags, and are listed by
	// …/resources; others are parts of something else.
	Tracked bool

	// WireType is the "type" member where it differs, as AKS's "Microsoft.ContainerService/ManagedClusters".
	WireType string
	// GroupSegment is "resourcegroups" for the types that display their IDs so
	// (ManagedIdentity, ContainerService); empty means "resourceGroups".
	GroupSegment string
	// ActionType replaces Namespace/Name in the names of actions, as
	// "Microsoft.Resources/subscriptions/resourceGroups" does.
	ActionType string
	// NamePattern that a new resource's name must match, and the rule as the error says it.
	NamePattern *regexp.Regexp
	NameRule    string
	// BadName is the provider's own answer to a name that doesn't match; nil is ARM's.
	BadName func(name string) *rest.Error

	HideState   bool // properties.provisioningState isn't shown
	ShowETag    bool // "etag" member and ETag header
	AlwaysTags  bool // "tags":{} is shown even when empty
	HideSystem  bool // systemData isn't shown
	MadeOK      bool // the PUT that makes one answers 200 instead of 201; some clients take nothing else
	GoneEmpty   bool // the DELETE of one answers 204 instead of 200, for the same reason
	FlatErrors  bool // the provider's own errors have no "error" envelope (AKS)
	ShowDeleted bool // DELETE answers with the resource that was
	// ListVisible collections need no right of their own: they show what the caller
	// may read.
	ListVisible bool
	// Public types can be read by every authenticated caller.
	Public bool
	// Embedded resources are parts of another document: Get and List read them
	// there, Admit and Remove put the write of that document into the transaction,
	// and the engine writes no document of their own.
	Embedded bool
	// References are full types that this type's resources may refer to: a resource
	// group deletes referrers first.
	References []string

	// NoBody types are made by a PUT that may come without a body: the path says all.
	NoBody bool
	// Relax makes JSON of a body that isn't; nil: such a body is refused.
	Relax func(raw []byte) []byte
	// Prepare checks and completes a PUT or PATCH without looking at any other
	// state: it fills defaults into Next, refuses bad values and names the linked
	// scopes (Request.Link).
	Prepare func(ctx context.Context, r *Request) error
	// Admit makes the checks that need state, once the caller is authorised. It may
	// add writes and conditions to the transaction and Start a plan.
	Admit func(ctx context.Context, r *Request) error
	// Remove does the same for a DELETE, where Old is what goes and Next is nil.
	// Without Start the resource and everything below it are gone with the transaction.
	Remove func(ctx context.Context, r *Request) error
	// Apply makes the change itself, for types whose documents are a part of another
	// resource's and that are read with Get; nothing is stored for them then. It
	// returns what is shown, for a removal nil.
	Apply func(ctx context.Context, r *Request) (*resource.Resource, error)
	// Busy gives the error for a write while an operation is under way; nil means
	// 409 AnotherOperationInProgress.
	Busy func(current *resource.Resource) *rest.Error
	// Mismatch gives the error for an entity tag that isn't the resource's; nil means
	// 412 PreconditionFailed.
	Mismatch func() *rest.Error

	// Attributes are what conditions of role assignments may ask of a request: Body
	// and Old are set. It is called only when a condition decides; nil: none.
	Attributes func(ctx context.Context, r *Request) rbac.AttributeSet

	// NotFound is the error for the read of an absent resource; nil means 404
	// ResourceNotFound.
	NotFound func(id armid.ID) *rest.Error
	// Get reads a resource that isn't in the store (built-in role definitions,
	// identities/default); nil means the store.
	Get func(ctx context.Context, r *Request) (*resource.Resource, error)
	// List reads a collection whose members or filters are particular; nil means
	// the stored resources directly below Request.Scope. The pipeline pages it.
	List func(ctx context.Context, r *Request) ([]*resource.Resource, error)
	// ListsAll says that the collection's members are all stored resources below the
	// scope, whatever their types; Filter chooses among them.
	ListsAll bool
	// Filter reads the request's $filter for a type without List; nil ignores it.
	Filter func(r *Request) (func(*resource.Resource) bool, error)
	// ListBySubscription serves …/subscriptions/S/providers/NS/type for a type that
	// lives in resource groups.
	ListBySubscription bool
	// Render changes a copy of the resource before it is shown (computed members,
	// shapes of older api-versions).
	Render func(ctx context.Context, r *resource.Resource, apiVersion string) error
	// Document replaces the whole wire form, for types without ARM's envelope.
	Document func(ctx context.Context, r *resource.Resource, apiVersion string) (json.RawMessage, error)

	// Part is for a type whose resources are parts of another resource's document,
	// which is where they are written: it turns a PUT, PATCH or DELETE of the part into
	// the prepared write of the whole. That is admitted and committed; Get then reads
	// the part. The caller needs the right on the part, and the links of the whole.
	Part func(ctx context.Context, r *Request) (*Request, error)

	// Actions are the further operations, by the last segment of the path.
	Actions []Action
	// Plans are the long-running operations that Start may name.
	Plans []Plan

	// named are the words that every call asks for, put together once, by Register.
	named struct{ full, read, write, delete string }
}

// FullName is the type as IDs display it.
func (t *Type) FullName() string {
	if t.named.full != "" {
		return t.named.full
	}
	return t.Namespace + "/" + t.Name
}

// Permission names the action that a verb needs: "read", "write" or "delete".
func (t *Type) Permission(verb string) string {
	if t.named.full != "" {
		switch verb {
		case "read":
			return t.named.read
		case "write":
			return t.named.write
		case "delete":
			return t.named.delete
		}
	}
	return t.permission(verb)
}

func (t *Type) permission(verb string) string {
	if t.ActionType != "" {
		return t.ActionType + "/" + verb
	}
	return t.FullName() + "/" + verb
}

// Can reports whether the type serves all of the verbs.
func (t *Type) Can(v Verbs) bool { return t.Verbs == 0 || t.Verbs&v == v }

// Wire returns how the type shows a document with that ID.
func (t *Type) Wire(id armid.ID) resource.WireOptions {
	o := resource.WireOptions{Type: t.wireType(), HideState: t.HideState, ETag: t.ShowETag, AlwaysTag: t.AlwaysTags, NoSystem: t.HideSystem}
	if t.GroupSegment != "" {
		o.ID = strings.Replace(id.String(), "/resourceGroups/", "/"+t.GroupSegment+"/", 1)
	}
	return o
}

func (t *Type) wireType() string {
	if t.WireType != "" {
		return t.WireType
	}
	return t.FullName()
}

// Action is an operation beside the standard ones.
type Action struct {
	// Name is the path's last segment: "listClusterUserCredential".
	Name string
	// Method is POST unless said otherwise.
	Method string
	// OnCollection actions come after the type instead of after a resource's name;
	// one without a Name is a POST to the collection itself.
	OnCollection bool
	// OnProvider actions come directly after the provider in a subscription:
	// …/providers/NS/Name.
	OnProvider bool
	// Permission is the full name of the action that the caller needs; empty means
	// "<type>/<Name>/action" for POST and "<type>/<Name>/read" for GET.
	Permission string
	// Anew actions are about a resource that needn't exist: Old is nil.
	Anew bool
	// Open actions may be called by every authenticated caller: Run decides itself.
	Open bool
	// Run does it. Old is the resource (nil for OnCollection). A response with
	// status 202 and a started plan gets its headers from the pipeline.
	Run func(ctx context.Context, r *Request) (rest.Response, error)
}

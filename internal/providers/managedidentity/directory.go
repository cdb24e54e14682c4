package managedidentity

import (
	"context"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Principal is the service principal behind a managed identity.
type Principal struct {
	TenantID string
	ObjectID string
	ClientID string
}

// Directory has the principals of managed identities. It writes nothing itself:
// what has to be written goes into the transaction of the resource, so that
// neither is ever without the other.
type Directory interface {
	// PrincipalOf returns the principal of a resource, and false if it has none.
	PrincipalOf(ctx context.Context, owner armid.ID) (Principal, bool, error)
	// MakePrincipal returns the principal that a resource gets by the writes, or the
	// one that it has (then there is nothing to write). explicit is true for a
	// user-assigned identity and false for a resource's own.
	MakePrincipal(ctx context.Context, owner armid.ID, explicit bool) (Principal, []store.Cond, []store.Op, error)
	// DropPrincipal says what removes it; nothing if there is none.
	DropPrincipal(ctx context.Context, owner armid.ID) ([]store.Cond, []store.Op, error)
}

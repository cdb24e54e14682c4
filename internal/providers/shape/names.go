package shape

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

// claimsPrefix is where names are that only one resource of the whole cloud can
// have, such as those of storage accounts.
const claimsPrefix = "/lanyard/names/"

func claimKey(space, name string) string { return claimsPrefix + space + "/" + strings.ToLower(name) }

// Holder returns the ID of the resource that has a name, or "".
func (d Deps) Holder(ctx context.Context, space, name string) (string, error) {
	item, err := d.Store.Get(ctx, claimKey(space, name))
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking for the owner of %s %s: %w", space, name, err)
	}
	return string(item.Value), nil
}

// Claim gives a name to a resource in the request's transaction, or fails with
// taken when another one has it.
func (d Deps) Claim(ctx context.Context, r *providers.Request, space, name string, owner armid.ID, taken *rest.Error) error {
	has, err := d.Holder(ctx, space, name)
	if err != nil {
		return err
	}
	switch {
	case has == "":
		r.Conds = append(r.Conds, store.Absent(claimKey(space, name)))
		r.Ops = append(r.Ops, store.Put(claimKey(space, name), []byte(owner.String())))
		return nil
	case strings.EqualFold(has, owner.String()):
		return nil
	}
	return taken
}

// Unclaim gives a name back in the request's transaction.
func (d Deps) Unclaim(r *providers.Request, space, name string) {
	r.Ops = append(r.Ops, store.Delete(claimKey(space, name)))
}

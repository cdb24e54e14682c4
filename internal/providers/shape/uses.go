package shape

import (
	"context"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

// usesPrefix is where references are written down by what they refer to. The
// entry of a reference is written and removed in the transaction of the document
// that has it.
const usesPrefix = "/lanyard/uses"

// Use is one reference: By has a member that names Target.
type Use struct{ Target, By armid.ID }

func (u Use) key() string { return usesPrefix + u.Target.Key() + "/" + u.By.Key() }

// Put writes the reference down; it belongs into the transaction that makes it.
func (u Use) Put() store.Op { return store.Put(u.key(), []byte(u.By.String())) }

// usesBelow is the range of all uses of a resource and of what is below it.
func usesBelow(target armid.ID) string { return usesPrefix + target.Key() + "/" }

// Uses lists who refers to the target or to anything below it.
func (d Deps) Uses(ctx context.Context, target armid.ID) ([]Use, error) {
	page, err := d.Store.List(ctx, usesBelow(target), store.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading who uses %s: %w", target, err)
	}
	out := make([]Use, 0, len(page.Items))
	for _, item := range page.Items {
		// The two IDs meet in a double slash, which no ID contains.
		to, _, _ := strings.Cut(strings.TrimPrefix(item.Key, usesPrefix), "//")
		at, err := armid.Parse(to)
		if err != nil {
			return nil, fmt.Errorf("reading who uses %s: %w", target, err)
		}
		by, err := armid.Parse(string(item.Value))
		if err != nil {
			return nil, fmt.Errorf("reading who uses %s: %w", target, err)
		}
		out = append(out, Use{Target: at, By: by})
	}
	return out, nil
}

// Track writes the difference of a document's references into its transaction.
// Those that are new must exist: what they name stays until then.
func (d Deps) Track(ctx context.Context, r *providers.Request, old, next []Use) error {
	had := map[string]bool{}
	for _, u := range old {
		had[u.key()] = true
	}
	for _, u := range next {
		if had[u.key()] {
			delete(had, u.key())
			continue
		}
		if err := d.exists(ctx, r, u); err != nil {
			return err
		}
		r.Ops = append(r.Ops, u.Put())
	}
	for _, u := range old {
		if had[u.key()] {
			delete(had, u.key())
			r.Ops = append(r.Ops, store.Delete(u.key()))
		}
	}
	return nil
}

// Vacate refuses the removal of a target that others refer to, and keeps them
// from doing so until the transaction. References from below within, which goes
// at the same time, don't count.
func (d Deps) Vacate(ctx context.Context, r *providers.Request, target, within armid.ID, refuse func(armid.ID, []armid.ID) *rest.Error) error {
	if refuse == nil {
		return nil
	}
	uses, err := d.Uses(ctx, target)
	if err != nil {
		return err
	}
	var by []armid.ID
	for _, u := range uses {
		if !u.By.Under(within) {
			by = append(by, u.By)
		}
	}
	if len(by) > 0 {
		return refuse(target, by)
	}
	if len(uses) == 0 {
		r.Conds = append(r.Conds, store.NoneBelow(usesBelow(target)))
	}
	return nil
}

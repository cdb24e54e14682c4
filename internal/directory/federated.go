package directory

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/store"
)

// MaxFederated is how many federated identity credentials an application or a
// managed identity may have, as documented for Entra.
const MaxFederated = 20

var (
	// ErrTooManyFederated says that the limit of MaxFederated is reached.
	ErrTooManyFederated = errors.New("too many federated identity credentials")
	// ErrFederatedExists says that another credential has the same issuer and subject.
	ErrFederatedExists = errors.New("a federated identity credential with this issuer and subject exists")
	// ErrFederatedName says that another credential has the same name.
	ErrFederatedName = errors.New("a federated identity credential with this name exists")
)

// FederatedCredential lets tokens of a foreign issuer prove a principal. All three
// are compared byte by byte.
type FederatedCredential struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Issuer      string   `json:"issuer"`
	Subject     string   `json:"subject"`
	Audiences   []string `json:"audiences"`
	Description string   `json:"description,omitempty"`
}

// federated are the credentials of one owner in the store. They have a key of
// their own, so that rotation and secrets don't get into their way.
type federated struct {
	Credentials []FederatedCredential `json:"credentials"`
}

// federatedKey names the credentials by their owner: an application's object ID,
// or the principal's of a managed identity, which has no application.
func federatedKey(ownerID string) string { return federatedPrefix + strings.ToLower(ownerID) }

// FederationOwner is whose federated credentials prove the principal.
func (p ServicePrincipal) FederationOwner() string {
	return cmp.Or(p.ApplicationObjectID, p.ObjectID)
}

// FederatedCredentials are the owner's, from memory.
func (d *Directory) FederatedCredentials(ownerID string) []FederatedCredential {
	d.index.mu.RLock()
	defer d.index.mu.RUnlock()
	return d.index.federated[federatedKey(ownerID)]
}

// PlanFederated prepares the writing of a credential under its name, which must be
// new if create is set. The condition fails if the owner's credentials change meanwhile.
func (d *Directory) PlanFederated(ctx context.Context, ownerID string, next FederatedCredential, create bool) (FederatedCredential, []store.Cond, []store.Op, error) {
	current, revision, err := d.readFederated(ctx, ownerID)
	if err != nil {
		return next, nil, nil, err
	}
	at := slices.IndexFunc(current.Credentials, func(c FederatedCredential) bool { return strings.EqualFold(c.Name, next.Name) })
	switch {
	case slices.ContainsFunc(current.Credentials, func(c FederatedCredential) bool {
		return !strings.EqualFold(c.Name, next.Name) && c.Issuer == next.Issuer && c.Subject == next.Subject
	}):
		return next, nil, nil, ErrFederatedExists
	case at < 0 && len(current.Credentials) >= MaxFederated:
		return next, nil, nil, ErrTooManyFederated
	case at < 0:
		next.ID = uuid.NewString()
		current.Credentials = append(current.Credentials, next)
	case create:
		return next, nil, nil, ErrFederatedName
	default:
		next.ID = current.Credentials[at].ID
		current.Credentials[at] = next
	}
	conds, ops, err := writeFederated(ownerID, current, revision)
	return next, conds, ops, err
}

// PlanRemoveFederated prepares the removal of the credential with that name or ID,
// or fails with ErrNotFound.
func (d *Directory) PlanRemoveFederated(ctx context.Context, ownerID, name string) ([]store.Cond, []store.Op, error) {
	current, revision, err := d.readFederated(ctx, ownerID)
	if err != nil {
		return nil, nil, err
	}
	kept := slices.DeleteFunc(slices.Clone(current.Credentials), func(c FederatedCredential) bool { return c.Named(name) })
	if len(kept) == len(current.Credentials) {
		return nil, nil, ErrNotFound
	}
	return writeFederated(ownerID, federated{kept}, revision)
}

// SetFederated writes an application's credential at once.
func (d *Directory) SetFederated(ctx context.Context, ownerID string, next FederatedCredential, create bool) (FederatedCredential, error) {
	err := d.commit(ctx, func() (conds []store.Cond, ops []store.Op, err error) {
		next, conds, ops, err = d.PlanFederated(ctx, ownerID, next, create)
		return conds, ops, err
	})
	if err != nil {
		return FederatedCredential{}, fmt.Errorf("writing federated credential %s: %w", next.Name, err)
	}
	return next, nil
}

// RemoveFederated removes an application's credential at once.
func (d *Directory) RemoveFederated(ctx context.Context, ownerID, name string) error {
	err := d.commit(ctx, func() ([]store.Cond, []store.Op, error) { return d.PlanRemoveFederated(ctx, ownerID, name) })
	if err != nil {
		return fmt.Errorf("removing federated credential %s: %w", name, err)
	}
	return nil
}

// Named reports whether clients mean this credential: Graph takes ID or name.
func (c FederatedCredential) Named(name string) bool {
	return strings.EqualFold(c.Name, name) || strings.EqualFold(c.ID, name)
}

func (d *Directory) readFederated(ctx context.Context, ownerID string) (federated, int64, error) {
	item, err := d.options.Store.Get(ctx, federatedKey(ownerID))
	if errors.Is(err, store.ErrNotFound) {
		return federated{}, 0, nil
	}
	if err != nil {
		return federated{}, 0, err
	}
	var found federated
	if err := json.Unmarshal(item.Value, &found); err != nil {
		return federated{}, 0, fmt.Errorf("reading %s: %w", item.Key, err)
	}
	return found, item.Revision, nil
}

func writeFederated(ownerID string, next federated, revision int64) ([]store.Cond, []store.Op, error) {
	value, err := json.Marshal(next)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding federated credentials: %w", err)
	}
	key := federatedKey(ownerID)
	return []store.Cond{store.Unchanged(key, revision)}, []store.Op{store.Put(key, value)}, nil
}

// commit writes a plan, made anew as long as others are faster.
func (d *Directory) commit(ctx context.Context, plan func() ([]store.Cond, []store.Op, error)) error {
	for {
		conds, ops, err := plan()
		if err != nil {
			return err
		}
		_, err = d.options.Store.Txn(ctx, conds, ops)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		return err
	}
}

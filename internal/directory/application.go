package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/store"
)

var (
	// ErrManaged says that an object is a managed identity's: its resource is changed instead.
	ErrManaged = errors.New("the object belongs to a managed identity")
	// ErrExists says that another object has a name that must be unique.
	ErrExists = errors.New("another object has this name")
)

// Application is what a client is registered as. Its service principal, if it has
// one, is what gets tokens and roles.
type Application struct {
	ObjectID       string    `json:"objectId"`
	AppID          string    `json:"appId"`
	TenantID       string    `json:"tenantId"`
	DisplayName    string    `json:"displayName"`
	IdentifierURIs []string  `json:"identifierUris,omitempty"`
	Owners         []string  `json:"owners,omitempty"` // object IDs
	Created        time.Time `json:"created"`
	// Further holds what else clients have said about it, as they said it.
	Further map[string]json.RawMessage `json:"further,omitempty"`
}

// applicationRecord is an application in the store.
type applicationRecord struct {
	Application
	credentials
	revision int64
}

const (
	applicationsPrefix = prefix + "applications/"
	registeredPrefix   = prefix + "registered/" // application IDs, whether or not they have a principal
)

func applicationKey(objectID string) string { return applicationsPrefix + strings.ToLower(objectID) }
func registeredKey(appID string) string     { return registeredPrefix + strings.ToLower(appID) }

// CreateApplication makes an application and its service principal.
func (d *Directory) CreateApplication(ctx context.Context, tenantID, displayName string) (ServicePrincipal, error) {
	_, principal, ops, err := d.planClient(tenantID, displayName, nil)
	if err != nil {
		return ServicePrincipal{}, err
	}
	if _, err := d.options.Store.Txn(ctx, nil, ops); err != nil {
		return ServicePrincipal{}, fmt.Errorf("creating an application: %w", err)
	}
	return principal.ServicePrincipal, nil
}

// planClient prepares an application with its principal.
func (d *Directory) planClient(tenantID, displayName string, roles []string, secrets ...storedSecret) (applicationRecord, record, []store.Op, error) {
	application := applicationRecord{
		Application: Application{ObjectID: uuid.NewString(), AppID: uuid.NewString(), TenantID: tenantID, DisplayName: displayName, Created: d.now()},
		credentials: credentials{Secrets: secrets},
	}
	principal := d.principalOf(application.Application)
	principal.Roles = roles
	applied, err := application.put()
	if err != nil {
		return application, principal, nil, err
	}
	made, err := json.Marshal(principal)
	if err != nil {
		return application, principal, nil, fmt.Errorf("encoding a principal: %w", err)
	}
	return application, principal, []store.Op{
		store.Put(registeredKey(application.AppID), []byte(application.ObjectID)), applied,
		store.Put(appKey(application.AppID), []byte(principal.ObjectID)), store.Put(principalKey(principal.ObjectID), made),
	}, nil
}

func (d *Directory) principalOf(a Application) record {
	return record{ServicePrincipal: ServicePrincipal{
		ObjectID: uuid.NewString(), AppID: a.AppID, TenantID: a.TenantID, DisplayName: a.DisplayName, Type: TypeApplication,
		Names: append([]string{a.AppID}, a.IdentifierURIs...), Created: d.now(), ApplicationObjectID: a.ObjectID,
	}}
}

func (r applicationRecord) put() (store.Op, error) {
	value, err := json.Marshal(r)
	if err != nil {
		return store.Op{}, fmt.Errorf("encoding an application: %w", err)
	}
	return store.Put(applicationKey(r.ObjectID), value), nil
}

// Register makes an application without a service principal.
func (d *Directory) Register(ctx context.Context, a Application) (Application, error) {
	a.ObjectID, a.AppID, a.Created = uuid.NewString(), uuid.NewString(), d.now()
	if err := d.freeURIs(a); err != nil {
		return Application{}, err
	}
	put, err := applicationRecord{Application: a}.put()
	if err != nil {
		return Application{}, err
	}
	if _, err := d.options.Store.Txn(ctx, nil, []store.Op{store.Put(registeredKey(a.AppID), []byte(a.ObjectID)), put}); err != nil {
		return Application{}, fmt.Errorf("registering an application: %w", err)
	}
	return a, nil
}

// freeURIs refuses identifier URIs that another application of the tenant has. Two
// replicas can be asked in the same moment; a token request then means the first.
func (d *Directory) freeURIs(a Application) error {
	for _, other := range d.Applications(a.TenantID) {
		for _, uri := range a.IdentifierURIs {
			if other.ObjectID != a.ObjectID && slices.ContainsFunc(other.IdentifierURIs, func(u string) bool { return strings.EqualFold(u, uri) }) {
				return fmt.Errorf("identifier URI %s: %w", uri, ErrExists)
			}
		}
	}
	return nil
}

// Applications are the tenant's, in no order, from memory.
func (d *Directory) Applications(tenantID string) []Application {
	d.index.mu.RLock()
	defer d.index.mu.RUnlock()
	var found []Application
	for _, one := range d.index.applications {
		if sameID(one.TenantID, tenantID) {
			found = append(found, one.Application)
		}
	}
	return found
}

// Application finds one by its object ID, or ErrNotFound.
func (d *Directory) Application(ctx context.Context, objectID string) (Application, error) {
	found, err := d.application(ctx, objectID)
	if err != nil {
		return Application{}, err
	}
	return found.Application, nil
}

func (d *Directory) application(ctx context.Context, objectID string) (*applicationRecord, error) {
	d.index.mu.RLock()
	found, ok := d.index.applications[applicationKey(objectID)]
	d.index.mu.RUnlock()
	if ok {
		return found, nil
	}
	return d.fetchApplication(ctx, objectID)
}

func (d *Directory) fetchApplication(ctx context.Context, objectID string) (*applicationRecord, error) {
	key := applicationKey(objectID)
	if len(key) > maxKey {
		return nil, ErrNotFound
	}
	item, err := d.options.Store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return decodeApplication(item)
}

func decodeApplication(item store.Item) (*applicationRecord, error) {
	found := &applicationRecord{revision: item.Revision}
	if err := json.Unmarshal(item.Value, found); err != nil {
		return nil, fmt.Errorf("reading %s: %w", item.Key, err)
	}
	return found, nil
}

// UpdateApplication edits an application; its principal follows in name and URIs.
func (d *Directory) UpdateApplication(ctx context.Context, objectID string, edit func(*Application) error) (Application, error) {
	changed, err := d.changeApplication(ctx, objectID, func(r *applicationRecord) error {
		if err := edit(&r.Application); err != nil {
			return err
		}
		return d.freeURIs(r.Application)
	})
	if err != nil {
		return Application{}, err
	}
	principal, err := d.byApp(ctx, changed.AppID)
	if errors.Is(err, ErrNotFound) {
		return changed.Application, nil
	}
	if err != nil {
		return Application{}, err
	}
	_, err = d.change(ctx, principal.ObjectID, func(r *record) error {
		r.DisplayName, r.Names = changed.DisplayName, append([]string{changed.AppID}, changed.IdentifierURIs...)
		return nil
	})
	return changed.Application, err
}

func (d *Directory) changeApplication(ctx context.Context, objectID string, edit func(*applicationRecord) error) (*applicationRecord, error) {
	var changed *applicationRecord
	err := d.commit(ctx, func() ([]store.Cond, []store.Op, error) {
		current, err := d.fetchApplication(ctx, objectID)
		if err != nil {
			return nil, nil, err
		}
		if err := edit(current); err != nil {
			return nil, nil, err
		}
		changed = current
		put, err := current.put()
		return []store.Cond{store.Unchanged(applicationKey(objectID), current.revision)}, []store.Op{put}, err
	})
	return changed, err
}

// DeleteApplication removes an application with its principal and credentials.
func (d *Directory) DeleteApplication(ctx context.Context, objectID string) error {
	current, err := d.fetchApplication(ctx, objectID)
	if err != nil {
		return err
	}
	ops := []store.Op{store.Delete(applicationKey(objectID)), store.Delete(federatedKey(objectID)), store.Delete(registeredKey(current.AppID))}
	principal, err := d.follow(ctx, appKey(current.AppID))
	if err == nil {
		ops = append(ops, store.Delete(appKey(current.AppID)), store.Delete(principalKey(principal.ObjectID)))
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	return d.commit(ctx, func() ([]store.Cond, []store.Op, error) { return nil, ops, nil })
}

// CreatePrincipal makes the service principal of an application of the tenant. It
// fails with ErrNotFound if there is no such application and ErrExists if it has one.
func (d *Directory) CreatePrincipal(ctx context.Context, tenantID, appID string) (ServicePrincipal, error) {
	if len(appID) > maxKey {
		return ServicePrincipal{}, ErrNotFound
	}
	item, err := d.options.Store.Get(ctx, registeredKey(appID))
	if errors.Is(err, store.ErrNotFound) {
		return ServicePrincipal{}, ErrNotFound
	}
	if err != nil {
		return ServicePrincipal{}, err
	}
	application, err := d.fetchApplication(ctx, string(item.Value))
	if err != nil {
		return ServicePrincipal{}, err
	}
	if !sameID(application.TenantID, tenantID) {
		return ServicePrincipal{}, ErrNotFound
	}
	made := d.principalOf(application.Application)
	value, err := json.Marshal(made)
	if err != nil {
		return ServicePrincipal{}, fmt.Errorf("encoding a principal: %w", err)
	}
	_, err = d.options.Store.Txn(ctx,
		[]store.Cond{store.Absent(appKey(appID)), store.Exists(applicationKey(application.ObjectID))},
		[]store.Op{store.Put(appKey(appID), []byte(made.ObjectID)), store.Put(principalKey(made.ObjectID), value)})
	if errors.Is(err, store.ErrConflict) {
		return ServicePrincipal{}, ErrExists
	}
	if err != nil {
		return ServicePrincipal{}, fmt.Errorf("creating a service principal: %w", err)
	}
	return made.ServicePrincipal, nil
}

// UpdatePrincipal edits a service principal that isn't a managed identity's.
func (d *Directory) UpdatePrincipal(ctx context.Context, objectID string, edit func(*ServicePrincipal) error) error {
	_, err := d.change(ctx, objectID, func(r *record) error {
		if r.Type != TypeApplication {
			return ErrManaged
		}
		return edit(&r.ServicePrincipal)
	})
	return err
}

// DeletePrincipal removes a service principal; its application stays.
func (d *Directory) DeletePrincipal(ctx context.Context, objectID string) error {
	found, err := d.fetch(ctx, principalKey(objectID))
	if err != nil {
		return err
	}
	if found.Type != TypeApplication {
		return ErrManaged
	}
	return d.commit(ctx, func() ([]store.Cond, []store.Op, error) {
		return nil, []store.Op{store.Delete(appKey(found.AppID)), store.Delete(principalKey(objectID))}, nil
	})
}

package directory

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/lanyard-project/lanyard/internal/store"
)

// entry is a principal in memory. The record is never changed, only replaced.
type entry struct {
	record
	revision int64
	signer   atomic.Pointer[ecdsa.PrivateKey] // of the current certificate, opened when first needed
}

// index is the directory in memory.
type index struct {
	log *slog.Logger

	mu        sync.RWMutex
	objects   map[string]*entry
	apps      map[string]*entry
	resources map[string]*entry
	tenants   map[string]Tenant
	// by key
	federated    map[string][]FederatedCredential
	applications map[string]*applicationRecord
	groups       map[string]Group
	users        map[string]userRecord

	names    map[string]string   // users' object IDs by name
	memberOf map[string][]string // groups' object IDs by member
}

func newIndex(log *slog.Logger) *index {
	return &index{
		log: log, objects: map[string]*entry{}, apps: map[string]*entry{}, resources: map[string]*entry{}, tenants: map[string]Tenant{},
		federated: map[string][]FederatedCredential{}, applications: map[string]*applicationRecord{}, groups: map[string]Group{},
		users: map[string]userRecord{}, names: map[string]string{}, memberOf: map[string][]string{},
	}
}

// kinds are the documents that are kept in memory, by the prefix of their keys.
func kinds() []string {
	return []string{principalsPrefix, tenantsPrefix, federatedPrefix, applicationsPrefix, groupsPrefix, usersPrefix}
}

func kindOf(key string) string {
	for _, kind := range kinds() {
		if strings.HasPrefix(key, kind) {
			return kind
		}
	}
	return ""
}

func (x *index) wants(key string) bool { return kindOf(key) != "" }

func (x *index) put(item store.Item) {
	if err := x.read(item); err != nil {
		x.log.Error("reading a document of the directory failed", "key", item.Key, "error", err)
	}
}

func (x *index) read(item store.Item) error {
	switch kindOf(item.Key) {
	case principalsPrefix:
		found, err := decode(item)
		if err != nil {
			return err
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		x.putPrincipal(found)
		return nil
	case applicationsPrefix:
		found, err := decodeApplication(item)
		if err != nil {
			return err
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		x.applications[item.Key] = found
		return nil
	case tenantsPrefix:
		return load(x, item, func(t Tenant) { x.tenants[item.Key] = t })
	case federatedPrefix:
		return load(x, item, func(f federated) { x.federated[item.Key] = f.Credentials })
	case groupsPrefix:
		return load(x, item, func(g Group) { x.putGroup(item.Key, g) })
	default:
		return load(x, item, func(u userRecord) {
			x.users[item.Key] = u
			x.names[strings.ToLower(u.Name)] = u.ObjectID
		})
	}
}

// load decodes a document and stores it under the index's lock.
func load[T any](x *index, item store.Item, put func(T)) error {
	var found T
	if err := json.Unmarshal(item.Value, &found); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	put(found)
	return nil
}

func (x *index) putPrincipal(found *entry) {
	x.objects[strings.ToLower(found.ObjectID)] = found
	x.apps[strings.ToLower(found.AppID)] = found
	if found.ResourceID != "" {
		x.resources[strings.ToLower(found.ResourceID)] = found
	}
}

func (x *index) delete(key string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.tenants, key)
	delete(x.federated, key)
	delete(x.applications, key)
	x.dropGroup(key)
	if user, ok := x.users[key]; ok {
		delete(x.users, key)
		delete(x.names, strings.ToLower(user.Name))
	}
	objectID, ok := isPrincipal(key)
	if !ok {
		return
	}
	gone, ok := x.objects[objectID]
	if !ok {
		return
	}
	delete(x.objects, objectID)
	// The application or resource may have another principal meanwhile.
	if app := strings.ToLower(gone.AppID); x.apps[app] == gone {
		delete(x.apps, app)
	}
	if resource := strings.ToLower(gone.ResourceID); x.resources[resource] == gone {
		delete(x.resources, resource)
	}
}

func (x *index) byObject(objectID string) (*entry, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	found, ok := x.objects[strings.ToLower(objectID)]
	return found, ok
}

func (x *index) byApp(appID string) (*entry, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	found, ok := x.apps[strings.ToLower(appID)]
	return found, ok
}

func (x *index) byResource(key string) (*entry, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	found, ok := x.resources[key]
	return found, ok
}

func decode(item store.Item) (*entry, error) {
	found := &entry{revision: item.Revision}
	if err := json.Unmarshal(item.Value, &found.record); err != nil {
		return nil, fmt.Errorf("reading %s: %w", item.Key, err)
	}
	return found, nil
}

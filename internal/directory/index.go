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
	federated map[string][]FederatedCredential // by key
}

func newIndex(log *slog.Logger) *index {
	return &index{log: log, objects: map[string]*entry{}, apps: map[string]*entry{}, resources: map[string]*entry{}, tenants: map[string]Tenant{}, federated: map[string][]FederatedCredential{}}
}

func (x *index) wants(key string) bool {
	return strings.HasPrefix(key, principalsPrefix) || strings.HasPrefix(key, tenantsPrefix) || strings.HasPrefix(key, federatedPrefix)
}

func (x *index) put(item store.Item) {
	if strings.HasPrefix(item.Key, tenantsPrefix) {
		var tenant Tenant
		if err := json.Unmarshal(item.Value, &tenant); err != nil {
			x.log.Error("reading a tenant failed", "key", item.Key, "error", err)
			return
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		x.tenants[item.Key] = tenant
		return
	}
	if strings.HasPrefix(item.Key, federatedPrefix) {
		var found federated
		if err := json.Unmarshal(item.Value, &found); err != nil {
			x.log.Error("reading federated credentials failed", "key", item.Key, "error", err)
			return
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		x.federated[item.Key] = found.Credentials
		return
	}
	found, err := decode(item)
	if err != nil {
		x.log.Error("reading a principal failed", "key", item.Key, "error", err)
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
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
	objectID, ok := isPrincipal(key)
	if !ok {
		return
	}
	gone, ok := x.objects[objectID]
	if !ok {
		return
	}
	delete(x.objects, objectID)
	delete(x.apps, strings.ToLower(gone.AppID))
	// The resource may have been made again meanwhile and have another principal.
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

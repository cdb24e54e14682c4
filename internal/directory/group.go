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

// Group is a set of users, principals and groups that roles can be assigned to.
type Group struct {
	ObjectID     string    `json:"objectId"`
	TenantID     string    `json:"tenantId"`
	DisplayName  string    `json:"displayName"`
	MailNickname string    `json:"mailNickname,omitempty"`
	Description  string    `json:"description,omitempty"`
	Members      []string  `json:"members,omitempty"` // object IDs
	Owners       []string  `json:"owners,omitempty"`
	Created      time.Time `json:"created"`
}

const groupsPrefix = prefix + "groups/"

func groupKey(objectID string) string { return groupsPrefix + strings.ToLower(objectID) }

// CreateGroup makes a group.
func (d *Directory) CreateGroup(ctx context.Context, g Group) (Group, error) {
	g.ObjectID, g.Created = uuid.NewString(), d.now()
	value, err := json.Marshal(g)
	if err != nil {
		return Group{}, fmt.Errorf("encoding a group: %w", err)
	}
	if _, err := d.options.Store.Txn(ctx, []store.Cond{store.Absent(groupKey(g.ObjectID))}, []store.Op{store.Put(groupKey(g.ObjectID), value)}); err != nil {
		return Group{}, fmt.Errorf("creating a group: %w", err)
	}
	return g, nil
}

// UpdateGroup edits a group.
func (d *Directory) UpdateGroup(ctx context.Context, objectID string, edit func(*Group) error) (Group, error) {
	var changed Group
	key := groupKey(objectID)
	err := d.commit(ctx, func() ([]store.Cond, []store.Op, error) {
		changed = Group{}
		revision, err := d.readJSON(ctx, key, &changed)
		if err != nil {
			return nil, nil, err
		}
		if err := edit(&changed); err != nil {
			return nil, nil, err
		}
		value, err := json.Marshal(changed)
		return []store.Cond{store.Unchanged(key, revision)}, []store.Op{store.Put(key, value)}, err
	})
	return changed, err
}

// DeleteGroup removes a group. Role assignments to it stay as orphans.
func (d *Directory) DeleteGroup(ctx context.Context, objectID string) error {
	key := groupKey(objectID)
	return d.commit(ctx, func() ([]store.Cond, []store.Op, error) {
		return []store.Cond{}, []store.Op{store.Delete(key)}, nil
	})
}

// Groups are the tenant's, in no order, from memory.
func (d *Directory) Groups(tenantID string) []Group {
	d.index.mu.RLock()
	defer d.index.mu.RUnlock()
	var found []Group
	for _, g := range d.index.groups {
		if sameID(g.TenantID, tenantID) {
			found = append(found, g)
		}
	}
	return found
}

// Group finds one by its object ID, or ErrNotFound.
func (d *Directory) Group(ctx context.Context, objectID string) (Group, error) {
	d.index.mu.RLock()
	found, ok := d.index.groups[groupKey(objectID)]
	d.index.mu.RUnlock()
	if ok {
		return found, nil
	}
	_, err := d.readJSON(ctx, groupKey(objectID), &found)
	return found, err
}

// GroupsOf are the object IDs of the groups that the object is a member of, also
// through other groups, in order. It allocates nothing for who is in none.
func (d *Directory) GroupsOf(objectID string) []string {
	d.index.mu.RLock()
	defer d.index.mu.RUnlock()
	if len(d.index.groups) == 0 {
		return nil
	}
	direct := d.index.memberOf[strings.ToLower(objectID)]
	if len(direct) == 0 {
		return nil
	}
	found := slices.Clone(direct)
	for i := 0; i < len(found); i++ { // grows while it is walked
		for _, above := range d.index.memberOf[strings.ToLower(found[i])] {
			if !slices.Contains(found, above) {
				found = append(found, above)
			}
		}
	}
	slices.Sort(found)
	return found
}

// putGroup replaces a group in memory. The index's lock is held.
func (x *index) putGroup(key string, g Group) {
	x.dropGroup(key)
	x.groups[key] = g
	for _, member := range g.Members {
		member = strings.ToLower(member)
		x.memberOf[member] = append(x.memberOf[member], g.ObjectID)
	}
}

func (x *index) dropGroup(key string) {
	old, ok := x.groups[key]
	if !ok {
		return
	}
	delete(x.groups, key)
	for _, member := range old.Members {
		member = strings.ToLower(member)
		left := slices.DeleteFunc(slices.Clone(x.memberOf[member]), func(id string) bool { return id == old.ObjectID })
		if len(left) == 0 {
			delete(x.memberOf, member)
			continue
		}
		x.memberOf[member] = left
	}
}

// readJSON reads a document of the directory, or fails with ErrNotFound.
func (d *Directory) readJSON(ctx context.Context, key string, into any) (revision int64, err error) {
	if len(key) > maxKey {
		return 0, ErrNotFound
	}
	item, err := d.options.Store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return 0, ErrNotFound
	}
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(item.Value, into); err != nil {
		return 0, fmt.Errorf("reading %s: %w", key, err)
	}
	return item.Revision, nil
}

package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/store"
)

// User is a human who signs in with a password.
type User struct {
	ObjectID     string    `json:"objectId"`
	TenantID     string    `json:"tenantId"`
	Name         string    `json:"userPrincipalName"`
	DisplayName  string    `json:"displayName"`
	MailNickname string    `json:"mailNickname,omitempty"`
	Mail         string    `json:"mail,omitempty"`
	Disabled     bool      `json:"disabled,omitempty"`
	Roles        []string  `json:"roles,omitempty"` // see Roles
	Created      time.Time `json:"created"`
	// SignedOut is before when refresh tokens were made that are good no more: the
	// password was changed, or the user was signed out everywhere.
	SignedOut time.Time `json:"signedOut,omitzero"`
}

// userRecord is a user in the store.
type userRecord struct {
	User
	Password storedPassword `json:"password"`
}

const (
	usersPrefix  = prefix + "users/"
	byNamePrefix = prefix + "by-name/"
)

func userKey(objectID string) string { return usersPrefix + strings.ToLower(objectID) }
func nameKey(name string) string     { return byNamePrefix + strings.ToLower(name) }

// CreateUser makes a user, or fails with ErrExists when the name is taken.
func (d *Directory) CreateUser(ctx context.Context, u User, password secret.String) (User, error) {
	hashed, err := hashPassword(password)
	if err != nil {
		return User{}, err
	}
	u.ObjectID, u.Created = uuid.NewString(), d.now()
	value, err := json.Marshal(userRecord{User: u, Password: hashed})
	if err != nil {
		return User{}, fmt.Errorf("encoding a user: %w", err)
	}
	_, err = d.options.Store.Txn(ctx, []store.Cond{store.Absent(nameKey(u.Name))},
		[]store.Op{store.Put(nameKey(u.Name), []byte(u.ObjectID)), store.Put(userKey(u.ObjectID), value)})
	if errors.Is(err, store.ErrConflict) {
		return User{}, fmt.Errorf("user %s: %w", u.Name, ErrExists)
	}
	if err != nil {
		return User{}, fmt.Errorf("creating a user: %w", err)
	}
	return u, nil
}

// UpdateUser edits a user; its name and IDs stay. A password that isn't empty
// replaces the old one and ends all sessions.
func (d *Directory) UpdateUser(ctx context.Context, objectID string, password secret.String, edit func(*User) error) (User, error) {
	var hashed storedPassword
	if !password.IsZero() {
		var err error
		if hashed, err = hashPassword(password); err != nil {
			return User{}, err
		}
	}
	key := userKey(objectID)
	var changed userRecord
	err := d.commit(ctx, func() ([]store.Cond, []store.Op, error) {
		changed = userRecord{}
		revision, err := d.readJSON(ctx, key, &changed)
		if err != nil {
			return nil, nil, err
		}
		fixed := changed.User
		if err := edit(&changed.User); err != nil {
			return nil, nil, err
		}
		changed.ObjectID, changed.TenantID, changed.Name = fixed.ObjectID, fixed.TenantID, fixed.Name
		if !password.IsZero() {
			changed.Password, changed.SignedOut = hashed, d.now()
		}
		value, err := json.Marshal(changed)
		return []store.Cond{store.Unchanged(key, revision)}, []store.Op{store.Put(key, value)}, err
	})
	return changed.User, err
}

// DeleteUser removes a user.
func (d *Directory) DeleteUser(ctx context.Context, objectID string) error {
	user, err := d.User(ctx, objectID)
	if err != nil {
		return err
	}
	key := userKey(objectID)
	return d.commit(ctx, func() ([]store.Cond, []store.Op, error) {
		return nil, []store.Op{store.Delete(key), store.Delete(nameKey(user.Name))}, nil
	})
}

// Users are the tenant's, in no order, from memory.
func (d *Directory) Users(tenantID string) []User {
	d.index.mu.RLock()
	defer d.index.mu.RUnlock()
	var found []User
	for _, u := range d.index.users {
		if sameID(u.TenantID, tenantID) {
			found = append(found, u.User)
		}
	}
	return found
}

// User finds one by object ID or name, or ErrNotFound.
func (d *Directory) User(ctx context.Context, nameOrID string) (User, error) {
	found, err := d.user(ctx, nameOrID)
	return found.User, err
}

func (d *Directory) user(ctx context.Context, nameOrID string) (userRecord, error) {
	d.index.mu.RLock()
	found, ok := d.index.users[userKey(nameOrID)]
	if !ok {
		found, ok = d.index.users[userKey(d.index.names[strings.ToLower(nameOrID)])]
	}
	d.index.mu.RUnlock()
	if ok {
		return found, nil
	}
	if strings.Contains(nameOrID, "@") {
		if len(nameOrID) > maxKey {
			return found, ErrNotFound
		}
		item, err := d.options.Store.Get(ctx, nameKey(nameOrID))
		if errors.Is(err, store.ErrNotFound) {
			return found, ErrNotFound
		}
		if err != nil {
			return found, err
		}
		nameOrID = string(item.Value)
	}
	_, err := d.readJSON(ctx, userKey(nameOrID), &found)
	return found, err
}

// SignIn finds the user whom name and password prove. ok is false for an unknown
// name as for a wrong password, after the same time.
func (d *Directory) SignIn(ctx context.Context, name string, password secret.String) (user User, ok bool, err error) {
	found, err := d.user(ctx, name)
	if errors.Is(err, ErrNotFound) {
		_, err = nobody().matches(ctx, password)
		return User{}, false, err
	}
	if err != nil {
		return User{}, false, err
	}
	ok, err = found.Password.matches(ctx, password)
	return found.User, ok && err == nil, err
}

package login

import (
	"fmt"
	"slices"
	"strings"
)

const profileFile = "profile.json"

// User is who signed in.
type User struct {
	Name string `json:"name"`
	// Type is "user" or "servicePrincipal".
	Type string `json:"type"`
	// AssignedIdentity says which managed identity it is ("MSI", "MSIClient-<id>").
	AssignedIdentity string `json:"assignedIdentityInfo,omitempty"`
}

// Subscription is a subscription that a sign-in found.
type Subscription struct {
	ID               string   `json:"id"`
	Name             string   `json:"name"`
	State            string   `json:"state"`
	TenantID         string   `json:"tenantId"`
	HomeTenantID     string   `json:"homeTenantId"`
	ManagedByTenants []Tenant `json:"managedByTenants"`
	Cloud            string   `json:"environmentName"`
	User             User     `json:"user"`
	Default          bool     `json:"isDefault"`
}

// Tenant is a tenant that manages a subscription.
type Tenant struct {
	ID string `json:"tenantId"`
}

type profile struct {
	Subscriptions []Subscription `json:"subscriptions"`
}

// Subscriptions are those of a cloud.
func (f Folder) Subscriptions(cloud string) ([]Subscription, error) {
	var p profile
	if err := f.read(profileFile, &p); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(p.Subscriptions, func(s Subscription) bool { return !strings.EqualFold(s.Cloud, cloud) }), nil
}

// AllSubscriptions are those of every cloud.
func (f Folder) AllSubscriptions() ([]Subscription, error) {
	var p profile
	err := f.read(profileFile, &p)
	return p.Subscriptions, err
}

// SaveSubscriptions puts what a sign-in found in the place of what the same user had.
// The first one becomes the default.
func (f Folder) SaveSubscriptions(found []Subscription) error {
	if len(found) == 0 {
		return nil
	}
	var p profile
	if err := f.read(profileFile, &p); err != nil {
		return err
	}
	cloud := found[0].Cloud
	p.Subscriptions = slices.DeleteFunc(p.Subscriptions, func(old Subscription) bool {
		return old.Cloud == cloud && (old.User == found[0].User || slices.ContainsFunc(found, func(s Subscription) bool { return s.ID == old.ID }))
	})
	for i := range p.Subscriptions {
		p.Subscriptions[i].Default = p.Subscriptions[i].Default && p.Subscriptions[i].Cloud != cloud
	}
	for i := range found {
		found[i].Default = i == 0
	}
	p.Subscriptions = append(p.Subscriptions, found...)
	return f.write(profileFile, p)
}

// SetDefault makes a subscription the default of its cloud; it may be named by ID or
// name.
func (f Folder) SetDefault(cloud, name string) error {
	var p profile
	if err := f.read(profileFile, &p); err != nil {
		return err
	}
	chosen, err := pick(p.Subscriptions, cloud, name)
	if err != nil {
		return err
	}
	for i := range p.Subscriptions {
		if s := &p.Subscriptions[i]; strings.EqualFold(s.Cloud, cloud) {
			s.Default = s.ID == chosen.ID
		}
	}
	return f.write(profileFile, p)
}

// Subscription finds one by ID or name; "" is the default one.
func (f Folder) Subscription(cloud, name string) (Subscription, error) {
	var p profile
	if err := f.read(profileFile, &p); err != nil {
		return Subscription{}, err
	}
	return pick(p.Subscriptions, cloud, name)
}

func pick(list []Subscription, cloud, name string) (Subscription, error) {
	any := false
	for _, s := range list {
		if !strings.EqualFold(s.Cloud, cloud) {
			continue
		}
		any = true
		if name == "" && s.Default || name != "" && (strings.EqualFold(s.ID, name) || strings.EqualFold(s.Name, name)) {
			return s, nil
		}
	}
	if !any {
		return Subscription{}, ErrSignedOut
	}
	if name == "" {
		return Subscription{}, fmt.Errorf("No subscription found. Run 'lanyard account set' to select a subscription.") //nolint:staticcheck,revive // az's text
	}
	return Subscription{}, fmt.Errorf("Subscription '%s' not found. Check the spelling and casing and try again.", name) //nolint:staticcheck // az's text
}

// RemoveUser forgets the subscriptions and credentials of a user in a cloud.
func (f Folder) RemoveUser(cloud, user string) error {
	var p profile
	if err := f.read(profileFile, &p); err != nil {
		return err
	}
	hadDefault := false
	p.Subscriptions = slices.DeleteFunc(p.Subscriptions, func(s Subscription) bool {
		gone := strings.EqualFold(s.Cloud, cloud) && strings.EqualFold(s.User.Name, user)
		hadDefault = hadDefault || gone && s.Default
		return gone
	})
	for i := range p.Subscriptions {
		if hadDefault && strings.EqualFold(p.Subscriptions[i].Cloud, cloud) {
			p.Subscriptions[i].Default = true
			break
		}
	}
	if err := f.write(profileFile, p); err != nil {
		return err
	}
	return f.removeCredential(cloud, user)
}

// Clear forgets everybody.
func (f Folder) Clear() error {
	for _, name := range []string{profileFile, credentialsFile, tokensFile, msalFile} {
		if err := f.remove(name); err != nil {
			return err
		}
	}
	return nil
}

// Forget drops the subscriptions of a cloud, and all tokens.
func (f Folder) Forget(cloud string) error {
	var p profile
	if err := f.read(profileFile, &p); err != nil {
		return err
	}
	p.Subscriptions = slices.DeleteFunc(p.Subscriptions, func(s Subscription) bool { return strings.EqualFold(s.Cloud, cloud) })
	if err := f.write(profileFile, p); err != nil {
		return err
	}
	return f.remove(tokensFile)
}

// ForgetTokens drops all tokens; the next command signs in again.
func (f Folder) ForgetTokens() error { return f.remove(tokensFile) }

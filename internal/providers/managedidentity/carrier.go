package managedidentity

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Carrier has the rules for resources that carry identities, whatever their type:
// Prepare, Admit and Remove are called by the type's hooks of the same names.
type Carrier struct {
	Directory Directory
	Resources providers.Resources
}

// mentioned is an identity that a request's body names.
type mentioned struct {
	text   string
	id     armid.ID
	remove bool // its value is null
}

// mentionedIdentities reads the identity block of a body in the order in which
// it is written. A decoder into a map would not see an ID that comes twice.
func mentionedIdentities(body json.RawMessage) ([]mentioned, error) {
	members := map[string]json.RawMessage{}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &members); err != nil {
			return nil, rest.InvalidRequestContent(err.Error())
		}
	}
	var block struct {
		UserAssigned json.RawMessage `json:"userAssignedIdentities"`
	}
	found := false
	for name, raw := range members {
		if !strings.EqualFold(name, "identity") {
			continue
		}
		if found {
			return nil, rest.InvalidRequestContent("the member 'identity' is there twice, in different casings")
		}
		found = true
		if err := json.Unmarshal(raw, &block); err != nil {
			return nil, rest.InvalidRequestContent(err.Error())
		}
	}
	if len(block.UserAssigned) == 0 || string(block.UserAssigned) == "null" {
		return nil, nil
	}
	var out []mentioned
	d := json.NewDecoder(bytes.NewReader(block.UserAssigned))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, rest.InvalidRequestContent("identity.userAssignedIdentities must be an object")
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, rest.InvalidRequestContent(err.Error())
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, rest.InvalidRequestContent(err.Error())
		}
		m := mentioned{text: fmt.Sprint(key), remove: string(value) == "null"}
		if m.id, err = armid.Parse(m.text); err != nil || !IsIdentity(m.id) {
			return nil, invalidIdentityID(m.text)
		}
		if seen[m.id.Key()] {
			return nil, duplicateIdentity(m.text)
		}
		seen[m.id.Key()] = true
		out = append(out, m)
	}
	return out, nil
}

// given are the identities that a request gives the resource: those that its
// body names with a value, and, whatever the body looks like, each that the
// resource will carry and didn't carry before. What is checked follows from what
// would be stored, not only from how we read the request.
func given(r *providers.Request) ([]armid.ID, error) {
	named, err := mentionedIdentities(r.Body)
	if err != nil {
		return nil, err
	}
	var out []armid.ID
	seen := map[string]bool{}
	for _, m := range named {
		if !m.remove {
			out = append(out, m.id)
			seen[m.id.Key()] = true
		}
	}
	var old *resource.Identity
	if r.Old != nil {
		old = r.Old.Identity
	}
	for _, text := range r.Next.Identity.Keys() {
		id, err := armid.Parse(text)
		if err != nil || !IsIdentity(id) {
			return nil, invalidIdentityID(text)
		}
		if had, _ := old.Find(id); had == "" && !seen[id.Key()] {
			out = append(out, id)
			seen[id.Key()] = true
		}
	}
	return out, nil
}

// identityType returns the canonical spelling of an identity type; clients leave
// blanks out or add them, and write the two parts in any order.
func identityType(given string) (string, bool) {
	switch strings.ToLower(strings.ReplaceAll(given, " ", "")) {
	case "none":
		return resource.IdentityNone, true
	case "systemassigned":
		return resource.IdentitySystemAssigned, true
	case "userassigned":
		return resource.IdentityUserAssigned, true
	case "systemassigned,userassigned", "userassigned,systemassigned":
		return resource.IdentitySystemAssignedUserAssigned, true
	}
	return "", false
}

// Prepare checks the identity block and names each identity that the
// request gives the resource as a linked scope.
func (Carrier) Prepare(r *providers.Request) error {
	if r.Next.Identity == nil {
		_, err := mentionedIdentities(r.Body)
		return err
	}
	// The type first: the rest only makes sense with one.
	known, ok := identityType(r.Next.Identity.Type)
	if !ok {
		return invalidIdentityType(r.Next.Identity.Type)
	}
	identity := r.Next.Identity
	identity.Type = known
	for key, value := range identity.UserAssigned {
		if value == nil {
			delete(identity.UserAssigned, key) // "remove" in a PUT, which replaces all anyway
		}
	}
	ids, err := given(r)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !identity.HasUserAssigned() {
			return identityTypeMismatch(known)
		}
		r.Link(AssignAction, id)
	}
	if identity.HasUserAssigned() == (len(identity.UserAssigned) == 0) {
		return identityTypeMismatch(identity.Type)
	}
	return keepSystemAssigned(r)
}

// keepSystemAssigned takes the principal from the server's own record: a client
// may echo it, but not choose it.
func keepSystemAssigned(r *providers.Request) error {
	identity, old := r.Next.Identity, &resource.Identity{}
	if r.Old != nil && r.Old.Identity != nil {
		old = r.Old.Identity
	}
	if identity.PrincipalID != "" && old.PrincipalID != "" && !strings.EqualFold(identity.PrincipalID, old.PrincipalID) {
		return foreignPrincipal(identity.PrincipalID, old.PrincipalID)
	}
	identity.PrincipalID, identity.TenantID = "", ""
	if identity.HasSystemAssigned() && old.HasSystemAssigned() {
		identity.PrincipalID, identity.TenantID = old.PrincipalID, old.TenantID
	}
	return nil
}

// Admit resolves the identities that the request gives, makes or drops
// the resource's own, and lets the write fail if one of them goes meanwhile.
func (c Carrier) Admit(ctx context.Context, r *providers.Request) error {
	if r.Next.Identity != nil {
		ids, err := given(r)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := c.assign(ctx, r, id); err != nil {
				return err
			}
		}
	}
	switch had, has := r.Old != nil && r.Old.Identity.HasSystemAssigned(), r.Next.Identity.HasSystemAssigned(); {
	case has && !had:
		return c.makeOwn(ctx, r)
	case had && !has:
		return c.dropOwn(ctx, r)
	}
	return nil
}

func (c Carrier) assign(ctx context.Context, r *providers.Request, id armid.ID) error {
	identity, err := c.Resources.Get(ctx, id)
	if rest.IsNotFound(err) {
		return failedIdentityOperation(r.Next.ID, id)
	}
	if err != nil {
		return err
	}
	principal, err := Read(identity)
	if err != nil {
		return err
	}
	r.Next.Identity.Assign(id, resource.UserAssignedIdentity{ClientID: principal.ClientID, PrincipalID: principal.PrincipalID})
	r.Conds = append(r.Conds, store.Exists(resource.StoreKey(id)))
	return nil
}

func (c Carrier) makeOwn(ctx context.Context, r *providers.Request) error {
	principal, conds, ops, err := MakePrincipal(ctx, c.Directory, r.Next.ID, false)
	if err != nil {
		return err
	}
	r.Next.Identity.PrincipalID, r.Next.Identity.TenantID = principal.ObjectID, principal.TenantID
	r.Conds, r.Ops = append(r.Conds, conds...), append(r.Ops, ops...)
	return nil
}

func (c Carrier) dropOwn(ctx context.Context, r *providers.Request) error {
	conds, ops, err := DropPrincipal(ctx, c.Directory, r.Old.ID)
	if err != nil {
		return err
	}
	r.Conds, r.Ops = append(r.Conds, conds...), append(r.Ops, ops...)
	return nil
}

// Remove takes a resource's own principal with it.
func (c Carrier) Remove(ctx context.Context, r *providers.Request) error {
	if !r.Old.Identity.HasSystemAssigned() {
		return nil
	}
	return c.dropOwn(ctx, r)
}

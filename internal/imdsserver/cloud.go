package imdsserver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/entra"
	"github.com/lanyard-project/lanyard/internal/keys"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
)

// Cloud is what a Server works with in lanyardd: it is both Machines and Issuer.
type Cloud struct {
	// Compute is *compute.Provider.
	Compute interface {
		MachineAt(vnet armid.ID, address netip.Addr) (compute.Machine, bool)
	}
	// Tokens is *entra.Service.
	Tokens interface {
		ManagedIdentityToken(ctx context.Context, r entra.IdentityRequest) (entra.Response, error)
	}
	// Directory is *directory.Directory.
	Directory interface {
		ByObjectID(ctx context.Context, objectID string) (directory.ServicePrincipal, error)
	}
	// Keys is *keys.Ring.
	Keys interface {
		Public(id string) (*keys.Key, bool)
	}
}

// MachineAt implements Machines.
func (c Cloud) MachineAt(ctx context.Context, vnet armid.ID, address netip.Addr) (Machine, bool) {
	found, ok := c.Compute.MachineAt(vnet, address)
	if !ok {
		return Machine{}, false
	}
	m := Machine{
		ResourceID:     found.ID.String(),
		ScaleSetID:     found.ScaleSet.String(),
		ScaleSetName:   found.ScaleSet.Name(),
		SubscriptionID: found.ID.Subscription(),
		ResourceGroup:  found.ID.ResourceGroup(),
		TenantID:       found.TenantID,
		Location:       found.Location,
		Name:           found.Name,
		ComputerName:   found.ComputerName,
		VMID:           found.VMID,
		VMSize:         found.VMSize,
		OSType:         found.OSType,
		Zone:           found.Zone,
		Tags:           found.Tags,
		Address:        found.Address,
		Subnet:         found.Subnet,
		MAC:            found.MAC,
	}
	for _, user := range found.User {
		m.User = append(m.User, Identity{
			ResourceID: user.Resource.String(), ClientID: user.ClientID, PrincipalID: user.PrincipalID, TenantID: user.TenantID, Host: m.ScaleSetID,
		})
	}
	if found.System != nil {
		m.System = &Identity{PrincipalID: found.System.PrincipalID, TenantID: found.System.TenantID, Host: m.ScaleSetID}
		// A scale set's document doesn't have the client ID of its own identity. Without one the identity still answers
		// to everything else.
		if principal, err := c.Directory.ByObjectID(ctx, found.System.PrincipalID); err == nil {
			m.System.ClientID = principal.AppID
		}
	}
	return m, true
}

// IdentityExists implements Issuer.
func (c Cloud) IdentityExists(ctx context.Context, identity Identity) (bool, error) {
	_, err := c.Directory.ByObjectID(ctx, identity.PrincipalID)
	if errors.Is(err, directory.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking a managed identity up: %w", err)
	}
	return true, nil
}

// Believed implements Issuer.
func (c Cloud) Believed(token Token) bool {
	_, ok := c.Keys.Public(token.KeyID)
	return ok
}

// IdentityToken implements Issuer.
func (c Cloud) IdentityToken(ctx context.Context, identity Identity, resource string) (Token, error) {
	response, err := c.Tokens.ManagedIdentityToken(ctx, entra.IdentityRequest{ObjectID: identity.PrincipalID, Resource: resource, Host: identity.Host})
	var refused *entra.Error
	switch {
	case errors.Is(err, entra.ErrNoIdentity):
		return Token{}, ErrNoIdentity
	case errors.As(err, &refused) && refused.Status < 500:
		return Token{}, &RefusedError{
			Status: refused.Status, Code: refused.OAuth, Description: fmt.Sprintf("AADSTS%d: %s", refused.Code, refused.Message),
		}
	case err != nil:
		return Token{}, err
	}
	return Token{
		Value: response.Token.Raw, ID: response.Token.ID, KeyID: response.Token.KeyID, NotBefore: response.Token.NotBefore, ExpiresOn: response.Token.Expires,
		Extended: response.ExtExpiresIn,
	}, nil
}

package containerservice

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
)

// routingZoneName is the DNS zone of the add-on httpApplicationRouting: twenty hex digits of the cluster's own, and its
// region.
func routingZoneName(key, location string) string {
	return firstOf(key, 20) + "." + strings.ToLower(strings.ReplaceAll(location, " ", "")) + ".aksapp.io"
}

func (w *work) routingZone() armid.ID {
	return w.nodeGroup().Extension("Microsoft.Network", "dnsZones", routingZoneName(w.state.Key, w.cluster.Location))
}

func (w *work) addonIdentity(a addon) armid.ID {
	return w.nodeGroup().Extension("Microsoft.ManagedIdentity", "userAssignedIdentities", a.identity+"-"+strings.ToLower(w.cluster.ID.Name()))
}

// addonProfile is what the document says of an add-on, whatever its casing.
func (w *work) addonProfile(a addon) addonProfile {
	for key, profile := range w.is.AddonProfiles {
		if strings.EqualFold(key, a.key) {
			return profile
		}
	}
	return addonProfile{}
}

// ensureAddons gives enabled add-ons their identities and roles, and takes them from disabled ones. What is made is
// recorded before, so that it is found again wherever the plan is cut off.
func (p *Provider) ensureAddons(ctx context.Context, w *work) error {
	shown := map[string]any{}
	for _, a := range addons() {
		profile := w.addonProfile(a)
		if !profile.Enabled || !a.needsIdentity(profile.Config) || none(w.cluster.Identity) {
			if slices.Contains(w.state.Addons, a.key) {
				if err := p.removeAddon(ctx, w, a); err != nil {
					return fmt.Errorf("removing add-on %s: %w", a.key, err)
				}
			}
			continue
		}
		made, err := p.ensureAddon(ctx, w, a)
		if err != nil {
			return fmt.Errorf("giving add-on %s its identity: %w", a.key, err)
		}
		shown[a.key] = made
	}
	if len(w.is.AddonProfiles) == 0 {
		return nil
	}
	return w.update(ctx, func(r *resource.Resource) error {
		d, err := parseDocument(r.Properties)
		if err != nil {
			return err
		}
		profiles := asObject(d["addonProfiles"])
		for key := range profiles {
			profile := asObject(profiles[key])
			a, ok := findAddon(key)
			if profile == nil || !ok {
				continue
			}
			delete(profile, "identity")
			if made, ok := shown[a.key]; ok {
				profile["identity"] = made
			}
		}
		r.Properties, err = d.raw()
		return err
	})
}

func (p *Provider) ensureAddon(ctx context.Context, w *work, a addon) (identity, error) {
	if !slices.Contains(w.state.Addons, a.key) {
		if err := w.updateState(ctx, func(s *state) { s.Addons = append(s.Addons, a.key) }); err != nil {
			return identity{}, err
		}
	}
	if a.key == httpRouting {
		zone := &resource.Resource{ID: w.routingZone(), Location: "global", Tags: w.cluster.Tags, Properties: []byte(`{}`)}
		if _, err := w.run.Resources.Create(ctx, w.service(), zone, nil); err != nil {
			return identity{}, err
		}
	}
	made, err := p.Identities.Ensure(ctx, w.service(), w.addonIdentity(a), w.cluster.Location, w.cluster.Tags)
	if err != nil {
		return identity{}, err
	}
	found, err := readIdentity(made)
	if err != nil {
		return identity{}, err
	}
	for _, g := range a.roles(w) {
		if _, err := p.Roles.Grant(ctx, g.to(w, found.ObjectID)); err != nil {
			return identity{}, err
		}
	}
	if a.onNodes {
		err = p.changeScaleSets(ctx, w, func(r *resource.Resource) {
			keepIdentity(r, made.ID, resource.UserAssignedIdentity{ClientID: found.ClientID, PrincipalID: found.ObjectID})
		})
	}
	return found, err
}

func (a addon) roles(w *work) []addonGrant {
	if a.grants == nil {
		return nil
	}
	return a.grants(w)
}

func (g addonGrant) to(w *work, principal string) authorization.Grant {
	return authorization.Grant{By: w.service(), Scope: g.scope, Role: g.role, PrincipalID: principal}
}

// removeAddon takes an add-on's roles first, then its identity, and then what the add-on had.
func (p *Provider) removeAddon(ctx context.Context, w *work, a addon) error {
	if err := p.revokeAddon(ctx, w, a); err != nil {
		return err
	}
	if a.onNodes {
		if err := p.changeScaleSets(ctx, w, func(r *resource.Resource) { r.Identity.Unassign(w.addonIdentity(a)) }); err != nil {
			return err
		}
	}
	if err := p.deleteResource(ctx, w, w.addonIdentity(a)); err != nil {
		return err
	}
	if a.key == httpRouting {
		if err := p.deleteResource(ctx, w, w.routingZone()); err != nil {
			return err
		}
	}
	return w.updateState(ctx, func(s *state) {
		s.Addons = slices.DeleteFunc(slices.Clone(s.Addons), func(key string) bool { return key == a.key })
	})
}

func (p *Provider) revokeAddon(ctx context.Context, w *work, a addon) error {
	made, err := w.run.Resources.Get(ctx, w.addonIdentity(a))
	if rest.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	found, err := readIdentity(made)
	if err != nil {
		return err
	}
	for _, g := range a.roles(w) {
		if err := p.Roles.Revoke(ctx, g.to(w, found.ObjectID)); err != nil {
			return err
		}
	}
	return nil
}

// revokeAddons is a step of the cluster's deletion: the identities go with the node resource group.
func (p *Provider) revokeAddons(ctx context.Context, w *work) error {
	for _, key := range w.state.Addons {
		if a, ok := findAddon(key); ok {
			if err := p.revokeAddon(ctx, w, a); err != nil {
				return fmt.Errorf("revoking the roles of add-on %s: %w", key, err)
			}
		}
	}
	return nil
}

func (p *Provider) changeScaleSets(ctx context.Context, w *work, change func(*resource.Resource)) error {
	for _, pool := range w.is.AgentPools {
		if _, err := w.run.Resources.Update(ctx, w.scaleSet(pool.Name), func(r *resource.Resource) error { change(r); return nil }); err != nil {
			return fmt.Errorf("changing the identities of pool %s: %w", pool.Name, err)
		}
	}
	return nil
}

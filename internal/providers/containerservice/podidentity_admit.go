package containerservice

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// admitPodIdentity asks for the feature when the add-on is turned on or changed, and looks up the identities that are
// new: entries that stay, or go, never depend on whether their identity is still there, or those of a cluster whose
// identity was deleted first could never be removed.
func (p *Provider) admitPodIdentity(ctx context.Context, r *providers.Request, wanted properties) error {
	profile := wanted.PodIdentityProfile
	var before *podIdentityProfile
	if r.Old != nil {
		old, err := resource.Read[properties](r.Old)
		if err != nil {
			return err
		}
		before = old.PodIdentityProfile
	}
	if !profile.on() || samePodIdentity(before, profile) {
		return nil
	}
	if p.Rules.Of2020 && wanted.NetworkProfile.NetworkPlugin == pluginKubenet {
		return podIdentityWithKubenet()
	}
	enabled, err := p.Features.Enabled(ctx, r.ID.SubscriptionID(), featurePodIdentity)
	if err != nil {
		return fmt.Errorf("asking for the pod identity feature: %w", err)
	}
	if !enabled {
		return podIdentityNotEnabled()
	}
	if r.Creating() && len(profile.Identities) > 0 {
		return refused("PodIdentityAddonUserAssignedIdentitiesNotAllowedInCreation",
			"Pod identities can't be assigned while the managed cluster is created. Add them when it is there (az aks pod-identity add).", "podIdentityProfile.userAssignedIdentities")
	}
	return p.resolvePodIdentities(ctx, r, before, profile)
}

// resolvePodIdentities completes what was sent of new identities with what they are, and refuses what contradicts it: a
// wrong client ID would give pods the tokens of nobody.
func (p *Provider) resolvePodIdentities(ctx context.Context, r *providers.Request, before, after *podIdentityProfile) error {
	known := map[string]podIdentity{}
	for _, i := range before.identities() {
		known[i.key()] = i
	}
	d, err := parseDocument(r.Next.Properties)
	if err != nil {
		return err
	}
	entries := asObject(d["podIdentityProfile"]).objects("userAssignedIdentities")
	for n, i := range after.Identities {
		if known[i.key()].Identity == i.Identity {
			continue
		}
		found, err := p.userAssigned(ctx, i.Identity.ResourceID)
		if err != nil {
			return err
		}
		if sent := i.Identity.ClientID; sent != "" && !strings.EqualFold(sent, found.ClientID) {
			return invalidParameter("podIdentityProfile.userAssignedIdentities", "the client ID '%s' of pod identity '%s' is not that of '%s'", sent, i.key(), i.Identity.ResourceID)
		}
		if sent := i.Identity.ObjectID; sent != "" && !strings.EqualFold(sent, found.ObjectID) {
			return invalidParameter("podIdentityProfile.userAssignedIdentities", "the object ID '%s' of pod identity '%s' is not that of '%s'", sent, i.key(), i.Identity.ResourceID)
		}
		if was, ok := known[i.key()]; ok && !strings.EqualFold(was.Identity.ObjectID, found.ObjectID) {
			entries[n]["provisioningState"] = podIdentityUpdating // made again under its name, it is another one, which nobody has lent yet
		}
		entries[n].section("identity")["clientId"] = found.ClientID
		entries[n].section("identity")["objectId"] = found.ObjectID
	}
	r.Next.Properties, err = d.raw()
	return err
}

// samePodIdentity compares what is asked for, not what became of it.
func samePodIdentity(a, b *podIdentityProfile) bool {
	if !a.on() || !b.on() || a.AllowNetworkPluginKubenet != b.AllowNetworkPluginKubenet || len(a.Identities) != len(b.Identities) || len(a.Exceptions) != len(b.Exceptions) {
		return false
	}
	for n := range a.Identities {
		x, y := a.Identities[n], b.Identities[n]
		if x.key() != y.key() || x.selector() != y.selector() || x.Identity != y.Identity {
			return false
		}
	}
	return len(a.Exceptions) == 0 || reflect.DeepEqual(a.Exceptions, b.Exceptions)
}

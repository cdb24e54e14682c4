package containerservice

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/clusters/objects"
)

// podIdentityState is what the provider remembers of the add-on.
type podIdentityState struct {
	// Installed means that objects of the add-on may be in the cluster.
	Installed bool `json:"installed,omitempty"`
	// Placed are the identities that the add-on put on scale sets, by the scale set's name. Those that others put there
	// are theirs and stay.
	Placed map[string][]string `json:"placed,omitempty"`
}

// ensurePodIdentity brings the add-on to what the document says. Identities come onto the scale sets before the cluster
// hears of them, and leave after it has forgotten them: no pod is promised what its node can't give.
func (p *Provider) ensurePodIdentity(ctx context.Context, w *work) error {
	known := w.state.PodIdentity
	if !w.is.PodIdentityProfile.on() && !known.Installed && len(known.Placed) == 0 {
		return nil
	}
	failures, err := p.placePodIdentities(ctx, w)
	if err != nil {
		return err
	}
	if err := p.installPodIdentity(ctx, w, failures); err != nil {
		return err
	}
	if err := p.withdrawPodIdentities(ctx, w); err != nil {
		return err
	}
	return p.showPodIdentities(ctx, w, failures)
}

// placePodIdentities puts identities on the scale sets that don't have them. What a user has to see to is returned by
// entry; one bad identity spoils no other.
func (p *Provider) placePodIdentities(ctx context.Context, w *work) (map[string]*rest.Error, error) {
	failures := map[string]*rest.Error{}
	if w.is.connected() {
		return failures, p.lendPodIdentities(ctx, w, failures)
	}
	for _, pool := range w.is.AgentPools {
		id := w.scaleSet(pool.Name)
		set, err := w.run.Resources.Get(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("reading the scale set of pool %s: %w", pool.Name, err)
		}
		var missing []identity
		for _, entry := range w.is.PodIdentityProfile.identities() {
			wanted, err := armid.Parse(entry.Identity.ResourceID)
			if err != nil {
				return nil, fmt.Errorf("reading the ID of pod identity %s: %w", entry.key(), err)
			}
			if found, _ := set.Identity.Find(wanted); found != "" || failures[entry.key()] != nil {
				continue
			}
			found, failure, err := p.mayPlace(ctx, w, entry)
			switch {
			case err != nil:
				return nil, err
			case failure != nil:
				failures[entry.key()] = failure
			default:
				missing = append(missing, found)
			}
		}
		if err := p.place(ctx, w, id, missing); err != nil {
			return nil, fmt.Errorf("assigning pod identities to pool %s: %w", pool.Name, err)
		}
	}
	return failures, nil
}

// lendPodIdentities does the same for a cluster without scale sets: its nodes get those that its document says are assigned.
func (p *Provider) lendPodIdentities(ctx context.Context, w *work, failures map[string]*rest.Error) error {
	for _, entry := range w.is.PodIdentityProfile.identities() {
		if entry.ProvisioningState == podIdentityAssigned {
			continue // as a scale set keeps it
		}
		_, failure, err := p.mayPlace(ctx, w, entry)
		if err != nil {
			return err
		}
		if failure != nil {
			failures[entry.key()] = failure
		}
	}
	return nil
}

// mayPlace looks the identity up, and whether the control plane may assign it. What a user has to see to is the failure.
func (p *Provider) mayPlace(ctx context.Context, w *work, entry podIdentity) (found identity, failure *rest.Error, err error) {
	found, err = p.userAssigned(ctx, entry.Identity.ResourceID)
	if err != nil {
		if failure = rest.AsError(err); failure.Status < http.StatusInternalServerError {
			return identity{}, failure, nil
		}
		return identity{}, nil, err
	}
	id, err := armid.Parse(entry.Identity.ResourceID)
	if err != nil {
		return identity{}, nil, err
	}
	principal, err := p.controlPlanePrincipal(ctx, w.cluster)
	if err != nil {
		return identity{}, nil, err
	}
	if !p.may(ctx, principal, assignAction, id) {
		return identity{}, podIdentityMissingPermission(principal, entry), nil
	}
	return found, nil, nil
}

// place records that the identities are the add-on's, and then puts them on the scale set.
func (p *Provider) place(ctx context.Context, w *work, scaleSet armid.ID, missing []identity) error {
	if len(missing) == 0 {
		return nil
	}
	if err := w.updateState(ctx, func(s *state) {
		placed := slices.Clone(s.PodIdentity.Placed[scaleSet.Name()])
		for _, i := range missing {
			if !slices.ContainsFunc(placed, sameID(i.ResourceID)) {
				placed = append(placed, i.ResourceID)
			}
		}
		if s.PodIdentity.Placed == nil {
			s.PodIdentity.Placed = map[string][]string{}
		}
		s.PodIdentity.Placed[scaleSet.Name()] = placed
	}); err != nil {
		return err
	}
	_, err := w.run.Resources.Update(ctx, scaleSet, func(r *resource.Resource) error {
		for _, i := range missing {
			id, err := armid.Parse(i.ResourceID)
			if err != nil {
				return err
			}
			keepIdentity(r, id, resource.UserAssignedIdentity{ClientID: i.ClientID, PrincipalID: i.ObjectID})
		}
		return nil
	})
	return err
}

// podIdentityPatience bounds one attempt at installing: nmi has to run on every node.
const podIdentityPatience = 90 * time.Second

// installPodIdentity makes the add-on's objects what they are to be, or takes them away with all that nmi left on nodes.
func (p *Provider) installPodIdentity(ctx context.Context, w *work, failures map[string]*rest.Error) error {
	ctx, cancel := context.WithTimeout(ctx, podIdentityPatience)
	defer cancel()
	profile := w.is.PodIdentityProfile
	if !profile.on() {
		if !w.state.PodIdentity.Installed {
			return nil
		}
		return p.uninstallPodIdentity(ctx, w)
	}
	if err := w.updateState(ctx, func(s *state) { s.PodIdentity.Installed = true }); err != nil {
		return err
	}
	wanted, err := p.podIdentityObjects(w, func(i podIdentity) bool { return failures[i.key()] == nil })
	if err != nil {
		return err
	}
	return p.apply(ctx, w, objects.Set{Name: podIdentitySet, Objects: wanted, Await: true})
}

func (p *Provider) uninstallPodIdentity(ctx context.Context, w *work) error {
	removal, err := p.nmiRemovalObjects(w)
	if err != nil {
		return err
	}
	if err := p.applyAll(ctx, w,
		objects.Set{Name: podIdentitySet, Await: true},
		objects.Set{Name: podIdentityRemoval, Objects: removal, Await: true},
		objects.Set{Name: podIdentityRemoval, Await: true},
	); err != nil {
		return err
	}
	return w.updateState(ctx, func(s *state) { s.PodIdentity.Installed = false })
}

// withdrawPodIdentities takes off the scale sets what the add-on put there and nothing wants any more.
func (p *Provider) withdrawPodIdentities(ctx context.Context, w *work) error {
	var wanted []string
	for _, entry := range w.is.PodIdentityProfile.identities() {
		wanted = append(wanted, entry.Identity.ResourceID)
	}
	if kubelet, ok := w.is.IdentityProfile[kubeletIdentity]; ok {
		wanted = append(wanted, kubelet.ResourceID)
	}
	for _, pool := range w.is.AgentPools {
		scaleSet := w.scaleSet(pool.Name)
		var surplus []armid.ID
		for _, key := range w.state.PodIdentity.Placed[scaleSet.Name()] {
			if id, err := armid.Parse(key); err == nil && !slices.ContainsFunc(wanted, sameID(key)) {
				surplus = append(surplus, id)
			}
		}
		if len(surplus) == 0 {
			continue
		}
		if _, err := w.run.Resources.Update(ctx, scaleSet, func(r *resource.Resource) error {
			for _, id := range surplus {
				r.Identity.Unassign(id)
			}
			return nil
		}); err != nil {
			return fmt.Errorf("taking pod identities off pool %s: %w", pool.Name, err)
		}
	}
	return w.updateState(ctx, func(s *state) {
		pools := map[string]bool{}
		for _, pool := range w.is.AgentPools {
			pools[w.scaleSet(pool.Name).Name()] = true
		}
		for name, placed := range s.PodIdentity.Placed {
			placed = slices.DeleteFunc(slices.Clone(placed), func(key string) bool { return !slices.ContainsFunc(wanted, sameID(key)) })
			if s.PodIdentity.Placed[name] = placed; len(placed) == 0 || !pools[name] {
				delete(s.PodIdentity.Placed, name)
			}
		}
	})
}

// showPodIdentities writes into the document what became of each entry. If one failed, so does the operation.
func (p *Provider) showPodIdentities(ctx context.Context, w *work, failures map[string]*rest.Error) error {
	if err := w.update(ctx, func(r *resource.Resource) error {
		d, err := parseDocument(r.Properties)
		if err != nil {
			return err
		}
		for _, entry := range asObject(d["podIdentityProfile"]).objects("userAssignedIdentities") {
			failure := failures[entry.text("namespace")+"/"+entry.text("name")]
			if failure == nil {
				entry["provisioningState"] = podIdentityAssigned
				delete(entry, "provisioningInfo")
				continue
			}
			entry["provisioningState"] = podIdentityFailed
			entry["provisioningInfo"] = document{"error": document{"error": document{"code": failure.Code, "message": failure.Message}}}
		}
		r.Properties, err = d.raw()
		return err
	}); err != nil {
		return err
	}
	for _, entry := range w.is.PodIdentityProfile.identities() {
		if failure := failures[entry.key()]; failure != nil {
			return &rest.Error{Status: failure.Status, Code: failure.Code, Message: "Pod identity '" + entry.key() + "' can't be assigned: " + failure.Message}
		}
	}
	return nil
}

// updateState changes what the provider remembers of the cluster.
func (w *work) updateState(ctx context.Context, change func(*state)) error {
	return w.update(ctx, func(r *resource.Resource) error {
		s, err := readState(r)
		if err != nil {
			return err
		}
		change(&s)
		return r.SetInternal(s)
	})
}

// sameID compares resource IDs as Azure does.
func sameID(id string) func(string) bool {
	return func(other string) bool { return strings.EqualFold(id, other) }
}

func podIdentityMissingPermission(principal string, entry podIdentity) *rest.Error {
	return refused("PodIdentityAddonIdentitiesAssignmentError", fmt.Sprintf(
		"Please grant at least 'Managed Identity Operator' permission before assigning pod identity. You can run 'az role assignment create --role \"Managed Identity Operator\" --assignee %s --scope %s' to grant it to the cluster's identity.",
		principal, entry.Identity.ResourceID), "podIdentityProfile.userAssignedIdentities")
}

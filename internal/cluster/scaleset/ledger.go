package scaleset

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	aadpodid "github.com/lanyard-project/lanyard/api/v1"
)

// Whose work an identity on a scale set is decides whether mic may remove it. It
// is written down on the assigned identities themselves, in three steps, so that
// it is known after a death at any point and costs one write for a PATCH:
// announce names what is about to be put on one of the objects, the carrier;
// after the PATCH each object is marked as put, together with its state; the
// carrier comes last. What it announces stands on it, and it stays itself, as long
// as an identity that it names is on the scale set, or may be, and nobody else says
// whose work that is: its user may have been revoked before he could be marked.

// carrier reports whether an object announces a PATCH.
func carrier(a *aadpodid.AzureAssignedIdentity) bool { return a.Annotations[PuttingAnnotation] != "" }

// announced returns the identities that carriers among some of the users name.
func (d demand) announced(some func(*users) iter.Seq[*aadpodid.AzureAssignedIdentity]) map[string]bool {
	all := map[string]bool{}
	for _, u := range d {
		for a := range some(u) {
			for _, id := range strings.Fields(a.Annotations[PuttingAnnotation]) {
				all[id] = true
			}
		}
	}
	return all
}

// announce writes down which identities a PATCH is about to put on the scale set,
// unless those who stay say so of all of them: one who leaves may have been let go
// already, and the cache not show it yet.
func (r *Reconciler) announce(ctx context.Context, d demand, changes []Change, m *memory) error {
	known := d.announced((*users).staying)
	var fresh []string
	var at *users
	for _, c := range changes {
		if u := d[c.Identity]; !c.Remove && !known[c.Identity] && !anyOf(u.staying(), saysPut) {
			fresh = append(fresh, c.Identity)
			if at == nil {
				at = u
			}
		}
	}
	if at == nil {
		return nil
	}
	before := at.live[0]
	after := before.DeepCopy()
	fresh = append(fresh, strings.Fields(before.Annotations[PuttingAnnotation])...)
	metav1.SetMetaDataAnnotation(&after.ObjectMeta, PuttingAnnotation, strings.Join(fresh, " "))
	if err := r.Kube.Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("announcing a change on assigned identity %s/%s: %w", before.Namespace, before.Name, err)
	}
	m.announced[before.UID] = before.ResourceVersion
	at.live[0] = after // what was read is the cache's own
	return nil
}

// claim decides for each identity that is on the scale set, and that mic has
// not yet answered for, whether it is there because of mic.
func (r *Reconciler) claim(d demand, state State, m *memory) {
	announced := d.announced((*users).all)
	for id, u := range d {
		if _, there := state.ClientIDs[id]; !there || m.ours[id] || u.found() {
			continue
		}
		if announced[id] || anyOf(u.all(), saysPut) {
			m.ours[id] = true
		}
	}
}

// keeps reports whether a carrier's announcement is still needed. Only when all
// others have been marked.
func (s *settlement) keeps(a *aadpodid.AzureAssignedIdentity) bool {
	return slices.ContainsFunc(strings.Fields(a.Annotations[PuttingAnnotation]), func(id string) bool {
		if _, there := s.state.ClientIDs[id]; !there {
			return s.memory.unsure || s.state.Updating // it may come
		}
		return s.memory.ours[id] && !s.toldByOthers(id, a)
	})
}

// toldByOthers reports whether somebody who stays says that an identity is mic's
// work, or the carrier himself does as soon as he is marked.
func (s *settlement) toldByOthers(id string, carries *aadpodid.AzureAssignedIdentity) bool {
	u := s.demand[id]
	return u != nil && (anyOf(u.staying(), isPut) || slices.ContainsFunc(u.live, func(a *aadpodid.AzureAssignedIdentity) bool {
		return a == carries || (!carrier(a) && !s.memory.outdated(a))
	}))
}

// enter marks in an object whose work its identity on the scale set is, and
// reports whether that is news. What it announces stays if that is still needed.
func enter(a *aadpodid.AzureAssignedIdentity, found, keep bool) bool {
	mark, other := PutAnnotation, FoundAnnotation
	if found {
		mark, other = other, mark
	}
	_, wrong := a.Annotations[other]
	news := a.Annotations[mark] == "" || wrong || (carrier(a) && !keep)
	metav1.SetMetaDataAnnotation(&a.ObjectMeta, mark, "true")
	delete(a.Annotations, other)
	if !keep {
		delete(a.Annotations, PuttingAnnotation)
	}
	return news
}

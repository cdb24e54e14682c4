package scaleset

import (
	"context"
	"fmt"
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
// carrier comes last, and goes, if it is to go, only then.

// carrier reports whether an object announces a PATCH.
func carrier(a *aadpodid.AzureAssignedIdentity) bool { return a.Annotations[PuttingAnnotation] != "" }

// announced returns the identities that carriers name.
func (d demand) announced() map[string]bool {
	all := map[string]bool{}
	for _, u := range d {
		for a := range u.all() {
			for _, id := range strings.Fields(a.Annotations[PuttingAnnotation]) {
				all[id] = true
			}
		}
	}
	return all
}

// announce writes down which identities a PATCH is about to put on the scale set,
// unless that is known of all of them.
func (r *Reconciler) announce(ctx context.Context, d demand, changes []Change, m *memory) error {
	known := d.announced()
	var fresh []string
	var at *users
	for _, c := range changes {
		if u := d[c.Identity]; !c.Remove && !known[c.Identity] && !u.put() {
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
	announced := d.announced()
	for id, u := range d {
		if _, there := state.ClientIDs[id]; !there || m.ours[id] || u.found() {
			continue
		}
		if announced[id] || u.put() {
			m.ours[id] = true
		}
	}
}

// enter marks in an object whose work its identity on the scale set is, and
// reports whether that is news.
func enter(a *aadpodid.AzureAssignedIdentity, found bool) bool {
	mark, other := PutAnnotation, FoundAnnotation
	if found {
		mark, other = other, mark
	}
	_, wrong := a.Annotations[other]
	news := a.Annotations[mark] == "" || wrong || carrier(a)
	metav1.SetMetaDataAnnotation(&a.ObjectMeta, mark, "true")
	delete(a.Annotations, other)
	delete(a.Annotations, PuttingAnnotation)
	return news
}

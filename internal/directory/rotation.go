package directory

import (
	"context"
	"time"
)

// rotateInterval is how often the identities are looked through for due certificates.
const rotateInterval = time.Hour

// due reports whether a managed identity needs a certificate before it signs: its
// first one, or the next.
func due(r record, now time.Time) bool {
	if r.Type != TypeManagedIdentity {
		return false
	}
	n := len(r.Certificates)
	return n == 0 || now.Sub(r.Certificates[n-1].Issued) >= rotateAfter
}

// rotate replaces due certificates until ctx is done.
func (d *Directory) rotate(ctx context.Context) error {
	ticker := d.options.Clock.NewTicker(rotateInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C():
			d.RotateDue(ctx)
		}
	}
}

// RotateDue replaces the certificates of all managed identities that are due, and
// returns how many those were. One that fails is logged and tried again next time.
func (d *Directory) RotateDue(ctx context.Context) int {
	rotated, now := 0, d.now()
	for _, found := range d.index.all() {
		if ctx.Err() != nil {
			return rotated
		}
		if len(found.Certificates) == 0 || !due(found.record, now) {
			continue // one that never signed has nothing to rotate
		}
		if _, err := d.renew(ctx, found.ObjectID); err != nil {
			d.options.Log.Error("rotating a managed identity's certificate failed", "object_id", found.ObjectID, "error", err)
			continue
		}
		rotated++
	}
	return rotated
}

// renew gives a managed identity a new certificate, or its first. The old one is accepted for
// the overlap; those before it are forgotten.
func (d *Directory) renew(ctx context.Context, objectID string) (*entry, error) {
	return d.change(ctx, objectID, func(r *record) error {
		now := d.now()
		if !due(*r, now) {
			return nil // another replica did it
		}
		fresh, err := d.issue(r.ServicePrincipal)
		if err != nil {
			return err
		}
		var kept []storedCertificate
		for _, old := range r.Certificates {
			old.Sealed = nil // it signs no more
			if until := now.Add(overlap); until.Before(old.Until) {
				old.Until = until
			}
			if now.Before(old.Until) {
				kept = append(kept, old)
			}
		}
		r.Certificates = append(kept, fresh)
		return nil
	})
}

func (x *index) all() []*entry {
	x.mu.RLock()
	defer x.mu.RUnlock()
	out := make([]*entry, 0, len(x.objects))
	for _, found := range x.objects {
		out = append(out, found)
	}
	return out
}

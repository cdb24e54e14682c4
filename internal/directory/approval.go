package directory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lanyard-project/lanyard/internal/store"
)

// Approval is a user's answer to a device that asks to sign in as him, until the
// device fetches it.
type Approval struct {
	UserID   string    `json:"userId"`
	Declined bool      `json:"declined,omitempty"`
	Until    time.Time `json:"until"`
}

const approvalsPrefix = prefix + "approvals/"

// approvalKey hides the code: who reads a backup must not redeem it.
func approvalKey(code string) string {
	sum := sha256.Sum256([]byte(code))
	return approvalsPrefix + hex.EncodeToString(sum[:])
}

// Answer keeps a user's answer. It fails with ErrExists if there is one already.
func (d *Directory) Answer(ctx context.Context, code string, a Approval) error {
	d.sweepApprovals(ctx)
	value, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encoding an approval: %w", err)
	}
	key := approvalKey(code)
	_, err = d.options.Store.Txn(ctx, []store.Cond{store.Absent(key)}, []store.Op{store.Put(key, value)})
	if errors.Is(err, store.ErrConflict) {
		return ErrExists
	}
	return err
}

// TakeAnswer gives a user's answer out, once. There is none yet: ErrNotFound.
func (d *Directory) TakeAnswer(ctx context.Context, code string) (Approval, error) {
	var found Approval
	key := approvalKey(code)
	revision, err := d.readJSON(ctx, key, &found)
	if err != nil {
		return Approval{}, err
	}
	_, err = d.options.Store.Txn(ctx, []store.Cond{store.Unchanged(key, revision)}, []store.Op{store.Delete(key)})
	if errors.Is(err, store.ErrConflict) {
		return Approval{}, ErrNotFound // taken in this moment
	}
	if err != nil {
		return Approval{}, err
	}
	return found, nil
}

// sweepApprovals removes what no device has fetched in time. There are never many.
func (d *Directory) sweepApprovals(ctx context.Context) {
	page, err := d.options.Store.List(ctx, approvalsPrefix, store.ListOptions{Limit: 100})
	if err != nil {
		d.options.Log.Warn("looking for old approvals failed", "error", err)
		return
	}
	for _, item := range page.Items {
		var a Approval
		if json.Unmarshal(item.Value, &a) == nil && d.now().Before(a.Until) {
			continue
		}
		if _, err := d.options.Store.Txn(ctx, []store.Cond{store.Unchanged(item.Key, item.Revision)}, []store.Op{store.Delete(item.Key)}); err != nil && !errors.Is(err, store.ErrConflict) {
			d.options.Log.Warn("removing an old approval failed", "error", err)
		}
	}
}

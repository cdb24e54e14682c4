package keys

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/lanyard-project/lanyard/internal/store"
)

const prefix = "/lanyard/keys/signing/"

// record is a key in the store. Its name there is a sequence number, so that two
// replicas that want to add the next key want the same name.
type record struct {
	SignFrom    time.Time `json:"signFrom"`
	Created     time.Time `json:"created"`
	Certificate []byte    `json:"certificate"`
	Sealed      []byte    `json:"sealed"` // PKCS #8
}

func name(sequence int64) string { return fmt.Sprintf("%s%010d", prefix, sequence) }

func (r *Ring) load(ctx context.Context) ([]*Key, error) {
	page, err := r.options.Store.List(ctx, prefix, store.ListOptions{})
	if err != nil {
		return nil, err
	}
	r.seen.Store(page.Revision)
	known := map[int64]*Key{}
	if keys := r.keys.Load(); keys != nil {
		for _, k := range *keys {
			known[k.sequence] = k
		}
	}
	keys := make([]*Key, 0, len(page.Items))
	for _, item := range page.Items {
		var sequence int64
		if _, err := fmt.Sscanf(item.Key, prefix+"%d", &sequence); err != nil {
			return nil, fmt.Errorf("reading %s: %w", item.Key, err)
		}
		key, err := r.decode(item, known[sequence])
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", item.Key, err)
		}
		key.sequence = sequence
		keys = append(keys, key)
	}
	slices.SortStableFunc(keys, func(a, b *Key) int { return a.SignFrom.Compare(b.SignFrom) })
	return keys, nil
}

// decode reads a record; the parsed key of an earlier reading is used again.
func (r *Ring) decode(item store.Item, known *Key) (*Key, error) {
	var stored record
	if err := json.Unmarshal(item.Value, &stored); err != nil {
		return nil, err
	}
	if known != nil && known.ID == thumbprint(stored.Certificate) {
		same := *known
		same.SignFrom = stored.SignFrom
		return &same, nil
	}
	plain, err := r.options.Box.Open(stored.Sealed, item.Key)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, err
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("a %T is no RSA key", parsed)
	}
	key, err := fromParts(stored.Certificate, private)
	if err != nil {
		return nil, err
	}
	key.SignFrom = stored.SignFrom
	return key, nil
}

func (r *Ring) add(ctx context.Context, s slot) error {
	now := r.options.Clock.Now()
	key, err := generate(now)
	if err != nil {
		return err
	}
	plain, err := x509.MarshalPKCS8PrivateKey(key.private)
	if err != nil {
		return fmt.Errorf("encoding a signing key: %w", err)
	}
	value, err := json.Marshal(record{
		SignFrom: s.signFrom, Created: now, Certificate: key.Certificate, Sealed: r.options.Box.Seal(plain, name(s.sequence)),
	})
	if err != nil {
		return fmt.Errorf("encoding a signing key: %w", err)
	}
	if _, err := r.options.Store.Txn(ctx, []store.Cond{store.Absent(name(s.sequence))}, []store.Op{store.Put(name(s.sequence), value)}); err != nil {
		return fmt.Errorf("adding a signing key: %w", err)
	}
	r.options.Log.Info("published a signing key", "kid", key.ID, "signs_from", s.signFrom)
	return nil
}

func (r *Ring) remove(ctx context.Context, k *Key) error {
	if _, err := r.options.Store.Txn(ctx, nil, []store.Op{store.Delete(name(k.sequence))}); err != nil {
		return fmt.Errorf("removing a signing key: %w", err)
	}
	r.options.Log.Info("removed a signing key", "kid", k.ID)
	return nil
}

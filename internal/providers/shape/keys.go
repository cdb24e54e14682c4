package shape

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/secret"
)

// Keyring makes the access keys that some resources have. They are kept sealed
// in the part of the document that no client sees.
type Keyring struct{ Box *seal.Box }

const keysMember = "keys"

// Ensure gives the resource a key of each name that it doesn't have.
func (k Keyring) Ensure(r *resource.Resource, size int, names ...string) error {
	kept, sealed, err := sealedKeys(r)
	if err != nil {
		return err
	}
	for _, name := range names {
		if len(sealed[name]) == 0 {
			sealed[name] = k.make(r, name, size)
		}
	}
	return keepKeys(r, kept, sealed)
}

// Renew replaces a key.
func (k Keyring) Renew(r *resource.Resource, size int, name string) error {
	kept, sealed, err := sealedKeys(r)
	if err != nil {
		return err
	}
	sealed[name] = k.make(r, name, size)
	return keepKeys(r, kept, sealed)
}

// Reveal returns a key as clients use it, in base64.
func (k Keyring) Reveal(r *resource.Resource, name string) (secret.String, error) {
	_, sealed, err := sealedKeys(r)
	if err != nil {
		return secret.String{}, err
	}
	plain, err := k.Box.Open(sealed[name], sealContext(r, name))
	if err != nil {
		return secret.String{}, fmt.Errorf("reading key %s of %s: %w", name, r.ID, err)
	}
	return secret.New(base64.StdEncoding.EncodeToString(plain)), nil
}

func (k Keyring) make(r *resource.Resource, name string, size int) []byte {
	plain := make([]byte, size)
	_, _ = rand.Read(plain) // never fails
	return k.Box.Seal(plain, sealContext(r, name))
}

// sealContext ties a key to its resource: moved elsewhere it can't be opened.
func sealContext(r *resource.Resource, name string) string {
	return "key " + name + " of " + r.ID.Key()
}

func sealedKeys(r *resource.Resource) (kept map[string]json.RawMessage, sealed map[string][]byte, err error) {
	kept, sealed = map[string]json.RawMessage{}, map[string][]byte{}
	if len(r.Internal) > 0 {
		if err := json.Unmarshal(r.Internal, &kept); err != nil {
			return nil, nil, fmt.Errorf("reading the keys of %s: %w", r.ID, err)
		}
	}
	if raw := kept[keysMember]; len(raw) > 0 {
		if err := json.Unmarshal(raw, &sealed); err != nil {
			return nil, nil, fmt.Errorf("reading the keys of %s: %w", r.ID, err)
		}
	}
	return kept, sealed, nil
}

func keepKeys(r *resource.Resource, kept map[string]json.RawMessage, sealed map[string][]byte) error {
	raw, err := json.Marshal(sealed)
	if err != nil {
		return fmt.Errorf("writing the keys of %s: %w", r.ID, err)
	}
	kept[keysMember] = raw
	return r.SetInternal(kept)
}

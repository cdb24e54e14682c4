package directory

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/store"
)

const (
	// DefaultSecretLifetime is how long a secret is good if nothing else is said, as az has it.
	DefaultSecretLifetime = 365 * 24 * time.Hour
	secretLength          = 40
	secretAlphabet        = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._" // 64: a byte's six bits each
	// secretMark stands at the place where Entra's secrets have it; scanners for
	// leaked secrets know it.
	secretMark = "8Q~"
	saltSize   = 16
)

// storedSecret keeps a secret so that it can be checked but not read. Secrets are
// made here, with more than 200 random bits, so a fast hash is enough: there is
// no dictionary to try.
type storedSecret struct {
	KeyID       string    `json:"keyId"`
	DisplayName string    `json:"displayName,omitempty"`
	Hint        string    `json:"hint"`
	Salt        []byte    `json:"salt"`
	Hash        []byte    `json:"hash"`
	Start       time.Time `json:"start"`
	End         time.Time `json:"end"`
}

// Secret is a client secret as it is shown once, when it is made.
type Secret struct {
	KeyID string
	Value secret.String
	Hint  string // its first three characters
	Start time.Time
	End   time.Time
}

// CreateApplication makes an application and its service principal.
func (d *Directory) CreateApplication(ctx context.Context, tenantID, displayName string) (ServicePrincipal, error) {
	principal, ops, err := d.planApplication(tenantID, displayName)
	if err != nil {
		return ServicePrincipal{}, err
	}
	if _, err := d.options.Store.Txn(ctx, nil, ops); err != nil {
		return ServicePrincipal{}, fmt.Errorf("creating an application: %w", err)
	}
	return principal.ServicePrincipal, d.Committed(ctx, principal.ObjectID)
}

func (d *Directory) planApplication(tenantID, displayName string, secrets ...storedSecret) (record, []store.Op, error) {
	appID := uuid.NewString()
	made := record{ServicePrincipal: ServicePrincipal{
		ObjectID: uuid.NewString(), AppID: appID, TenantID: tenantID, DisplayName: displayName, Type: TypeApplication,
		Names: []string{appID}, Created: d.now(), ApplicationObjectID: uuid.NewString(),
	}, Secrets: secrets}
	value, err := json.Marshal(made)
	if err != nil {
		return record{}, nil, fmt.Errorf("creating an application: %w", err)
	}
	return made, []store.Op{store.Put(appKey(appID), []byte(made.ObjectID)), store.Put(principalKey(made.ObjectID), value)}, nil
}

// AddSecret gives an application another secret. lifetime 0 means the default.
func (d *Directory) AddSecret(ctx context.Context, objectID, displayName string, lifetime time.Duration) (Secret, error) {
	made, stored := d.newSecret(displayName, lifetime)
	_, err := d.change(ctx, objectID, func(r *record) error {
		if r.Type != TypeApplication {
			return fmt.Errorf("adding a secret: %s is no application", r.ObjectID)
		}
		r.Secrets = append(append([]storedSecret{}, r.Secrets...), stored)
		return nil
	})
	return made, err
}

// RemoveSecret takes a secret away; it is refused from then on.
func (d *Directory) RemoveSecret(ctx context.Context, objectID, keyID string) error {
	_, err := d.change(ctx, objectID, func(r *record) error {
		var kept []storedSecret
		for _, s := range r.Secrets {
			if !sameID(s.KeyID, keyID) {
				kept = append(kept, s)
			}
		}
		if len(kept) == len(r.Secrets) {
			return fmt.Errorf("removing secret %s: %w", keyID, ErrNotFound)
		}
		r.Secrets = kept
		return nil
	})
	return err
}

func (d *Directory) newSecret(displayName string, lifetime time.Duration) (Secret, storedSecret) {
	if lifetime <= 0 {
		lifetime = DefaultSecretLifetime
	}
	text := make([]byte, secretLength)
	_, _ = rand.Read(text) // never fails
	for i, b := range text {
		text[i] = secretAlphabet[b%64]
	}
	copy(text[3:], secretMark)
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt)

	value, now := string(text), d.now()
	made := Secret{KeyID: uuid.NewString(), Value: secret.New(value), Hint: value[:3], Start: now, End: now.Add(lifetime)}
	return made, storedSecret{
		KeyID: made.KeyID, DisplayName: displayName, Hint: made.Hint, Salt: salt, Hash: hash(salt, made.Value), Start: now, End: made.End,
	}
}

// Verdict is what the directory says about a presented secret.
type Verdict int

// The verdicts.
const (
	SecretWrong Verdict = iota
	SecretExpired
	SecretGood
)

// CheckSecret compares a presented secret with all of the principal's, each in
// constant time.
func (d *Directory) CheckSecret(ctx context.Context, objectID string, presented secret.String) (Verdict, error) {
	found, err := d.principal(ctx, objectID)
	if err != nil {
		return SecretWrong, err
	}
	verdict, now := SecretWrong, d.now()
	for _, s := range found.Secrets {
		if subtle.ConstantTimeCompare(s.Hash, hash(s.Salt, presented)) != 1 {
			continue
		}
		if now.Before(s.End) {
			return SecretGood, nil
		}
		verdict = SecretExpired
	}
	return verdict, nil
}

func hash(salt []byte, value secret.String) []byte {
	h := sha256.New()
	h.Write(salt)
	h.Write([]byte(value.Reveal()))
	return h.Sum(nil)
}

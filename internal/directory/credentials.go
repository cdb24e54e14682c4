package directory

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/secret"
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

// credentials prove an application or a service principal. An application's prove
// its principal as well.
type credentials struct {
	Secrets      []storedSecret      `json:"secrets,omitempty"`
	Certificates []storedCertificate `json:"certificates,omitempty"` // oldest first
}

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

// Secret is a client secret as it is shown once, when it is made. Listed ones have
// no value.
type Secret struct {
	KeyID       string
	DisplayName string
	Value       secret.String
	Hint        string // its first three characters
	Start       time.Time
	End         time.Time
}

// NewSecret says what secret to make; zero times stand for now and the default lifetime.
type NewSecret struct {
	DisplayName string
	Start, End  time.Time
}

// AddSecret gives a service principal or an application another secret. lifetime 0
// means the default.
func (d *Directory) AddSecret(ctx context.Context, ownerID, displayName string, lifetime time.Duration) (Secret, error) {
	wanted := NewSecret{DisplayName: displayName}
	if lifetime > 0 {
		wanted.End = d.now().Add(lifetime)
	}
	return d.MakeSecret(ctx, ownerID, wanted)
}

// MakeSecret is AddSecret with all that can be said about a secret.
func (d *Directory) MakeSecret(ctx context.Context, ownerID string, wanted NewSecret) (Secret, error) {
	made, stored := d.newSecret(wanted)
	if !made.Start.Before(made.End) {
		return Secret{}, errors.New("adding a secret: it ends before it starts")
	}
	err := d.changeCredentials(ctx, ownerID, func(c *credentials) error {
		c.Secrets = append(slices.Clone(c.Secrets), stored)
		return nil
	})
	if err != nil {
		return Secret{}, fmt.Errorf("adding a secret: %w", err)
	}
	return made, nil
}

// RemoveSecret takes a secret away; it is refused from then on.
func (d *Directory) RemoveSecret(ctx context.Context, ownerID, keyID string) error {
	return d.changeCredentials(ctx, ownerID, func(c *credentials) error {
		kept := slices.DeleteFunc(slices.Clone(c.Secrets), func(s storedSecret) bool { return sameID(s.KeyID, keyID) })
		if len(kept) == len(c.Secrets) {
			return fmt.Errorf("removing secret %s: %w", keyID, ErrNotFound)
		}
		c.Secrets = kept
		return nil
	})
}

// Secrets are the owner's, without their values.
func (d *Directory) Secrets(ctx context.Context, ownerID string) ([]Secret, error) {
	found, err := d.credentials(ctx, ownerID)
	if err != nil {
		return nil, err
	}
	var out []Secret
	for _, s := range found.Secrets {
		out = append(out, Secret{KeyID: s.KeyID, DisplayName: s.DisplayName, Hint: s.Hint, Start: s.Start, End: s.End})
	}
	return out, nil
}

func (d *Directory) newSecret(wanted NewSecret) (Secret, storedSecret) {
	now := d.now()
	if wanted.Start.IsZero() {
		wanted.Start = now
	}
	if wanted.End.IsZero() {
		wanted.End = wanted.Start.Add(DefaultSecretLifetime)
	}
	text := make([]byte, secretLength)
	_, _ = rand.Read(text) // never fails
	for i, b := range text {
		text[i] = secretAlphabet[b%64]
	}
	copy(text[3:], secretMark)
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt)

	value := string(text)
	made := Secret{
		KeyID: uuid.NewString(), DisplayName: wanted.DisplayName, Value: secret.New(value), Hint: value[:3],
		Start: wanted.Start.UTC(), End: wanted.End.UTC(),
	}
	return made, storedSecret{
		KeyID: made.KeyID, DisplayName: made.DisplayName, Hint: made.Hint, Salt: salt, Hash: hash(salt, made.Value), Start: made.Start, End: made.End,
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

// CheckSecret compares a presented secret with all of the principal's and its
// application's, each in constant time.
func (d *Directory) CheckSecret(ctx context.Context, objectID string, presented secret.String) (Verdict, error) {
	all, err := d.provers(ctx, objectID)
	if err != nil {
		return SecretWrong, err
	}
	verdict, now := SecretWrong, d.now()
	for _, s := range all.Secrets {
		if subtle.ConstantTimeCompare(s.Hash, hash(s.Salt, presented)) != 1 || now.Before(s.Start.Add(-certificateSkew)) {
			continue
		}
		if now.Before(s.End) {
			return SecretGood, nil
		}
		verdict = SecretExpired
	}
	return verdict, nil
}

// provers are all credentials that prove a service principal.
func (d *Directory) provers(ctx context.Context, objectID string) (credentials, error) {
	found, err := d.principal(ctx, objectID)
	if err != nil {
		return credentials{}, err
	}
	all := found.credentials
	if found.ApplicationObjectID == "" {
		return all, nil
	}
	application, err := d.application(ctx, found.ApplicationObjectID)
	if errors.Is(err, ErrNotFound) {
		return all, nil // being deleted
	}
	if err != nil {
		return credentials{}, err
	}
	return credentials{slices.Concat(application.Secrets, all.Secrets), slices.Concat(application.Certificates, all.Certificates)}, nil
}

// credentials are the ones that the owner has itself.
func (d *Directory) credentials(ctx context.Context, ownerID string) (credentials, error) {
	principal, err := d.principal(ctx, ownerID)
	if err == nil {
		return principal.credentials, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return credentials{}, err
	}
	application, err := d.application(ctx, ownerID)
	if err != nil {
		return credentials{}, err
	}
	return application.credentials, nil
}

// changeCredentials edits those of a service principal or an application. Those of
// managed identities are nobody's to change.
func (d *Directory) changeCredentials(ctx context.Context, ownerID string, edit func(*credentials) error) error {
	_, err := d.change(ctx, ownerID, func(r *record) error {
		if r.Type != TypeApplication {
			return fmt.Errorf("%w: %s is no application", ErrManaged, r.ObjectID)
		}
		return edit(&r.credentials)
	})
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	_, err = d.changeApplication(ctx, ownerID, func(r *applicationRecord) error { return edit(&r.credentials) })
	return err
}

func hash(salt []byte, value secret.String) []byte {
	h := sha256.New()
	h.Write(salt)
	h.Write([]byte(value.Reveal()))
	return h.Sum(nil)
}

package directory

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/lanyard-project/lanyard/internal/secret"
)

// The cost of a password's hash: what OWASP asks for as the least of argon2id, a
// few dozen milliseconds. Stored with each password, so that it can grow.
const (
	argonTime    = 2
	argonMemory  = 19 << 10 // KiB
	argonThreads = 1
	argonKey     = 32

	minPassword = 8
	maxPassword = 256
)

// ErrWeakPassword says that a password can't be taken.
var ErrWeakPassword = errors.New("a password has 8 to 256 characters")

// storedPassword keeps a password under a slow hash: people choose them, so there
// is a dictionary to try.
type storedPassword struct {
	Salt   []byte `json:"salt"`
	Hash   []byte `json:"hash"`
	Time   uint32 `json:"time"`
	Memory uint32 `json:"memory"`
}

func hashPassword(password secret.String) (storedPassword, error) {
	if n := utf8.RuneCountInString(password.Reveal()); n < minPassword || n > maxPassword {
		return storedPassword{}, ErrWeakPassword
	}
	made := storedPassword{Salt: make([]byte, saltSize), Time: argonTime, Memory: argonMemory}
	_, _ = rand.Read(made.Salt) // never fails
	made.Hash = made.of(password)
	return made, nil
}

// nobody is the password of who isn't there: no text matches it.
func nobody() storedPassword {
	return storedPassword{Salt: make([]byte, saltSize), Hash: make([]byte, argonKey), Time: argonTime, Memory: argonMemory}
}

func (p storedPassword) of(password secret.String) []byte {
	return argon2.IDKey([]byte(password.Reveal()), p.Salt, p.Time, p.Memory, argonThreads, argonKey)
}

func (p storedPassword) matches(ctx context.Context, password secret.String) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if len(password.Reveal()) > 4*maxPassword || p.Time == 0 {
		return false, nil
	}
	return subtle.ConstantTimeCompare(p.Hash, p.of(password)) == 1, nil
}

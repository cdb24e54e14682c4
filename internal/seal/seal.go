package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

const (
	version   = 1
	keySize   = 32
	nameSize  = 4
	saltSize  = 32
	headSize  = 1 + nameSize + saltSize
	keyInfo   = "lanyard seal v1 message key"
	nameInfo  = "lanyard seal v1 master key name"
	fileLimit = 0o077 // permissions that nobody else may have on the master key
)

var (
	// ErrWrongMaster says that a value was sealed under another master key.
	ErrWrongMaster = errors.New("sealed under another master key")
	// ErrBroken says that a value was changed, cut off, or sealed for another context.
	ErrBroken = errors.New("not a value sealed for this place")
)

// Box seals and opens under one master key. It is safe for concurrent use.
type Box struct {
	master []byte
	name   [nameSize]byte // tells master keys apart, reveals nothing of them
}

// New makes a box of a 32-byte master key.
func New(master []byte) (*Box, error) {
	if len(master) != keySize {
		return nil, fmt.Errorf("making a box: the master key has %d bytes instead of %d", len(master), keySize)
	}
	name, err := hkdf.Key(sha256.New, master, nil, nameInfo, nameSize)
	if err != nil {
		return nil, fmt.Errorf("making a box: %w", err)
	}
	return &Box{master: append([]byte(nil), master...), name: [nameSize]byte(name)}, nil
}

// Load reads the master key file, or makes it at the first start.
func Load(path string) (*Box, error) {
	master, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return create(path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	if info.Mode().Perm()&fileLimit != 0 {
		return nil, fmt.Errorf("reading the master key: %s is open to others (mode %v): chmod 600 it", path, info.Mode().Perm())
	}
	return New(master)
}

func create(path string) (*Box, error) {
	master := make([]byte, keySize)
	_, _ = rand.Read(master) // never fails
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the master key: %w", err)
	}
	if err := renameio.WriteFile(path, master, 0o600); err != nil {
		return nil, fmt.Errorf("making the master key: %w", err)
	}
	return New(master)
}

// Seal encrypts plain for the context, a text that names its place for good (a store key).
func (b *Box) Seal(plain []byte, context string) []byte {
	sealed := make([]byte, headSize, headSize+len(plain)+16)
	sealed[0] = version
	copy(sealed[1:], b.name[:])
	salt := sealed[1+nameSize : headSize]
	_, _ = rand.Read(salt) // never fails
	aead := b.aead(salt)
	return aead.Seal(sealed, make([]byte, aead.NonceSize()), plain, []byte(context))
}

// Open decrypts what Seal made for the same context.
func (b *Box) Open(sealed []byte, context string) ([]byte, error) {
	if len(sealed) < headSize || sealed[0] != version {
		return nil, fmt.Errorf("opening %s: %w", context, ErrBroken)
	}
	if [nameSize]byte(sealed[1:1+nameSize]) != b.name {
		return nil, fmt.Errorf("opening %s: %w", context, ErrWrongMaster)
	}
	aead := b.aead(sealed[1+nameSize : headSize])
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), sealed[headSize:], []byte(context))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", context, ErrBroken)
	}
	return plain, nil
}

// aead is the cipher of one message. Its key is used once, so the nonce can be
// zero. None of the calls can fail: sizes are constants of this package.
func (b *Box) aead(salt []byte) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, b.master, salt, keyInfo, keySize)
	if err != nil {
		panic("seal: deriving a key: " + err.Error())
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("seal: making a cipher: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("seal: making a cipher: " + err.Error())
	}
	return aead
}

package seal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/lanyard-project/lanyard/internal/seal"
)

func TestBoxOpensOnlyItsOwnInPlace(t *testing.T) {
	box, err := seal.New(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	other, err := seal.New(bytes.Repeat([]byte{2}, 32))
	if err != nil {
		t.Fatal(err)
	}
	plain := []byte("-----BEGIN PRIVATE KEY-----")
	sealed := box.Seal(plain, "/lanyard/keys/1")
	if bytes.Contains(sealed, plain[:8]) {
		t.Error("the sealed value holds the plain one")
	}
	if bytes.Equal(sealed, box.Seal(plain, "/lanyard/keys/1")) {
		t.Error("sealing twice gives the same value")
	}
	if got, err := box.Open(sealed, "/lanyard/keys/1"); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := box.Open(sealed, "/lanyard/keys/2"); !errors.Is(err, seal.ErrBroken) {
		t.Errorf("moved to another place: %v", err)
	}
	if _, err := other.Open(sealed, "/lanyard/keys/1"); !errors.Is(err, seal.ErrWrongMaster) {
		t.Errorf("under another master key: %v", err)
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := box.Open(changed, "/lanyard/keys/1"); err == nil {
			t.Fatalf("byte %d changed: opened", i)
		}
		if _, err := box.Open(sealed[:i], "/lanyard/keys/1"); err == nil {
			t.Fatalf("cut off at %d: opened", i)
		}
	}
}

func TestLoadMakesThePrivateFileOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "master.key")
	first, err := seal.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := seal.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := second.Open(first.Seal([]byte("x"), "c"), "c"); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Load(path); err == nil {
		t.Error("a master key that everybody can read is accepted")
	}
	if _, err := seal.New([]byte("short")); err == nil {
		t.Error("a short master key is accepted")
	}
}

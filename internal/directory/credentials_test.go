package directory_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/secret"
)

func TestSecretsExpireAndAreReset(t *testing.T) {
	f := open(t)
	app, err := f.CreateApplication(t.Context(), f.tenant.ID, "app")
	if err != nil {
		t.Fatal(err)
	}
	first, err := f.AddSecret(t.Context(), app.ObjectID, "first", 30*day)
	if err != nil {
		t.Fatal(err)
	}
	if text := first.Value.Reveal(); len(text) != 40 || text[3:6] != "8Q~" || text[:3] != first.Hint {
		t.Errorf("hint %s of a secret of %d characters", first.Hint, len(text))
	}
	if strings.Contains(fmt.Sprintf("%+v", first), first.Value.Reveal()) {
		t.Error("printing it reveals the secret")
	}
	check := func(s secret.String, want directory.Verdict) {
		t.Helper()
		if got, err := f.CheckSecret(t.Context(), app.ObjectID, s); got != want || err != nil {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
	check(first.Value, directory.SecretGood)
	check(secret.New(""), directory.SecretWrong)
	check(secret.New(first.KeyID), directory.SecretWrong)
	f.clock.Step(30 * day)
	check(first.Value, directory.SecretExpired)
	reset, err := f.AddSecret(t.Context(), app.ObjectID, "reset", 0)
	if err != nil {
		t.Fatal(err)
	}
	check(reset.Value, directory.SecretGood)
	if err := f.RemoveSecret(t.Context(), app.ObjectID, reset.KeyID); err != nil {
		t.Fatal(err)
	}
	check(reset.Value, directory.SecretWrong)
	if err := f.RemoveSecret(t.Context(), app.ObjectID, reset.KeyID); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("removing twice: %v", err)
	}
	if _, err := f.AddSecret(t.Context(), f.identity(t).ObjectID, "x", 0); err == nil {
		t.Error("a managed identity got a secret")
	}
}

func TestOnlyStrongLivingCertificatesAreRegistered(t *testing.T) {
	f := open(t)
	app, err := f.CreateApplication(t.Context(), f.tenant.ID, "app")
	if err != nil {
		t.Fatal(err)
	}
	make := func(bits int, until time.Time) []byte {
		t.Helper()
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"}, NotBefore: f.clock.Now(), NotAfter: until}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	good := make(2048, f.clock.Now().Add(day))
	for name, der := range map[string][]byte{
		"weak": make(1024, f.clock.Now().Add(day)), "expired": make(2048, f.clock.Now()), "not a certificate": []byte("x"),
	} {
		if _, err := f.AddCertificate(t.Context(), app.ObjectID, name, der); err == nil {
			t.Errorf("%s: registered", name)
		}
	}
	if _, err := f.AddCertificate(t.Context(), app.ObjectID, "good", good); err != nil {
		t.Fatal(err)
	}
	got, err := f.Certificates(t.Context(), app.ObjectID)
	if err != nil || len(got) != 1 || got[0].SHA256 != sha256.Sum256(good) {
		t.Errorf("%+v, %v", got, err)
	}
	f.clock.Step(day + time.Second)
	if got, err := f.Certificates(t.Context(), app.ObjectID); err != nil || len(got) != 0 {
		t.Errorf("after its end: %+v, %v", got, err)
	}
}

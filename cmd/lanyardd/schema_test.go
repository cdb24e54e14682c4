package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// released is a state that a release wrote, and what its users hold. Its secrets
// open nothing but this test's state.
type released struct {
	Admin, AdminSecret, Identity, App, AppSecret string
	Items                                        map[string]string
}

// TestStatesOfAllReleasesAreRead brings each state up to date, and again after an
// interruption before the version was written.
func TestStatesOfAllReleasesAreRead(t *testing.T) {
	files, err := filepath.Glob("testdata/schema/*.json")
	if err != nil || len(files) != schemaVersion()-1 {
		t.Fatalf("%d released states for %d older versions, %v: dump one before the version grows", len(files), schemaVersion()-1, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var state released
			if err := json.Unmarshal(raw, &state); err != nil {
				t.Fatal(err)
			}
			s := storetest.New(t)
			var ops []store.Op
			for key, value := range state.Items {
				ops = append(ops, store.Put(key, []byte(value)))
			}
			if _, err := s.Txn(t.Context(), nil, ops); err != nil {
				t.Fatal(err)
			}
			log := slog.New(slog.DiscardHandler)
			for range 2 {
				if err := migrate(t.Context(), s, log); err != nil {
					t.Fatal(err)
				}
				state.check(t, s)
				// As if it had been killed before it wrote the version.
				if _, err := s.Txn(t.Context(), nil, []store.Op{store.Put(schemaKey, []byte(state.Items[schemaKey]))}); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// check signs in with what the users hold.
func (r released) check(t *testing.T, s *store.Store) {
	t.Helper()
	box, err := seal.New(bytes.Repeat([]byte{3}, 32))
	if err != nil {
		t.Fatal(err)
	}
	clock := testclock.NewFakeClock(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	d, err := directory.Open(t.Context(), directory.Options{Store: s, Box: box, Clock: clock, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for appID, value := range map[string]string{r.Admin: r.AdminSecret, r.App: r.AppSecret} {
		principal, err := d.ByAppID(t.Context(), appID)
		if err != nil {
			t.Fatal(err)
		}
		if verdict, err := d.CheckSecret(t.Context(), principal.ObjectID, secret.New(value)); err != nil || verdict != directory.SecretGood {
			t.Errorf("%s: %v %v", principal.DisplayName, verdict, err)
		}
		if application, err := d.Application(t.Context(), principal.ApplicationObjectID); err != nil || application.AppID != appID {
			t.Errorf("%s: %v %v", principal.DisplayName, application, err)
		}
		roles, err := d.RolesOf(t.Context(), principal.ObjectID)
		if want := appID == r.Admin; err != nil || (len(roles) == 1) != want {
			t.Errorf("%s: %v %v", principal.DisplayName, roles, err)
		}
	}
	identity, err := d.ByAppID(t.Context(), r.Identity)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.SignAssertion(t.Context(), identity.ObjectID, "x"); err != nil {
		t.Errorf("the identity's sealed key: %v", err)
	}
}

func TestNewerStatesAreRefused(t *testing.T) {
	s := storetest.New(t)
	for _, version := range []string{fmt.Sprint(schemaVersion() + 1), "0", "x", ""} {
		if _, err := s.Txn(t.Context(), nil, []store.Op{store.Put(schemaKey, []byte(version))}); err != nil {
			t.Fatal(err)
		}
		if err := migrate(t.Context(), s, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "use the release that wrote it") {
			t.Errorf("%q: %v", version, err)
		}
	}
}

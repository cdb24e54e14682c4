package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/authorization"
	"github.com/lanyard-project/lanyard/internal/seal"
	"github.com/lanyard-project/lanyard/internal/secret"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// process is what a lanyardd has at its first start, over a store that outlives it.
type process struct {
	*testing.T
	config config
	store  *store.Store
	people *directory.Directory
	roles  *authorization.Provider
	engine *ops.Engine
}

func newProcess(t *testing.T, s *store.Store, file string) *process {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	box, err := seal.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	people, err := directory.Open(t.Context(), directory.Options{Store: s, Box: box, Clock: clock.RealClock{}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	engine := ops.New(ops.Options{Store: s, Registry: providers.NewRegistry(), Clock: clock.RealClock{}, Log: log})
	roles, err := authorization.New(authorization.Config{Store: s, Resources: engine, Principals: people, Clock: clock.RealClock{}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := roles.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &process{T: t, config: config{adminCredentialFile: file}, store: s, people: people, roles: roles, engine: engine}
}

func (p *process) firstStart() directory.Tenant {
	p.Helper()
	tenant, err := p.found()
	if err != nil {
		p.Fatal(err)
	}
	return tenant
}

func (p *process) found() (directory.Tenant, error) {
	return founder{config: p.config, out: io.Discard, store: p.store, people: p.people, all: p.engine, roles: p.roles}.found(p.Context())
}

// wantOwner fails unless the credential in the file signs in and is Owner.
func (p *process) wantOwner() {
	p.Helper()
	data, err := os.ReadFile(p.config.adminCredentialFile)
	if err != nil {
		p.Fatal(err)
	}
	var shown struct{ SubscriptionID, ClientID, ClientSecret string }
	if err := json.Unmarshal(data, &shown); err != nil {
		p.Fatal(err)
	}
	administrator, err := p.people.ByAppID(p.Context(), shown.ClientID)
	if err != nil {
		p.Fatal(err)
	}
	verdict, err := p.people.CheckSecret(p.Context(), administrator.ObjectID, secret.New(shown.ClientSecret))
	if err != nil || verdict != directory.SecretGood {
		p.Errorf("the secret that was shown is judged %v (%v)", verdict, err)
	}
	caller := providers.Caller{ObjectID: administrator.ObjectID}
	if ok, _ := p.roles.Check(p.Context(), caller, "Microsoft.Authorization/roleAssignments/write", armid.Subscription(shown.SubscriptionID)); !ok {
		p.Error("the administrator isn't Owner of the subscription")
	}
}

func TestFirstStartShowsTheAdministratorOnce(t *testing.T) {
	s, file := storetest.New(t), filepath.Join(t.TempDir(), "administrator.json")
	first := newProcess(t, s, file)
	tenant := first.firstStart()
	first.wantOwner()
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600", info.Mode(), err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if again := newProcess(t, s, file).firstStart(); again.ID != tenant.ID {
		t.Errorf("tenant %s became %s", tenant.ID, again.ID)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the second start showed a credential")
	}
}

// TestInterruptedFirstStartIsFinished: a process that dies after the
// administrator was made, and before anybody saw its secret, leaves a cloud that
// nobody could sign in to.
func TestInterruptedFirstStartIsFinished(t *testing.T) {
	s, file := storetest.New(t), filepath.Join(t.TempDir(), "administrator.json")
	dying := newProcess(t, s, file)
	if _, err := s.Txn(t.Context(), nil, []store.Op{store.Put(firstStartKey, nil)}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := dying.people.EnsureFirstTenant(t.Context(), directory.FirstTenantOptions{}); err != nil {
		t.Fatal(err)
	}
	next := newProcess(t, s, file)
	next.firstStart()
	next.wantOwner()
}

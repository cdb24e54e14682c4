package rig

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"

	"github.com/lanyard-project/lanyard/internal/cli/local"
	"github.com/lanyard-project/lanyard/internal/loopback/loopbacktest"
)

// Cloud is a running lanyardd, and its administrator signed in.
type Cloud struct {
	*local.Cloud
	Admin local.Administrator
	// Credential and Options are for the constructors of Azure SDK clients.
	Credential azcore.TokenCredential
	Options    *arm.ClientOptions

	root string // of the source tree
	az   *Az
}

// downLimit bounds how long everything may take to end.
const downLimit = 3 * time.Minute

// Start brings a cloud up for the test; flags are more flags of lanyardd serve. It ends with the test.
func Start(t testing.TB, flags ...string) *Cloud {
	t.Helper()
	root := sourceTree(t)
	return start(t, root, &local.Cloud{Dir: t.TempDir(), Build: filepath.Join(root, "build"), Flags: flags})
}

// nobody is a user without rights.
const nobody = 65534

// StartWithoutRoot is Start of a lanyardd that runs as a user without rights, who finds the programs in a place of his own.
func StartWithoutRoot(t testing.TB, flags ...string) *Cloud {
	t.Helper()
	root := sourceTree(t)
	dir, err := os.MkdirTemp("", "lanyard-nobody") //nolint:usetesting // t.TempDir lies in a folder that he cannot enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	built, build := filepath.Join(root, "build"), filepath.Join(dir, "build")
	program := filepath.Join("bin", "lanyardd")
	data, err := os.ReadFile(filepath.Join(built, program))
	if err != nil {
		t.Fatalf("is lanyardd built (make build)? %v", err)
	}
	if err := errors.Join(os.MkdirAll(filepath.Join(build, "bin"), 0o755), os.WriteFile(filepath.Join(build, program), data, 0o755)); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	// The others are run by the test itself, where they are.
	for _, pattern := range []string{"*", filepath.Join("bin", "*")} {
		others, err := filepath.Glob(filepath.Join(built, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range others {
			place := filepath.Join(build, strings.TrimPrefix(other, built))
			if err := os.Symlink(other, place); err != nil && !errors.Is(err, fs.ErrExist) {
				t.Fatal(err)
			}
		}
	}
	return start(t, root, &local.Cloud{Dir: dir, Build: build, Flags: flags, User: nobody})
}

func start(t testing.TB, root string, of *local.Cloud) *Cloud {
	t.Helper()
	build := filepath.Join(root, "build")
	if err := local.Preflight(t.Context(), os.Stderr); err != nil {
		t.Fatal(err)
	}
	if err := local.CheckPrograms(build); err != nil {
		t.Fatal(err)
	}
	of.Listen = loopbacktest.Free(t)
	c := &Cloud{Cloud: of, root: root}
	before, err := c.Footprint()
	if err != nil {
		t.Fatalf("looking at the machine: %v", err)
	}
	t.Cleanup(func() { c.end(t, before) })
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.PackImages(); err != nil {
		t.Fatalf("packing the images of the nodes: %v", err)
	}
	if c.Admin, err = c.Administrator(); err != nil {
		t.Fatalf("reading the administrator's credential: %v", err)
	}
	if c.Credential, c.Options, err = c.SDK(c.Admin.TenantID, c.Admin.ClientID, c.Admin.ClientSecret); err != nil {
		t.Fatalf("signing the administrator in: %v", err)
	}
	return c
}

func (c *Cloud) end(t testing.TB, before local.Footprint) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), downLimit)
	defer cancel()
	if t.Failed() {
		t.Logf("the end of lanyardd's log:\n%s", tail(c.LogFile(), 40))
	}
	if !t.Failed() {
		// What it did last is in its record once it has ended.
		if err := c.Stop(); err != nil {
			t.Logf("stopping lanyardd: %v", err)
		}
		if err := c.keepRecord(t.Name()); err != nil {
			t.Errorf("keeping the record for the ledger: %v", err)
		}
	}
	if err := c.Down(ctx); err != nil {
		t.Errorf("taking the cloud down: %v", err)
		return
	}
	after, err := c.Footprint()
	if err != nil {
		t.Errorf("looking at the machine: %v", err)
		return
	}
	for _, line := range after.Left(before) {
		t.Errorf("the machine isn't as it was before: %s", line)
	}
}

// keepRecord leaves what the clients used in build/records, from where docs/compatibility.md is made. A test that failed
// proves nothing, and leaves none.
func (c *Cloud) keepRecord(test string) error {
	record, err := os.ReadFile(filepath.Join(c.DataDir(), "record", "record.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	records := filepath.Join(c.root, "build", "records")
	return errors.Join(err, os.MkdirAll(records, 0o755), os.WriteFile(filepath.Join(records, test+".jsonl"), record, 0o600))
}

// sourceTree is the folder of the module that the test belongs to.
func sourceTree(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "charts", "lanyard")); err == nil {
			return dir
		}
	}
	t.Fatal("the test runs outside of the source tree, where it finds no programs and no chart")
	return ""
}

func tail(file string, lines int) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

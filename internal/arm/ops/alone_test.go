package ops_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// TestAloneNeedNotWaitForADeadProcesssLease kills a worker whose lease outlasts the test. Who shares the store with others
// leaves its operation alone, since it may be alive; who is alone over the store takes it up at once.
func TestAloneNeedNotWaitForADeadProcesssLease(t *testing.T) {
	s, endpoint := storetest.NewShared(t)
	folder := t.TempDir()
	e := newEngine(s, folder, never)
	newSubscription(t, e)
	operation := begin(t, e, "babel")
	dead := worker(t, endpoint, folder, never)
	first := filepath.Join(folder, "floor-0")
	until(t, "the worker builds the first floor", func() bool {
		raw, _ := os.ReadFile(first)
		return strings.Contains(string(raw), fmt.Sprintln(dead.Process.Pid))
	})
	if err := dead.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = dead.Wait()
	for n := range 5 {
		touch(t, folder, fmt.Sprintf("go-%d", n))
	}
	succeeded := func(id string) func() bool {
		return func() bool {
			record, err := e.Operation(t.Context(), id)
			return err == nil && record.State == ops.Succeeded
		}
	}

	stop := runs(t, newEngine(s, folder, never))
	until(t, "one among others has ended what nobody owns", succeeded(begin(t, e, "pisa").ID))
	stop()
	record, err := e.Operation(t.Context(), operation.ID)
	if err != nil || record.Done() || record.Tries != 1 {
		t.Fatalf("one among others took up what another owns: %+v, %v", record, err)
	}

	defer runs(t, engineWith(folder, ops.Options{Store: s, LeaseTTL: never, Alone: true}))()
	until(t, "one alone has ended the operation", succeeded(operation.ID))
	if record, err = e.Operation(t.Context(), operation.ID); err != nil || record.Tries != 2 {
		t.Errorf("%+v, %v", record, err)
	}
	until(t, "no owner is left", func() bool {
		owners, err := s.List(t.Context(), "/lanyard/owners/", store.ListOptions{})
		return err == nil && len(owners.Items) == 0
	})
}

// runs lets an engine work in this process until the function that it returns is called.
func runs(t *testing.T, e *ops.Engine) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = e.Run(ctx) }()
	return func() { cancel(); <-done }
}

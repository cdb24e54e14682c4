package ops_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// The environment by which the test binary, run again, knows to be a worker.
const (
	endpointVariable = "OPS_TEST_ENDPOINT"
	folderVariable   = "OPS_TEST_FOLDER"
	leaseVariable    = "OPS_TEST_LEASE"
)

// never outlasts every test: no living worker loses its lease on a busy machine, and
// what has to wait for a dead one's fails, unless the test ends it.
const never = 10 * time.Minute

var subscription = armid.Subscription("5c1b0e9a-0000-4000-8000-000000000001")

func TestMain(m *testing.M) {
	if endpoint := os.Getenv(endpointVariable); endpoint != "" {
		work(endpoint, os.Getenv(folderVariable))
	}
	os.Exit(m.Run())
}

// work runs operations until somebody kills the process.
func work(endpoint, folder string) {
	s, err := store.Open(store.Config{Endpoints: []string{endpoint}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lease, err := time.ParseDuration(os.Getenv(leaseVariable))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = newEngine(s, folder, lease).Run(context.Background())
	os.Exit(0)
}

// newEngine has one type, towers: five floors, each of which is a file that
// counts how often it was built. Floor n waits for the file "go-n".
func newEngine(s *store.Store, folder string, ttl time.Duration) *ops.Engine {
	return engineWith(folder, ops.Options{Store: s, LeaseTTL: ttl})
}

func engineWith(folder string, o ops.Options) *ops.Engine {
	registry := providers.NewRegistry()
	var steps []providers.Step
	for n := range 5 {
		steps = append(steps, providers.Step{Name: fmt.Sprintf("floor %d", n), Run: func(ctx context.Context, r *providers.Run) error {
			return build(ctx, r, folder, n)
		}})
	}
	err := registry.Register(&providers.Type{
		Namespace: "Toys.Test", Name: "towers", APIVersions: []string{"2024-01-01"}, Levels: providers.AtSubscription,
		Remove: func(_ context.Context, r *providers.Request) error { return r.Start("raze", nil) },
		Plans:  []providers.Plan{{Name: "build", Steps: steps}, {Name: "raze", Steps: []providers.Step{{Name: "raze", Run: func(context.Context, *providers.Run) error { return nil }}}}},
	})
	if err != nil {
		panic(err)
	}
	o.Registry, o.Clock, o.Log = registry, clock.RealClock{}, slog.New(slog.DiscardHandler)
	return ops.New(o)
}

func build(ctx context.Context, r *providers.Run, folder string, n int) error {
	note, err := os.OpenFile(filepath.Join(folder, fmt.Sprintf("floor-%d", n)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(note, os.Getpid()); err != nil {
		return err
	}
	if err := note.Close(); err != nil {
		return err
	}
	for !exists(filepath.Join(folder, fmt.Sprintf("go-%d", n))) {
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var done []int
	if err := r.Load(&done); err != nil {
		return err
	}
	if !slices.Contains(done, n) {
		if err := r.Save(ctx, append(done, n)); err != nil {
			return err
		}
	}
	_, err = r.Update(ctx, func(t *resource.Resource) error { return t.Set(fmt.Sprintf("floors.f%d", n), true) })
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// worker is a process that works on operations, with a lease of its own.
func worker(t *testing.T, endpoint, folder string, lease time.Duration) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), endpointVariable+"="+endpoint, folderVariable+"="+folder, leaseVariable+"="+lease.String())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// runOut ends all leases, as time would.
func runOut(t *testing.T, endpoint string) {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	all, err := client.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, lease := range all.Leases {
		if _, err := client.Revoke(t.Context(), lease.ID); err != nil {
			t.Fatal(err)
		}
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func begin(t *testing.T, e *ops.Engine, name string) *ops.Record {
	t.Helper()
	id := subscription.Extension("Toys.Test", "towers", name)
	r := &providers.Request{Method: providers.Put, ID: id, Next: &resource.Resource{ID: id}, Now: time.Now(), Caller: providers.Caller{ObjectID: "me"}}
	if err := r.Start("build", nil); err != nil {
		t.Fatal(err)
	}
	outcome, err := e.Commit(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return outcome.Operation
}

func newSubscription(t *testing.T, e *ops.Engine) {
	t.Helper()
	if _, err := e.Create(t.Context(), providers.Caller{}, &resource.Resource{ID: subscription}, nil); err != nil {
		t.Fatal(err)
	}
}

func touch(t *testing.T, folder, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestKilledWorkersOperationIsFinishedByTheNext kills a worker process with
// SIGKILL in every step; each time another one goes on where it was.
func TestKilledWorkersOperationIsFinishedByTheNext(t *testing.T) {
	s, endpoint := storetest.NewShared(t)
	folder := t.TempDir()
	e := newEngine(s, folder, never)
	newSubscription(t, e)
	operation := begin(t, e, "babel")
	for n := range 5 {
		cmd := worker(t, endpoint, folder, never)
		floor := filepath.Join(folder, fmt.Sprintf("floor-%d", n))
		until(t, floor+" is being built by the new worker", func() bool {
			raw, _ := os.ReadFile(floor)
			return strings.Contains(string(raw), fmt.Sprintln(cmd.Process.Pid))
		})
		if n < 4 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			runOut(t, endpoint)
		}
		touch(t, folder, fmt.Sprintf("go-%d", n))
	}
	until(t, "the operation has ended", func() bool {
		record, err := e.Operation(t.Context(), operation.ID)
		return err == nil && record.Done()
	})
	record, err := e.Operation(t.Context(), operation.ID)
	if err != nil {
		t.Fatal(err)
	}
	if record.State != ops.Succeeded || string(record.Data) != "[0,1,2,3,4]" || record.Tries != 5 {
		t.Errorf("%+v %s", record, record.Data)
	}
	tower, err := e.Get(t.Context(), subscription.Extension("Toys.Test", "towers", "babel"))
	if err != nil {
		t.Fatal(err)
	}
	if tower.ProvisioningState != resource.Succeeded || tower.Busy() || strings.Count(string(tower.Properties), "true") != 5 {
		t.Errorf("%+v %s", tower, tower.Properties)
	}
	for n := range 5 { // one that was killed and one that went on, never more
		raw, err := os.ReadFile(filepath.Join(folder, fmt.Sprintf("floor-%d", n)))
		if err != nil || len(strings.Fields(string(raw))) > 2 {
			t.Errorf("floor %d was built by %q: %v", n, raw, err)
		}
	}
}

// TestStoppedWorkerHandsOver stops a worker in good order: the next one needs not
// wait for the lease.
func TestStoppedWorkerHandsOver(t *testing.T) {
	s := storetest.New(t)
	folder := t.TempDir()
	e := newEngine(s, folder, never)
	newSubscription(t, e)
	operation := begin(t, e, "pisa")
	stop := runs(t, newEngine(s, folder, never))
	until(t, "the first floor is begun", func() bool { return exists(filepath.Join(folder, "floor-0")) })
	stop()
	if keys, err := s.List(t.Context(), "/lanyard/owners/", store.ListOptions{}); err != nil || len(keys.Items) != 0 {
		t.Errorf("owners are left: %v %v", keys.Items, err)
	}
	for n := range 5 {
		touch(t, folder, fmt.Sprintf("go-%d", n))
	}
	defer runs(t, newEngine(s, folder, never))()
	until(t, "the operation has ended", func() bool {
		record, err := e.Operation(t.Context(), operation.ID)
		return err == nil && record.State == ops.Succeeded
	})
}

// TestTwoWorkersDoEachStepOnce lets workers compete for many operations.
func TestTwoWorkersDoEachStepOnce(t *testing.T) {
	s := storetest.New(t)
	folder := t.TempDir()
	e := newEngine(s, folder, never)
	newSubscription(t, e)
	for n := range 5 {
		touch(t, folder, fmt.Sprintf("go-%d", n))
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{}, 3)
	for range 3 {
		go func() { _ = newEngine(s, folder, never).Run(ctx); done <- struct{}{} }()
	}
	const towers = 20
	var ids []string
	for n := range towers {
		ids = append(ids, begin(t, e, fmt.Sprintf("t%d", n)).ID)
	}
	for _, id := range ids {
		until(t, "all operations have ended", func() bool {
			record, err := e.Operation(t.Context(), id)
			return err == nil && record.State == ops.Succeeded
		})
	}
	stop()
	for range 3 {
		<-done
	}
	for n := range 5 {
		raw, err := os.ReadFile(filepath.Join(folder, fmt.Sprintf("floor-%d", n)))
		if built := len(strings.Fields(string(raw))); err != nil || built != towers {
			t.Errorf("floor %d was built %d times: %v", n, built, err)
		}
	}
}

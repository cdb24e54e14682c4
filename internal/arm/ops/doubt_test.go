package ops_test

import (
	"context"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// lossy opens a store that loses the answer to the first transaction that the
// test picks: it was made, or with refuse wasn't, and the caller can't know.
func lossy(t *testing.T, endpoint string, refuse bool, pick func(*etcdserverpb.TxnRequest) bool) *store.Store {
	t.Helper()
	return between(t, endpoint, pick, func(_ context.Context, invoke func() error) error {
		if !refuse {
			if err := invoke(); err != nil {
				return err
			}
		}
		return rpctypes.ErrGRPCTimeout
	})
}

// between opens a store in which the test makes the first transaction that it
// picks, and gives the answer.
func between(t *testing.T, endpoint string, pick func(*etcdserverpb.TxnRequest) bool, answer func(ctx context.Context, invoke func() error) error) *store.Store {
	t.Helper()
	var picked atomic.Bool
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{endpoint}, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(
			func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
				forward := func() error { return invoke(ctx, method, request, reply, conn, options...) }
				txn, ok := request.(*etcdserverpb.TxnRequest)
				if !ok || !pick(txn) || !picked.CompareAndSwap(false, true) {
					return forward()
				}
				return answer(ctx, forward)
			})},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(client)
	t.Cleanup(func() {
		if !picked.Load() {
			t.Error("no transaction was picked")
		}
		_ = s.Close()
	})
	return s
}

func owners(txn *etcdserverpb.TxnRequest) (put, deleted bool) {
	for _, op := range txn.Success {
		put = put || strings.HasPrefix(string(op.GetRequestPut().GetKey()), "/lanyard/owners/")
		deleted = deleted || strings.HasPrefix(string(op.GetRequestDeleteRange().GetKey()), "/lanyard/owners/")
	}
	return put, deleted
}

// TestOperationInDoubtGoesOn loses the answers to the worker's own writes: once an
// operation whose claim, or whose release, was in doubt was never run again.
func TestOperationInDoubtGoesOn(t *testing.T) {
	claim := func(txn *etcdserverpb.TxnRequest) bool { put, _ := owners(txn); return put }
	release := func(txn *etcdserverpb.TxnRequest) bool { _, deleted := owners(txn); return deleted }
	step := func(txn *etcdserverpb.TxnRequest) bool {
		for _, op := range txn.Success {
			if strings.Contains(string(op.GetRequestPut().GetValue()), `"step":2`) {
				return true
			}
		}
		return false
	}
	for _, c := range []struct {
		name   string
		refuse bool
		pick   func(*etcdserverpb.TxnRequest) bool
	}{
		{"claim that was made", false, claim},
		{"claim that wasn't", true, claim},
		{"step that was saved", false, step},
		{"step that wasn't", true, step},
		{"release that wasn't", true, release},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, endpoint := storetest.NewShared(t)
			folder := t.TempDir()
			for _, floor := range []string{"go-0", "go-1", "go-2", "go-3", "go-4"} {
				touch(t, folder, floor)
			}
			e := newEngine(s, folder, never)
			newSubscription(t, e)
			operation := begin(t, e, "doubt")
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); _ = newEngine(lossy(t, endpoint, c.refuse, c.pick), folder, never).Run(ctx) }()
			defer func() { stop(); <-done }()
			until(t, "the operation has ended and nobody owns it", func() bool {
				record, err := e.Operation(t.Context(), operation.ID)
				if err != nil || record.State != ops.Succeeded {
					return false
				}
				keys, err := s.List(t.Context(), "/lanyard/owners/", store.ListOptions{})
				return err == nil && len(keys.Items) == 0
			})
			if !exists(filepath.Join(folder, "floor-4")) {
				t.Error("it ended without its last step")
			}
		})
	}
}

package ops_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/ops"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

// TestEndHeardOfFirstIsOnRecord: the worker hears of an operation's end by its watch,
// which may be before etcd's answer to who wrote it. The operation was stopped for it
// then, the answer not waited for, and nobody was told of the end.
func TestEndHeardOfFirstIsOnRecord(t *testing.T) {
	_, endpoint := storetest.NewShared(t)
	late := between(t, endpoint, func(txn *etcdserverpb.TxnRequest) bool {
		return slices.ContainsFunc(txn.Success, func(op *etcdserverpb.RequestOp) bool {
			return strings.Contains(string(op.GetRequestPut().GetValue()), `"state":"Succeeded"`)
		})
	}, func(ctx context.Context, invoke func() error) error {
		err := invoke()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond): // long enough for the watch, whatever comes first
			return err
		}
	})
	var mu sync.Mutex
	var ended []string
	registry := providers.NewRegistry()
	err := registry.Register(&providers.Type{
		Namespace: "Toys.Test", Name: "towers", APIVersions: []string{"2024-01-01"}, Levels: providers.AtSubscription,
		Plans: []providers.Plan{{Name: "build"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := ops.New(ops.Options{Store: late, Registry: registry, Clock: clock.RealClock{}, Log: slog.New(slog.DiscardHandler), LeaseTTL: never, Record: func(one ops.Event) {
		mu.Lock()
		defer mu.Unlock()
		if one.Kind == "operation" {
			ended = append(ended, one.State)
		}
	}})
	newSubscription(t, e)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = e.Run(ctx) }()
	defer func() { stop(); <-done }()
	begin(t, e, "told")
	until(t, "the end is on record", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.Contains(ended, ops.Succeeded)
	})
}

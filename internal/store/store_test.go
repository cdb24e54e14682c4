package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/storetest"
)

func put(t *testing.T, s *store.Store, key, value string) int64 {
	t.Helper()
	revision, err := s.Txn(t.Context(), nil, []store.Op{store.Put(key, []byte(value))})
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func TestGetReadsWhatTxnWrote(t *testing.T) {
	s := storetest.New(t)
	if _, err := s.Get(t.Context(), "/lanyard/a"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("reading an absent key: %v", err)
	}
	revision := put(t, s, "/lanyard/a", "1")
	got, err := s.Get(t.Context(), "/lanyard/a")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(store.Item{Key: "/lanyard/a", Value: []byte("1"), Revision: revision}, got); diff != "" {
		t.Error(diff)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTxnIsAllOrNothing(t *testing.T) {
	s := storetest.New(t)
	old := put(t, s, "/k/here", "1")
	now := put(t, s, "/k/here", "2")

	for _, c := range []struct {
		name  string
		conds []store.Cond
		want  error
	}{
		{"absent key is absent", []store.Cond{store.Absent("/k/none")}, nil},
		{"present key is not absent", []store.Cond{store.Absent("/k/here")}, store.ErrConflict},
		{"present key exists", []store.Cond{store.Exists("/k/here")}, nil},
		{"absent key does not exist", []store.Cond{store.Exists("/k/none")}, store.ErrConflict},
		{"same revision", []store.Cond{store.Unchanged("/k/here", now)}, nil},
		{"older revision", []store.Cond{store.Unchanged("/k/here", old)}, store.ErrConflict},
		{"revision of an absent key", []store.Cond{store.Unchanged("/k/none", now)}, store.ErrConflict},
		{"revision zero means absent", []store.Cond{store.Unchanged("/k/none", 0)}, nil},
		{"one of two fails", []store.Cond{store.Exists("/k/here"), store.Absent("/k/here")}, store.ErrConflict},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.Txn(t.Context(), c.conds, []store.Op{store.Put("/out/"+c.name, nil), store.Delete("/k/other")})
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			_, err = s.Get(t.Context(), "/out/"+c.name)
			if written := err == nil; written != (c.want == nil) {
				t.Errorf("written: %v", written)
			}
		})
	}
	if _, err := s.Txn(t.Context(), nil, make([]store.Op, store.MaxOps+1)); err == nil {
		t.Error("a transaction that is too large was accepted")
	}
}

func TestListPagesOfOneMoment(t *testing.T) {
	s := storetest.New(t)
	var ops []store.Op
	for i := range 1200 {
		ops = append(ops, store.Put(fmt.Sprintf("/l/%04d", i), []byte("v")))
		if len(ops) == 600 {
			if _, err := s.Txn(t.Context(), nil, ops); err != nil {
				t.Fatal(err)
			}
			ops = nil
		}
	}
	put(t, s, "/la", "a neighbour that shares the beginning of the name")

	all, err := s.List(t.Context(), "/l/", store.ListOptions{})
	if err != nil || len(all.Items) != 1200 || all.More {
		t.Fatalf("%d items, more %v, %v", len(all.Items), all.More, err)
	}
	if count, err := s.Count(t.Context(), "/l/"); err != nil || count != 1200 {
		t.Errorf("count %d, %v", count, err)
	}

	var keys []string
	o := store.ListOptions{Limit: 700, KeysOnly: true}
	for {
		page, err := s.List(t.Context(), "/l/", o)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			keys = append(keys, item.Key)
		}
		if !page.More {
			break
		}
		o.After, o.Revision = keys[len(keys)-1], page.Revision
		put(t, s, "/l/9999", "written between two pages")
	}
	if len(keys) != 1200 || keys[0] != "/l/0000" || keys[1199] != "/l/1199" {
		t.Errorf("%d keys", len(keys))
	}
}

func TestWatchMissesNothingAfterAList(t *testing.T) {
	s := storetest.New(t)
	put(t, s, "/w/a", "1")
	page, err := s.List(t.Context(), "/w/", store.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b := put(t, s, "/w/b", "2")
	put(t, s, "/elsewhere", "3")
	deleted, err := s.Txn(t.Context(), nil, []store.Op{store.Delete("/w/a")})
	if err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	events := s.Watch(ctx, "/w/", page.Revision)
	want := []store.Event{
		{Type: store.EventPut, Item: store.Item{Key: "/w/b", Value: []byte("2"), Revision: b}},
		{Type: store.EventDelete, Item: store.Item{Key: "/w/a", Revision: deleted}},
	}
	for i, w := range want {
		select {
		case got := <-events:
			if diff := cmp.Diff(w, got); diff != "" {
				t.Errorf("event %d: %s", i, diff)
			}
		case <-time.After(time.Minute):
			t.Fatalf("event %d didn't come", i)
		}
	}
	cancel()
	for e := range events {
		t.Errorf("an event after the end: %+v", e)
	}
}

func TestLeaseOwnsItsKeys(t *testing.T) {
	s := storetest.New(t)
	lease, err := s.NewLease(t.Context(), time.Hour) // not to be lost on a busy machine
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Txn(t.Context(), nil, []store.Op{store.PutLeased("/owner", []byte("me"), lease)}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-lease.Lost():
		t.Fatal("lost at once")
	default:
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-lease.Lost()
	if _, err := s.Get(t.Context(), "/owner"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after the release: %v", err)
	}
}

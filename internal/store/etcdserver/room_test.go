package etcdserver_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/etcdserver"
)

// TestFullDatabaseTakesDeletionsAndWritesAgainAfterThem: etcd itself would refuse
// writes until somebody compacts it, defragments it and lifts the alarm.
func TestFullDatabaseTakesDeletionsAndWritesAgainAfterThem(t *testing.T) {
	o := options(t)
	o.Arguments = []string{etcdserver.Command, "--quota=33554432"}
	server := start(t, o)
	defer server.Close()
	s := open(t, server, "lanyard", "/lanyard/")

	value, written := bytes.Repeat([]byte("x"), 1<<20), 0
	var err error
	for ; err == nil && written < 100; written++ {
		_, err = s.Txn(t.Context(), nil, []store.Op{store.Put(fmt.Sprintf("/lanyard/%03d", written), value)})
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("after %d MiB: %v", written, err)
	}
	for n := range written {
		if _, err := s.Txn(t.Context(), nil, []store.Op{store.Delete(fmt.Sprintf("/lanyard/%03d", n))}); err != nil {
			t.Fatalf("deleting under the alarm: %v", err)
		}
	}
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		err := write(t.Context(), s, "/lanyard/again")
		if err == nil {
			return
		}
		if !errors.Is(err, store.ErrFull) || time.Now().After(deadline) {
			t.Fatalf("after everything was deleted: %v", err)
		}
	}
}

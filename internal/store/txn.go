package store

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// MaxOps is how many operations one Txn may hold (etcd's --max-txn-ops; our own
// etcd is started with it, an external one needs it set).
const MaxOps = 1024

// Txn applies all operations if all conditions hold, and returns the revision
// that the written items now have. Otherwise nothing is written: ErrConflict.
// Transactions that come at the same time may get the same revision, see group.go.
func (s *Store) Txn(ctx context.Context, conds []Cond, ops []Op) (int64, error) {
	if len(ops) > MaxOps || len(conds) > MaxOps {
		return 0, fmt.Errorf("writing: %d operations under %d conditions, at most %d fit in a transaction", len(ops), len(conds), MaxOps)
	}
	revision, err := s.write(ctx, conds, ops)
	if err == nil {
		s.tell(ops, revision)
	}
	return revision, err
}

func (s *Store) write(ctx context.Context, conds []Cond, ops []Op) (int64, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	if m := newMember(conds, ops); m != nil {
		return s.commit(ctx, m)
	}
	return s.commitAlone(ctx, conds, ops)
}

// commitAlone writes what shares its transaction with nobody.
func (s *Store) commitAlone(ctx context.Context, conds []Cond, ops []Op) (int64, error) {
	revision, err := s.send(ctx, conds, ops)
	if errors.Is(err, ErrConflict) {
		s.reread(ctx, conds)
	}
	return revision, err
}

// send has etcd decide on a transaction, and takes over what it wrote.
func (s *Store) send(ctx context.Context, conds []Cond, ops []Op) (int64, error) {
	compares := make([]clientv3.Cmp, len(conds))
	for i, c := range conds {
		compares[i] = c.compare()
	}
	writes := make([]clientv3.Op, len(ops))
	for i, o := range ops {
		writes[i] = o.request()
	}
	response, err := s.client.Txn(ctx).If(compares...).Then(writes...).Commit()
	if err != nil {
		return 0, fmt.Errorf("writing: %w", translate(err))
	}
	if !response.Succeeded {
		return 0, fmt.Errorf("writing: %w", ErrConflict)
	}
	s.wrote(ops, response.Header.Revision)
	return response.Header.Revision, nil
}

// Fits fails if etcd refuses transactions as large as ours may be, and says what
// to set there.
func (s *Store) Fits(ctx context.Context) error {
	conds := make([]clientv3.Cmp, MaxOps)
	for i := range conds {
		conds[i] = clientv3.Compare(clientv3.CreateRevision("/lanyard/schema"), ">", 0)
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	_, err := s.client.Txn(ctx).If(conds...).Commit()
	if errors.Is(err, rpctypes.ErrTooManyOps) {
		return fmt.Errorf("it refuses transactions of %d operations: start it with --max-txn-ops=%d: %w", MaxOps, MaxOps, err)
	}
	return err
}

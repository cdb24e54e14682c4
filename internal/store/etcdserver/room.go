package etcdserver

import (
	"context"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.uber.org/zap"
)

const (
	// roomInterval is how often the database's size is looked at.
	roomInterval = 3 * time.Second
	// worthwhile is the least that defragmenting has to give back, in bytes: nothing
	// is answered meanwhile, about a second for each GiB that stays.
	worthwhile = 256 << 20
)

// room does what an operator of etcd would: it gives the space of old revisions
// back, and lifts the alarm after which etcd takes no writes once there is space
// again. Deletions are taken under the alarm, so that whoever filled the database
// can make room.
type room struct {
	member *etcdserver.EtcdServer
	quota  int64
	log    *zap.Logger
}

func (r *room) keep(ctx context.Context) {
	ticker := time.NewTicker(roomInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := r.look(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("keeping room in the database failed", zap.Error(err))
		}
	}
}

func (r *room) look(ctx context.Context) error {
	full := r.full()
	if full {
		r.log.Error("the database is full: nothing is written until something is deleted", zap.Int64("quota", r.quota), zap.Int64("used", r.member.Backend().SizeInUse()))
		if err := r.forget(ctx); err != nil {
			return err
		}
	}
	size, used := r.member.Backend().Size(), r.member.Backend().SizeInUse()
	if full && used < r.quota*9/10 || size-used > max(worthwhile, size/2) {
		if err := r.member.Backend().Defrag(); err != nil {
			return err
		}
		r.log.Info("defragmented the database", zap.Int64("from", size), zap.Int64("to", r.member.Backend().Size()))
	}
	if full && r.member.Backend().Size() < r.quota*9/10 {
		_, err := r.member.Alarm(ctx, &etcdserverpb.AlarmRequest{
			Action: etcdserverpb.AlarmRequest_DEACTIVATE, Alarm: etcdserverpb.AlarmType_NOSPACE, MemberID: uint64(r.member.MemberID()),
		})
		return err
	}
	return nil
}

func (r *room) full() bool {
	for _, alarm := range r.member.Alarms() {
		if alarm.Alarm == etcdserverpb.AlarmType_NOSPACE {
			return true
		}
	}
	return false
}

// forget drops every old revision. Who reads one of them, or watches from one,
// lists again.
func (r *room) forget(ctx context.Context) error {
	now := r.member.KV().Rev()
	if r.member.KV().FirstRev() >= now {
		return nil
	}
	_, err := r.member.Compact(ctx, &etcdserverpb.CompactionRequest{Revision: now, Physical: true})
	return err
}

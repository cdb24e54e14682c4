package etcdserver

import (
	"context"
	"sync/atomic"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/version"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"google.golang.org/grpc"
)

// status lets every user who signed in read the member's version and size.
//
// etcd 3.6 keeps Status for administrators. kube-apiserver asks it to learn
// whether it may serve consistent lists from its cache; refused, it asks forever
// and reads every such list from etcd. Nothing here belongs to another user.
type status struct {
	member atomic.Pointer[etcdserver.EtcdServer]
	quota  int64
}

func (s *status) intercept(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	member := s.member.Load()
	if member == nil || info.FullMethod != "/etcdserverpb.Maintenance/Status" {
		return next(ctx, request)
	}
	if response, err := next(ctx, request); err == nil {
		return response, nil
	}
	// The TLS handshake admitted the caller; etcd's answer to an administrator it isn't.
	return &etcdserverpb.StatusResponse{
		Header: &etcdserverpb.ResponseHeader{
			ClusterId: uint64(member.Cluster().ID()), MemberId: uint64(member.MemberID()),
			Revision: member.KV().Rev(), RaftTerm: member.Term(),
		},
		Version:   version.Version,
		Leader:    uint64(member.Leader()),
		RaftTerm:  member.Term(),
		RaftIndex: member.CommittedIndex(), RaftAppliedIndex: member.AppliedIndex(),
		DbSize: member.Backend().Size(), DbSizeInUse: member.Backend().SizeInUse(), DbSizeQuota: s.quota,
	}, nil
}

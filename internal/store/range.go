package store

import clientv3 "go.etcd.io/etcd/client/v3"

// NoneBelow holds while no item's key starts with the prefix.
func NoneBelow(prefix string) Cond {
	return Cond{clientv3.Compare(clientv3.CreateRevision(prefix), "=", 0).WithPrefix()}
}

package store

import clientv3 "go.etcd.io/etcd/client/v3"

// Op is a write of a Txn.
type Op struct {
	key     string
	value   []byte // the store's own from then on
	deletes bool
	lease   clientv3.LeaseID
}

// Put writes an item.
func Put(key string, value []byte) Op { return Op{key: key, value: value} }

// PutLeased writes an item that goes with the lease.
func PutLeased(key string, value []byte, lease *Lease) Op {
	return Op{key: key, value: value, lease: lease.id}
}

// Delete removes an item; removing what isn't there is no error.
func Delete(key string) Op { return Op{key: key, deletes: true} }

// request is the operation as etcd takes it.
func (o Op) request() clientv3.Op {
	if o.deletes {
		return clientv3.OpDelete(o.key)
	}
	return clientv3.OpPut(o.key, string(o.value), clientv3.WithLease(o.lease))
}

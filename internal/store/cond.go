package store

import clientv3 "go.etcd.io/etcd/client/v3"

// Cond is a condition of a Txn. Equal ones are the same condition.
type Cond struct {
	key      string
	end      string // of a range of keys, excluded; empty for one key
	what     what
	revision int64 // of unchanged
}

// what a condition says of its keys.
type what int

const (
	absent what = iota
	exists
	unchanged
)

// Absent holds while no item has the key.
func Absent(key string) Cond { return Cond{key: key, what: absent} }

// Exists holds while an item has the key.
func Exists(key string) Cond { return Cond{key: key, what: exists} }

// Unchanged holds while the item is still the one that was read. Revision 0 means Absent.
func Unchanged(key string, revision int64) Cond {
	return Cond{key: key, what: unchanged, revision: revision}
}

// NoneBelow holds while no item's key starts with the prefix.
func NoneBelow(prefix string) Cond {
	return Cond{key: prefix, end: clientv3.GetPrefixRangeEnd(prefix), what: absent}
}

// compare is the condition as etcd takes it.
func (c Cond) compare() clientv3.Cmp {
	var out clientv3.Cmp
	switch c.what {
	case absent:
		out = clientv3.Compare(clientv3.CreateRevision(c.key), "=", 0)
	case exists:
		out = clientv3.Compare(clientv3.CreateRevision(c.key), ">", 0)
	case unchanged:
		out = clientv3.Compare(clientv3.ModRevision(c.key), "=", c.revision)
	}
	if c.end != "" {
		out = out.WithRange(c.end)
	}
	return out
}

// keys are those of a condition on more than one key.
func (c Cond) keys() (keyRange, bool) {
	return keyRange{from: c.key, to: c.end}, c.end != ""
}

package store

// footprint is what the transactions of a group write and have conditions on.
type footprint struct {
	writes map[string]struct{}
	conds  map[string]struct{}
	ranges []keyRange // of conditions on more than one key

	ops, compares, size int

	frees bool // see member
}

// keyRange is the keys from one, included, to another, excluded.
type keyRange struct{ from, to string }

// has reports whether a key is in the range; etcd writes a range without an end as
// one that ends at a zero byte.
func (r keyRange) has(key string) bool { return r.from <= key && (key < r.to || r.to == "\x00") }

func newFootprint(m *member) *footprint {
	f := &footprint{writes: map[string]struct{}{}, conds: map[string]struct{}{}, frees: m.frees}
	f.take(m)
	return f
}

// add takes the member in unless it and the others mean something to each other.
func (f *footprint) add(m *member) bool {
	if f.frees != m.frees || f.ops+len(m.ops) > mostShared || f.compares+len(m.conds) > mostShared || f.size+m.size > bytesShared || f.meets(m) {
		return false
	}
	f.take(m)
	return true
}

func (f *footprint) take(m *member) {
	f.ops, f.compares, f.size = f.ops+len(m.ops), f.compares+len(m.conds), f.size+m.size
	for _, o := range m.ops {
		f.writes[o.key()] = struct{}{}
	}
	for _, c := range m.conds {
		if r, ok := c.keys(); ok {
			f.ranges = append(f.ranges, r)
		} else {
			f.conds[c.key()] = struct{}{}
		}
	}
}

// meets reports whether the member writes what one of the others writes or has a
// condition on, or the other way round.
func (f *footprint) meets(m *member) bool {
	for _, o := range m.ops {
		key := o.key()
		if has(f.writes, key) || has(f.conds, key) {
			return true
		}
		for _, r := range f.ranges {
			if r.has(key) {
				return true
			}
		}
	}
	for _, c := range m.conds {
		r, ok := c.keys()
		if !ok {
			if has(f.writes, c.key()) {
				return true
			}
			continue
		}
		for key := range f.writes {
			if r.has(key) {
				return true
			}
		}
	}
	return false
}

func has(keys map[string]struct{}, key string) bool {
	_, ok := keys[key]
	return ok
}

func (o Op) key() string { return string(o.op.KeyBytes()) }

func (c Cond) key() string { return string(c.cmp.KeyBytes()) }

// keys are those of a condition on more than one key.
func (c Cond) keys() (keyRange, bool) {
	if len(c.cmp.RangeEnd) == 0 {
		return keyRange{}, false
	}
	return keyRange{from: c.key(), to: string(c.cmp.RangeEnd)}, true
}

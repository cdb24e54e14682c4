package store

// footprint is what the members of a group write together, and on which conditions.
type footprint struct {
	members []*member
	ops     []Op
	conds   []Cond // each once: those that write in one place share those on what is above it
	size    int

	known  map[Cond]struct{}   // conds
	writes map[string]struct{} // keys of ops
	reads  map[string]struct{} // keys of conds
	ranges []keyRange          // of conds on more than one key
}

// keyRange is the keys from one, included, to another, excluded.
type keyRange struct{ from, to string }

// has reports whether a key is in the range; etcd writes a range without an end as
// one that ends at a zero byte.
func (r keyRange) has(key string) bool { return r.from <= key && (key < r.to || r.to == "\x00") }

func newFootprint(m *member) *footprint {
	f := &footprint{known: map[Cond]struct{}{}, writes: map[string]struct{}{}, reads: map[string]struct{}{}}
	f.take(m)
	return f
}

// add takes the member in unless it and the others mean something to each other.
func (f *footprint) add(m *member) bool {
	if f.members[0].frees != m.frees || len(f.ops)+len(m.ops) > mostShared || len(f.conds)+len(m.conds) > mostShared || f.size+m.size > bytesShared || f.meets(m) {
		return false
	}
	f.take(m)
	return true
}

func (f *footprint) take(m *member) {
	f.members, f.ops, f.size = append(f.members, m), append(f.ops, m.ops...), f.size+m.size
	for _, o := range m.ops {
		f.writes[o.key] = struct{}{}
	}
	for _, c := range m.conds {
		if has(f.known, c) {
			continue
		}
		f.known[c] = struct{}{}
		f.conds = append(f.conds, c)
		if r, ok := c.keys(); ok {
			f.ranges = append(f.ranges, r)
		} else {
			f.reads[c.key] = struct{}{}
		}
	}
}

// meets reports whether the member writes what one of the others writes or has a
// condition on, or the other way round.
func (f *footprint) meets(m *member) bool {
	for _, o := range m.ops {
		if has(f.writes, o.key) || has(f.reads, o.key) {
			return true
		}
		for _, r := range f.ranges {
			if r.has(o.key) {
				return true
			}
		}
	}
	for _, c := range m.conds {
		r, ok := c.keys()
		if !ok {
			if has(f.writes, c.key) {
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

func has[T comparable](set map[T]struct{}, one T) bool {
	_, ok := set[one]
	return ok
}

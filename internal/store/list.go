package store

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// chunk is how many items one range read returns: large enough to be quick,
// small enough that a reply of full-size documents stays below maxMessage.
const chunk = 500

// ListOptions narrow a List.
type ListOptions struct {
	Limit    int    // at most this many items; 0 means all
	After    string // only keys greater than this one (the last key of the previous page)
	Revision int64  // read as of this revision, so that pages fit together; 0 means now
	KeysOnly bool   // leave the values out
}

// Page is a part of a list, in the order of the keys.
type Page struct {
	Items    []Item
	Revision int64 // of the store when the page was read: watch from here to miss nothing
	More     bool  // there are keys after the last item
}

// List reads the items whose keys start with the prefix. Prefixes are compared
// byte by byte: to list the children of a path, end it with a slash.
func (s *Store) List(ctx context.Context, prefix string, o ListOptions) (Page, error) {
	if f := s.serving(prefix); f != nil && o.Revision == 0 {
		if page, known := f.list(prefix, o); known {
			return page, nil
		}
	}
	return s.list(ctx, prefix, o)
}

// list reads from etcd.
func (s *Store) list(ctx context.Context, prefix string, o ListOptions) (Page, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()

	from := prefix
	if o.After >= prefix && o.After != "" {
		from = o.After + "\x00"
	}
	page := Page{Revision: o.Revision}
	for {
		limit := chunk
		if left := o.Limit - len(page.Items); o.Limit > 0 && left < limit {
			limit = left
		}
		options := []clientv3.OpOption{
			clientv3.WithRange(clientv3.GetPrefixRangeEnd(prefix)), clientv3.WithLimit(int64(limit)), clientv3.WithRev(page.Revision),
		}
		if o.KeysOnly {
			options = append(options, clientv3.WithKeysOnly())
		}
		response, err := s.client.Get(ctx, from, options...)
		if err != nil {
			return Page{}, fmt.Errorf("listing %s: %w", prefix, translate(err))
		}
		if page.Revision == 0 {
			page.Revision = response.Header.Revision
		}
		for _, kv := range response.Kvs {
			page.Items = append(page.Items, Item{Key: string(kv.Key), Value: kv.Value, Revision: kv.ModRevision})
		}
		if !response.More {
			return page, nil
		}
		if len(page.Items) == o.Limit {
			page.More = true
			return page, nil
		}
		from = page.Items[len(page.Items)-1].Key + "\x00"
	}
}

// Count says how many keys start with the prefix.
func (s *Store) Count(ctx context.Context, prefix string) (int64, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	response, err := s.client.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		return 0, fmt.Errorf("counting %s: %w", prefix, translate(err))
	}
	return response.Count, nil
}

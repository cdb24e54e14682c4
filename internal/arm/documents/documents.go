package documents

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/store"
)

// Prefix is where all resources are.
const Prefix = resource.KeyPrefix

// chunk is how many items a scan reads at once.
const chunk = 200

// Documents reads resources. It is safe for concurrent use.
type Documents struct {
	store  *store.Store
	lately lately
}

// New reads from the store.
func New(s *store.Store) *Documents {
	return &Documents{store: s, lately: lately{known: map[string]*resource.Resource{}}}
}

// Key returns the store key of a resource.
func Key(id armid.ID) string { return resource.StoreKey(id) }

// below returns the prefix of the keys below a scope.
func below(scope armid.ID) string { return strings.TrimSuffix(Key(scope), "/") + "/" }

// Get reads a resource; nil when there is none. It is the caller's own.
func (d *Documents) Get(ctx context.Context, id armid.ID) (*resource.Resource, error) {
	known, err := d.Look(ctx, id)
	return known.Clone(), err
}

// Look is Get for who only looks: what it returns is also others', and nobody may
// change it.
func (d *Documents) Look(ctx context.Context, id armid.ID) (*resource.Resource, error) {
	item, err := d.store.Get(ctx, Key(id))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return d.load(item)
}

// load decodes an item, one that many look at once for all of them.
func (d *Documents) load(item store.Item) (*resource.Resource, error) {
	if known, ok := d.lately.get(item); ok {
		return known, nil
	}
	r, err := resource.Load(item.Value, item.Revision)
	if err != nil {
		return nil, err
	}
	d.lately.keep(item, r)
	return r, nil
}

// Scan describes a range of resources.
type Scan struct {
	Scope armid.ID
	// Type restricts to a full type; empty means all.
	Type string
	// Direct restricts to the collection of Type directly at the scope, without
	// those in deeper scopes.
	Direct bool
	// After starts behind this ID key, as a previous scan ended with.
	After string
	// Wanted is how many the caller will probably take, so that no more are read to
	// begin with; 0 means many.
	Wanted int
}

// Scan reads resources in the order of their keys, a chunk at a time. They are the
// caller's own.
func (d *Documents) Scan(ctx context.Context, q Scan) iter.Seq2[*resource.Resource, error] {
	return func(yield func(*resource.Resource, error) bool) {
		for known, err := range d.LookThrough(ctx, q) {
			if !yield(known.Clone(), err) {
				return
			}
		}
	}
}

// LookThrough is Scan for who only looks: nobody may change what it yields.
func (d *Documents) LookThrough(ctx context.Context, q Scan) iter.Seq2[*resource.Resource, error] {
	prefix := below(q.Scope)
	if q.Direct {
		prefix += collection(q.Scope, q.Type)
	}
	return func(yield func(*resource.Resource, error) bool) {
		after := ""
		if q.After != "" {
			after = Prefix + q.After
		}
		limit := chunk
		if q.Wanted > 0 {
			limit = min(q.Wanted, chunk)
		}
		for ; ; limit = chunk {
			page, err := d.store.List(ctx, prefix, store.ListOptions{Limit: limit, After: after})
			if err != nil {
				yield(nil, err)
				return
			}
			for _, item := range page.Items {
				after = item.Key
				if member, deeper, _ := strings.Cut(item.Key[len(prefix):], "/"); q.Direct && deeper != "" {
					// Skip the rest of what is below this member once the chunk is done.
					after = prefix + member + "/\xff"
					continue
				}
				if q.Type != "" && !q.Direct && !mentions(item.Key, q.Type) {
					continue // far cheaper than a look into the document
				}
				r, err := d.load(item)
				if err == nil && q.Type != "" && !r.ID.Is(q.Type) {
					continue
				}
				if !yield(r, err) || err != nil {
					return
				}
			}
			if !page.More {
				return
			}
		}
	}
}

// mentions reports whether a key can be that of a resource of the type: it names
// the type's last word.
func mentions(key, fullType string) bool {
	word := strings.ToLower(fullType[strings.LastIndexByte(fullType, '/')+1:])
	parent := key[:strings.LastIndexByte(key, '/')]
	return strings.HasSuffix(parent, "/"+word)
}

// collection returns the path of a type's collection below a scope.
func collection(scope armid.ID, fullType string) string {
	namespace, name, _ := strings.Cut(strings.ToLower(fullType), "/")
	switch {
	case strings.EqualFold(fullType, armid.SubscriptionType), strings.EqualFold(fullType, armid.ResourceGroupType):
		return name + "/"
	case strings.EqualFold(fullType, armid.ProviderType):
		return "providers/"
	}
	if i := strings.LastIndexByte(name, '/'); i >= 0 && scope.Is(fullType[:strings.LastIndexByte(fullType, '/')]) {
		return name[i+1:] + "/"
	}
	return "providers/" + namespace + "/" + name + "/"
}

// Keys lists the keys of everything below a scope, deepest paths last.
func (d *Documents) Keys(ctx context.Context, scope armid.ID) ([]string, error) {
	page, err := d.store.List(ctx, below(scope), store.ListOptions{KeysOnly: true})
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(page.Items))
	for i, item := range page.Items {
		keys[i] = item.Key
	}
	return keys, nil
}

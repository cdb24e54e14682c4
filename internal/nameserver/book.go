package nameserver

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/miekg/dns"
	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/mirror"
)

const (
	publicSegment  = "/providers/microsoft.network/dnszones/"
	privateSegment = "/providers/microsoft.network/privatednszones/"
	linkSegment    = "virtualnetworklinks"
)

// Book has all zones in memory, as records. It is safe for concurrent use.
type Book struct {
	log    *slog.Logger
	mirror *mirror.Mirror

	mu    sync.RWMutex
	zones map[string]*zone   // by the zone's key
	named map[string][]*zone // by domain name, those that exist
}

// zone is a zone's records. Record sets may be seen before their zone.
type zone struct {
	key, name string // name is fully qualified and in lower case
	private   bool
	exists    bool
	created   string // orders zones of one name
	sets      map[string]map[uint16]*set
	under     map[string]int   // how many sets are at or below a name: those exist
	links     map[string]*link // of private zones, by network
}

// set is a record set: records, or what it is an alias of.
type set struct {
	records []dns.RR
	alias   string // a resource ID
	ttl     uint32
}

// link is a network's view of a private zone.
type link struct {
	key       string
	fallsBack bool // a name that the zone hasn't is looked for in public zones
}

// NewBook returns a book that has read nothing yet.
func NewBook(s *store.Store, clk clock.Clock, log *slog.Logger) *Book {
	b := &Book{log: log, zones: map[string]*zone{}, named: map[string][]*zone{}}
	b.mirror = mirror.New(mirror.Config{
		Store: s, Prefix: resource.KeyPrefix + "/", Match: func(key string) bool { _, ok := place(key); return ok },
		Put: b.put, Delete: b.remove, Log: log, Clock: clk,
	})
	return b
}

// Load reads all zones.
func (b *Book) Load(ctx context.Context) error {
	if err := b.mirror.Load(ctx); err != nil {
		return fmt.Errorf("loading DNS zones: %w", err)
	}
	return nil
}

// Run follows what is written to zones until ctx ends.
func (b *Book) Run(ctx context.Context) error { return b.mirror.Follow(ctx) }

// placed is where a document belongs.
type placed struct {
	zone       string // the zone's key
	name       string // the zone's domain name
	private    bool
	kind, item string // of what is in the zone, empty for the zone itself
}

// place reads a store key; all keys are in lower case.
func place(key string) (placed, bool) {
	segment, private := publicSegment, false
	at := strings.LastIndex(key, segment)
	if at < 0 {
		segment, private = privateSegment, true
		at = strings.LastIndex(key, segment)
	}
	if at < 0 {
		return placed{}, false
	}
	parts := strings.Split(key[at+len(segment):], "/")
	p := placed{zone: key[:at+len(segment)] + parts[0], name: dns.Fqdn(parts[0]), private: private}
	switch len(parts) {
	case 1:
		return p, true
	case 3:
		p.kind, p.item = parts[1], parts[2]
		_, isRecord := dns.StringToType[strings.ToUpper(p.kind)]
		return p, isRecord || private && p.kind == linkSegment
	}
	return p, false // a role assignment, a lock
}

func (b *Book) put(item store.Item) {
	p, ok := place(item.Key)
	if !ok {
		return
	}
	r, err := resource.Load(item.Value, item.Revision)
	if err != nil {
		b.log.Error("a document of a DNS zone is unreadable and isn't answered with", "key", item.Key, "error", err)
		b.remove(item.Key)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	z := b.zone(p)
	switch p.kind {
	case "":
		if !z.exists {
			z.exists, z.created = true, r.SystemData.CreatedAt.UTC().Format("20060102150405.000000000")
			b.list(z)
		}
	case linkSegment:
		z.unlink(item.Key)
		if network, l, err := readLink(r); err == nil {
			l.key = item.Key
			z.links[network] = l
		}
	default:
		kind := dns.StringToType[strings.ToUpper(p.kind)]
		read, err := readSet(r, kind, owner(p))
		if err != nil {
			b.log.Warn("a record set can't be answered with", "key", item.Key, "error", err)
			z.drop(owner(p), kind)
			return
		}
		z.keep(owner(p), kind, read)
	}
}

func (b *Book) remove(key string) {
	p, ok := place(key)
	if !ok {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	z := b.zone(p)
	switch p.kind {
	case "":
		z.exists = false
		b.unlist(z)
	case linkSegment:
		z.unlink(key)
	default:
		z.drop(owner(p), dns.StringToType[strings.ToUpper(p.kind)])
	}
	if !z.exists && len(z.sets) == 0 && len(z.links) == 0 {
		delete(b.zones, z.key)
	}
}

// owner is the domain name of a record set.
func owner(p placed) string {
	if p.item == "@" {
		return p.name
	}
	return p.item + "." + p.name
}

func (b *Book) zone(p placed) *zone {
	z := b.zones[p.zone]
	if z == nil {
		z = &zone{key: p.zone, name: p.name, private: p.private, sets: map[string]map[uint16]*set{}, under: map[string]int{}, links: map[string]*link{}}
		b.zones[p.zone] = z
	}
	return z
}

// list makes the zone findable. Of several public zones of one name the oldest
// answers, as the one that a registrar would have delegated to.
func (b *Book) list(z *zone) {
	all := append(b.named[z.name], z)
	for i := len(all) - 1; i > 0 && (all[i].created+all[i].key) < (all[i-1].created+all[i-1].key); i-- {
		all[i], all[i-1] = all[i-1], all[i]
	}
	b.named[z.name] = all
}

func (b *Book) unlist(z *zone) {
	var left []*zone
	for _, other := range b.named[z.name] {
		if other != z {
			left = append(left, other)
		}
	}
	if len(left) == 0 {
		delete(b.named, z.name)
		return
	}
	b.named[z.name] = left
}

func (z *zone) unlink(key string) {
	for network, l := range z.links {
		if l.key == key {
			delete(z.links, network)
		}
	}
}

func (z *zone) keep(name string, kind uint16, s *set) {
	if z.sets[name] == nil {
		z.sets[name] = map[uint16]*set{}
	}
	if z.sets[name][kind] == nil {
		z.count(name, 1)
	}
	z.sets[name][kind] = s
}

func (z *zone) drop(name string, kind uint16) {
	if z.sets[name][kind] == nil {
		return
	}
	delete(z.sets[name], kind)
	if len(z.sets[name]) == 0 {
		delete(z.sets, name)
	}
	z.count(name, -1)
}

// count notes that a set came or went: its name and those above it, up to the
// zone's, exist because of it.
func (z *zone) count(name string, n int) {
	for ; dns.IsSubDomain(z.name, name); name = parent(name) {
		if z.under[name] += n; z.under[name] == 0 {
			delete(z.under, name)
		}
		if name == z.name {
			return
		}
	}
}

// parent is the name without its first label.
func parent(name string) string {
	next, end := dns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[next:]
}

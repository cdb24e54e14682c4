package traffic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/clusters"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/changes"
)

// Options are what a Carrier works with; all are required.
type Options struct {
	Store *store.Store
	// Resources reads documents.
	Resources interface {
		Get(ctx context.Context, id armid.ID) (*resource.Resource, error)
		List(ctx context.Context, scope armid.ID, fullType string) ([]*resource.Resource, error)
	}
	// Machines is *compute.Provider.
	Machines interface {
		MachinesOf(scaleSet armid.ID) []compute.Seat
		MachineAt(vnet armid.ID, address netip.Addr) (compute.Machine, bool)
	}
	// Engine is *clusters.Engine.
	Engine interface {
		Forward(ctx context.Context, vnetID string, rules []clusters.Forwarding) error
		Dial(ctx context.Context, vnetID, network, address string) (net.Conn, error)
		// Relay passes what the listener accepts to an address of the network.
		Relay(ctx context.Context, vnetID, address string, listener net.Listener) error
	}
	// NetworkKey is what the engine calls a virtual network.
	NetworkKey func(vnet armid.ID) string
	// Ports are those of public addresses that may be opened on this machine.
	Ports Ports
	Log   *slog.Logger
	Clock clock.Clock
}

// Carrier is the data plane of all load balancers.
type Carrier struct {
	options Options
	tasks   sync.WaitGroup

	// What follows belongs to Run's goroutine.
	watchers map[patient]*watcher
	doors    map[door]context.CancelFunc
	applied  map[string][]clusters.Forwarding // by network
}

// New makes a Carrier that does nothing until Run.
func New(o Options) *Carrier {
	return &Carrier{options: o, watchers: map[patient]*watcher{}, doors: map[door]context.CancelFunc{}, applied: map[string][]clusters.Forwarding{}}
}

const (
	// settle is how long changes are collected: a document and what it refers to
	// are often written together.
	settle = 10 * time.Millisecond
	// again is when everything is done anew, whatever has changed: a network may
	// have been made again.
	again = 15 * time.Second
	// retry is when what failed is tried again.
	retry = time.Second
)

// Run carries until the context ends.
func (c *Carrier) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer c.tasks.Wait()
	defer cancel()
	dirty := changes.NewMarker()
	c.tasks.Go(func() {
		changes.Follow(ctx, c.options.Store, c.options.Clock, resource.KeyPrefix+"/", matters, dirty.Mark)
	})
	wait, whole := again, time.Time{}
	for dirty.Await(ctx, c.options.Clock, settle, wait) {
		now := c.options.Clock.Now()
		anew := now.Sub(whole) >= again
		if anew {
			whole = now
		}
		wait = again
		if err := c.carry(ctx, anew, dirty.Mark); err != nil && ctx.Err() == nil {
			wait = retry
			if !errors.Is(err, clusters.ErrNotFound) { // a network of no cluster that runs
				c.options.Log.Warn("carrying the traffic of load balancers", "error", err)
			}
		}
	}
	return ctx.Err()
}

// matters picks what load balancers depend on.
func matters(key string) bool {
	for _, segment := range []string{"/loadbalancers/", "/publicipaddresses/", "/virtualmachinescalesets/", "/managedclusters/"} {
		if strings.Contains(key, segment) {
			return true
		}
	}
	return false
}

// carry does what the documents say; anew also where nothing has changed.
func (c *Carrier) carry(ctx context.Context, anew bool, mark func()) error {
	ways, err := c.plan(ctx)
	if err != nil {
		return fmt.Errorf("reading load balancers: %w", err)
	}
	c.attend(ctx, ways, mark)
	wanted := map[string][]clusters.Forwarding{}
	doors := map[door]bool{}
	for _, w := range ways {
		w.rule.Backends = c.healthy(w)
		wanted[w.vnet] = append(wanted[w.vnet], w.rule)
		if w.public && w.rule.Protocol == "tcp" && c.options.Ports.Has(w.rule.Port) {
			doors[door{w.rule.Address, w.rule.Port, w.vnet}] = true
		}
	}
	for vnet := range c.applied {
		if _, ok := wanted[vnet]; !ok {
			wanted[vnet] = nil
		}
	}
	var failed error
	for vnet, rules := range wanted {
		if has, ok := c.applied[vnet]; ok && !anew && reflect.DeepEqual(has, rules) {
			continue
		}
		if err := c.options.Engine.Forward(ctx, vnet, rules); err != nil {
			if failed == nil || errors.Is(failed, clusters.ErrNotFound) {
				failed = err
			}
			delete(c.applied, vnet)
			continue
		}
		c.applied[vnet] = rules
		if len(rules) == 0 {
			delete(c.applied, vnet)
		}
	}
	c.open(ctx, doors)
	return failed
}

// attend begins and ends the watching of backends, and waits a moment for the
// first answers of new ones.
func (c *Carrier) attend(ctx context.Context, ways []way, mark func()) {
	wanted := map[patient]bool{}
	for _, w := range ways {
		for _, p := range w.patients() {
			wanted[p] = true
		}
	}
	for p, w := range c.watchers {
		if !wanted[p] {
			w.cancel()
			delete(c.watchers, p)
		}
	}
	limit := c.options.Clock.After(probeTimeout)
	var fresh []*watcher
	for p := range wanted {
		if c.watchers[p] == nil {
			c.watchers[p] = c.watch(ctx, p, mark)
			fresh = append(fresh, c.watchers[p])
		}
	}
	for _, w := range fresh {
		select {
		case <-w.asked:
		case <-limit:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (w way) patients() []patient {
	if w.probe == nil {
		return nil
	}
	out := make([]patient, len(w.members))
	for i, address := range w.members {
		out[i] = patient{w.vnet, address, *w.probe}
	}
	return out
}

// healthy are the members that new connections may go to.
func (c *Carrier) healthy(w way) []netip.Addr {
	if w.probe == nil {
		return w.members
	}
	return slices.DeleteFunc(slices.Clone(w.members), func(address netip.Addr) bool {
		watcher := c.watchers[patient{w.vnet, address, *w.probe}]
		return watcher == nil || !watcher.isHealthy()
	})
}

// open opens and closes the doors of this machine. One that can't be opened, as
// somebody else listens there, is tried again with the next change.
func (c *Carrier) open(ctx context.Context, wanted map[door]bool) {
	for d, shut := range c.doors {
		if !wanted[d] {
			shut()
			delete(c.doors, d)
		}
	}
	for d := range wanted {
		if _, ok := c.doors[d]; ok {
			continue
		}
		relaying, shut := context.WithCancel(ctx)
		if err := c.relay(relaying, d); err != nil {
			shut()
			c.options.Log.Warn("a public address can't be reached on this machine", "public", d.address.String(), "port", d.port, "error", err)
			continue
		}
		c.doors[d] = shut
	}
}

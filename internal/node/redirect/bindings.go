package redirect

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// ErrNotInstalled says that the table isn't there, or was made for other addresses, ports or rules.
var ErrNotInstalled = errors.New("the redirect is not installed as this agent expects it")

// Bindings is the set of proven {interface . address} pairs in the kernel, with their places on a bridge if there is one. It is
// safe for concurrent use.
type Bindings struct {
	table *nftables.Table
	set   *nftables.Set
	guard *guard // nil on a routed network

	mu       sync.Mutex
	admitted map[binding]Port
}

type binding struct {
	iface   int
	address netip.Addr
}

// Open finds an installed table, empties its set of bindings (an earlier agent's) and enters this agent as the one that
// may reach the metadata service. It leaves the rules alone, so it works without the rights that installing them takes.
func Open(config Config) (*Bindings, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("opening the redirect: %w", err)
	}
	conn, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("opening nftables: %w", err)
	}
	b := &Bindings{table: &nftables.Table{Family: nftables.TableFamilyINet, Name: tableName}, admitted: map[binding]Port{}}
	if err := checkMark(conn, b.table, config); err != nil {
		return nil, err
	}
	if b.set, err = bindingsSet(b.table, config); err != nil {
		return nil, err
	}
	conn.FlushSet(b.set)
	if config.Bridge {
		g, err := newGuard()
		if err != nil {
			return nil, err
		}
		b.guard = &g
		for _, set := range g.sets() {
			conn.FlushSet(set)
		}
	}
	if config.Self.Level > 0 {
		agents := agentsSet(b.table)
		conn.FlushSet(agents)
		key := binaryutil.NativeEndian.PutUint64(config.Self.ID)
		if err := conn.SetAddElements(agents, []nftables.SetElement{{Key: key}}); err != nil {
			return nil, fmt.Errorf("exempting the agent: %w", err)
		}
	}
	if err := conn.Flush(); err != nil {
		return nil, fmt.Errorf("opening the redirect: %w", err)
	}
	return b, nil
}

func checkMark(conn *nftables.Conn, table *nftables.Table, config Config) error {
	rules, err := conn.GetRules(table, &nftables.Chain{Name: markChain, Table: table})
	if errors.Is(err, unix.ENOENT) || err == nil && len(rules) == 0 {
		return ErrNotInstalled
	}
	if err != nil {
		return fmt.Errorf("reading the redirect: %w", err)
	}
	if mark, ok := userdata.GetString(rules[0].UserData, userdata.TypeComment); !ok || mark != config.mark() {
		return ErrNotInstalled
	}
	return nil
}

// Admit makes connections from the interface with the address proven. On a bridge the interface is the bridge's, and from then
// on the address belongs to the pod's port.
func (b *Bindings) Admit(iface int, address netip.Addr, port Port) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := binding{iface, address}
	if b.guard != nil {
		if err := b.claimGateways(iface); err != nil {
			return err
		}
	}
	if err := b.change((*nftables.Conn).SetAddElements, at, port); err != nil {
		return err
	}
	b.admitted[at] = port
	if b.guard == nil {
		return nil
	}
	return greet(iface, port, address)
}

// claimGateways enters the bridge's own addresses.
func (b *Bindings) claimGateways(bridge int) error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("opening nftables: %w", err)
	}
	if err := b.guard.addGateways(conn, bridge); err != nil {
		return err
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("changing the set of gateways: %w", err)
	}
	return nil
}

// Expel makes them unproven again; open connections stop at once. Expelling what isn't there is no error.
func (b *Bindings) Expel(iface int, address netip.Addr, port Port) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := binding{iface, address}
	if b.guard != nil && b.admitted[at] != port {
		return nil // somebody else's by now
	}
	delete(b.admitted, at)
	err := b.change((*nftables.Conn).SetDeleteElements, at, port)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// Confirm says that what is admitted still holds. On a bridge it has to be said again and again, see [ConfirmEvery]; elsewhere it
// does nothing.
func (b *Bindings) Confirm() error {
	if b.guard == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var failed []error
	for at, port := range b.admitted {
		// Out and in again within one transaction: nothing is missing in between, and the time begins anew.
		err := b.change((*nftables.Conn).SetDeleteElements, at, port, (*nftables.Conn).SetAddElements)
		if errors.Is(err, unix.ENOENT) { // too late: it is forgotten already
			err = b.change((*nftables.Conn).SetAddElements, at, port)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

type setChange func(*nftables.Conn, *nftables.Set, []nftables.SetElement) error

// change changes all sets in one transaction; the lock is held.
func (b *Bindings) change(first setChange, at binding, port Port, then ...setChange) error {
	if at.iface <= 0 || !at.address.Is4() || (b.guard != nil) != (port.Index > 0) {
		return fmt.Errorf("interface %d with address %s and port %d can't be a binding", at.iface, at.address, port.Index)
	}
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("opening nftables: %w", err)
	}
	for _, change := range append([]setChange{first}, then...) {
		if b.guard != nil {
			if err := b.guard.change(conn, change, port, at.address); err != nil {
				return err
			}
		}
		//nolint:gosec // checked above
		if err := change(conn, b.set, []nftables.SetElement{element(uint32(at.iface), at.address)}); err != nil {
			return fmt.Errorf("changing the bindings: %w", err)
		}
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("changing the bindings: %w", err)
	}
	return nil
}

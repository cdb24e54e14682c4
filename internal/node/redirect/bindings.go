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

// Bindings is the set of proven {interface . address} pairs in the kernel. It is safe for concurrent use.
type Bindings struct {
	mu    sync.Mutex
	table *nftables.Table
	set   *nftables.Set
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
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: tableName}
	if err := checkMark(conn, table, config); err != nil {
		return nil, err
	}
	set, err := bindingsSet(table)
	if err != nil {
		return nil, err
	}
	conn.FlushSet(set)
	if config.Self.Level > 0 {
		agents := agentsSet(table)
		conn.FlushSet(agents)
		key := binaryutil.NativeEndian.PutUint64(config.Self.ID)
		if err := conn.SetAddElements(agents, []nftables.SetElement{{Key: key}}); err != nil {
			return nil, fmt.Errorf("exempting the agent: %w", err)
		}
	}
	if err := conn.Flush(); err != nil {
		return nil, fmt.Errorf("opening the redirect: %w", err)
	}
	return &Bindings{table: table, set: set}, nil
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

// Admit makes connections from the interface with the address proven.
func (b *Bindings) Admit(iface int, address netip.Addr) error {
	return b.change((*nftables.Conn).SetAddElements, iface, address)
}

// Expel makes them unproven again; open connections stop at once. Expelling what isn't there is no error.
func (b *Bindings) Expel(iface int, address netip.Addr) error {
	err := b.change((*nftables.Conn).SetDeleteElements, iface, address)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

type setChange func(*nftables.Conn, *nftables.Set, []nftables.SetElement) error

func (b *Bindings) change(change setChange, iface int, address netip.Addr) error {
	if iface <= 0 || !address.Is4() {
		return fmt.Errorf("interface %d with address %s can't be a binding", iface, address)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("opening nftables: %w", err)
	}
	//nolint:gosec // checked above
	if err := change(conn, b.set, []nftables.SetElement{element(uint32(iface), address)}); err != nil {
		return fmt.Errorf("changing the bindings: %w", err)
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("changing the bindings: %w", err)
	}
	return nil
}

package redirect

import (
	"errors"
	"fmt"
	"net"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	tableName    = "lanyard"
	bindingsName = "bindings"
	agentsName   = "agents"
	markChain    = "prerouting"
)

// before the node's own NAT chains (kube-proxy's and the network plugin's): the first one that matches wins
const natPriority = -110

// Install puts the agent's address on the loopback interface and swaps the whole table in, with no binding in it: from
// then on every pod is unproven. It may be run again at any time.
func Install(config Config) error {
	if err := config.Validate(); err != nil {
		return fmt.Errorf("installing the redirect: %w", err)
	}
	if err := addAddress(config); err != nil {
		return err
	}
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("opening nftables: %w", err)
	}
	if err := build(conn, config); err != nil {
		return err
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("installing the redirect (are nf_tables, nft_nat and nft_socket available?): %w", err)
	}
	return cut(config)
}

func addAddress(config Config) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("finding the loopback interface: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("setting the loopback interface up: %w", err)
	}
	address := &netlink.Addr{
		IPNet: &net.IPNet{IP: config.Agent.AsSlice(), Mask: net.CIDRMask(32, 32)},
		Scope: unix.RT_SCOPE_HOST, // never the source of a packet that leaves the node
	}
	if err := netlink.AddrReplace(lo, address); err != nil {
		return fmt.Errorf("adding %s to the loopback interface: %w", config.Agent, err)
	}
	return nil
}

// Remove takes the table and the address away. Only an uninstaller calls it: pods reach the metadata service as the
// node from then on.
func Remove(config Config) error {
	for _, family := range []nftables.TableFamily{nftables.TableFamilyINet, nftables.TableFamilyBridge} {
		conn, err := nftables.New()
		if err != nil {
			return fmt.Errorf("opening nftables: %w", err)
		}
		conn.DelTable(&nftables.Table{Family: family, Name: tableName})
		if err := conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("removing the redirect: %w", err)
		}
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("finding the loopback interface: %w", err)
	}
	err = netlink.AddrDel(lo, &netlink.Addr{IPNet: &net.IPNet{IP: config.Agent.AsSlice(), Mask: net.CIDRMask(32, 32)}})
	if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
		return fmt.Errorf("removing %s from the loopback interface: %w", config.Agent, err)
	}
	return nil
}

// builder collects the rules of the table.
type builder struct {
	conn   *nftables.Conn
	config Config
	table  *nftables.Table
	marked bool
}

func (b *builder) chain(name string, kind nftables.ChainType, hook *nftables.ChainHook, priority nftables.ChainPriority) *nftables.Chain {
	return b.conn.AddChain(&nftables.Chain{
		Name: name, Table: b.table, Type: kind, Hooknum: hook, Priority: &priority,
	})
}

func (b *builder) rule(chain *nftables.Chain, parts ...match) {
	rule := &nftables.Rule{Table: b.table, Chain: chain, Exprs: join(parts...)}
	if !b.marked {
		rule.UserData = userdata.AppendString(nil, userdata.TypeComment, b.config.mark())
		b.marked = true
	}
	b.conn.AddRule(rule)
}

func build(conn *nftables.Conn, config Config) error {
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: tableName}
	conn.AddTable(table) // so that there is one to delete
	conn.DelTable(table)
	b := &builder{conn: conn, config: config, table: conn.AddTable(table)}

	bindings, err := bindingsSet(b.table, config)
	if err != nil {
		return err
	}
	if err := conn.AddSet(bindings, nil); err != nil {
		return fmt.Errorf("adding the set of bindings: %w", err)
	}
	agents := agentsSet(b.table)
	if err := conn.AddSet(agents, nil); err != nil {
		return fmt.Errorf("adding the set of agents: %w", err)
	}
	b.forwarded(bindings)
	b.local(agents)
	if err := b.exempt(agents); err != nil {
		return err
	}
	return buildGuard(conn, config)
}

// forwarded holds the rules for packets that come from pods with a network of their own.
func (b *builder) forwarded(bindings *nftables.Set) {
	c := b.config
	toMetadata := join(toAddress(c.Metadata.Addr()), toPort(c.Metadata.Port()))

	prerouting := b.chain(markChain, nftables.ChainTypeNAT, nftables.ChainHookPrerouting, natPriority)
	b.rule(prerouting, fromLoopback(), verdict(expr.VerdictReturn)) // the node's own, see local
	if c.Hooked == 0 {
		b.rule(prerouting, toMetadata, fromBinding(bindings), redirectTo(c.Agent, c.Proven))
	}
	b.rule(prerouting, toMetadata, redirectTo(c.Agent, c.Unproven))

	input := b.chain("input", nftables.ChainTypeFilter, nftables.ChainHookInput, *nftables.ChainPriorityFilter-10)
	b.rule(input, toAddress(c.Agent), toPort(c.Proven), isRedirected(), fromBinding(bindings), verdict(expr.VerdictAccept))
	b.rule(input, toAddress(c.Agent), toPort(c.Unproven), isRedirected(), verdict(expr.VerdictAccept))
	b.rule(input, toAddress(c.Agent), toPort(c.Local), isRedirected(), fromLoopback(), verdict(expr.VerdictAccept))
	if c.Hooked != 0 {
		from := fromBinding(bindings)
		if c.Unbound {
			from = nil
		}
		b.rule(input, toAddress(c.Agent), toPort(c.Hooked), fromLoopback(), verdict(expr.VerdictAccept))
		b.rule(input, toAddress(c.Agent), toPort(c.Hooked), from, verdict(expr.VerdictAccept))
		// In the node's network a socket that a hook leads to the agent's address also comes from it, and has its answers there.
		b.rule(input, fromLoopback(), fromAddress(c.Agent), fromPort(c.Hooked), verdict(expr.VerdictAccept))
	}
	b.rule(input, toAddress(c.Agent), verdict(expr.VerdictDrop))

	forward := b.chain("forward", nftables.ChainTypeFilter, nftables.ChainHookForward, *nftables.ChainPriorityFilter-10)
	b.rule(forward, toAddress(c.Metadata.Addr()), verdict(expr.VerdictDrop))
	b.rule(forward, toAddress(c.Agent), verdict(expr.VerdictDrop))
}

// local holds the rules for sockets of the node's own network namespace.
func (b *builder) local(agents *nftables.Set) {
	c := b.config
	if c.Kubepods.Level == 0 {
		return
	}
	toMetadata := match(join(toAddress(c.Metadata.Addr()), toPort(c.Metadata.Port())))
	redirect := b.chain("output", nftables.ChainTypeNAT, nftables.ChainHookOutput, natPriority)
	filter := b.chain("output_filter", nftables.ChainTypeFilter, nftables.ChainHookOutput, *nftables.ChainPriorityFilter-10)
	if c.Self.Level > 0 {
		b.rule(redirect, toMetadata, socketIn(agents, c.Self.Level), verdict(expr.VerdictAccept))
		b.rule(filter, toMetadata, socketIn(agents, c.Self.Level), verdict(expr.VerdictAccept))
	}
	port := c.Local
	if c.Hooked != 0 {
		port = c.Unproven
	}
	b.rule(redirect, toMetadata, socketBelow(c.Kubepods), redirectTo(c.Agent, port))
	// what wasn't redirected: connections older than the rules
	b.rule(filter, toMetadata, socketBelow(c.Kubepods), verdict(expr.VerdictDrop))
}

// exempt lets the agent itself out.
func (b *builder) exempt(agents *nftables.Set) error {
	if b.config.Self.Level == 0 {
		return nil
	}
	key := binaryutil.NativeEndian.PutUint64(b.config.Self.ID)
	if err := b.conn.SetAddElements(agents, []nftables.SetElement{{Key: key}}); err != nil {
		return fmt.Errorf("exempting the agent: %w", err)
	}
	return nil
}

func bindingsSet(table *nftables.Table, config Config) (*nftables.Set, error) {
	key, err := nftables.ConcatSetType(nftables.TypeIFIndex, nftables.TypeIPAddr)
	if err != nil {
		return nil, fmt.Errorf("describing the set of bindings: %w", err)
	}
	set := &nftables.Set{Table: table, Name: bindingsName, Concatenation: true, KeyType: key}
	if config.Bridge {
		set.HasTimeout, set.Timeout = true, bindingsLast
	}
	return set, nil
}

func agentsSet(table *nftables.Table) *nftables.Set {
	return &nftables.Set{Table: table, Name: agentsName, KeyType: nftables.TypeCGroupV2, KeyByteOrder: binaryutil.NativeEndian}
}

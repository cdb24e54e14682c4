package vnet

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// balancerTable is the nft table of a VNet's namespace that we own.
const balancerTable = "lanyard-balancer"

// ruleset is the table for these rules, as nft reads it: made anew as a whole, so
// that no packet sees half of it.
func ruleset(rules []Forwarding, reached map[netip.Addr]backend) string {
	var b strings.Builder
	fmt.Fprintf(&b, "table ip %[1]s\ndelete table ip %[1]s\n", balancerTable)
	if len(rules) == 0 {
		return b.String()
	}
	fmt.Fprintf(&b, "table ip %s {\n", balancerTable)
	var addresses, floating, translated, everything []string
	for i, r := range rules {
		if address := r.Address.String(); !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
		chain := fmt.Sprintf("rule%d", i)
		fmt.Fprintf(&b, "\tchain %s {\n\t\t%s\n\t}\n", chain, r.choose(reached))
		element := fmt.Sprintf("%s . %s . %d : jump %s", r.Address, r.Protocol, r.Port, chain)
		switch {
		case r.Protocol == "":
			everything = append(everything, fmt.Sprintf("ip daddr %s meta l4proto { tcp, udp } jump %s", r.Address, chain))
		case r.BackendPort != 0:
			translated = append(translated, element)
		default:
			floating = append(floating, element)
		}
	}
	choose := "ct direction original ct state new ip daddr @frontends jump floating\n\t\tct direction original ct mark != 0 meta mark set ct mark"
	fmt.Fprintf(&b, "\tset frontends {\n\t\ttype ipv4_addr\n\t\telements = { %s }\n\t}\n", strings.Join(addresses, ", "))
	fmt.Fprintf(&b, "\tchain floating {\n\t\t%s\n\t}\n", strings.Join(append(dispatch(floating), onlyUnmarked(everything)...), "\n\t\t"))
	fmt.Fprintf(&b, "\tchain translated {\n\t\t%s\n\t}\n", strings.Join(dispatch(translated), "\n\t\t"))
	for _, c := range []struct{ name, hook, rules string }{
		{"passing", "type filter hook prerouting priority mangle", choose},
		{"leaving", "type route hook output priority mangle", choose},
		{"passing-nat", "type nat hook prerouting priority dstnat", "ip daddr @frontends jump translated"},
		{"leaving-nat", "type nat hook output priority -100", "ip daddr @frontends jump translated"},
		{"passing-closed", "type filter hook forward priority filter", closed},
		{"leaving-closed", "type filter hook output priority filter", closed},
	} {
		fmt.Fprintf(&b, "\tchain %s {\n\t\t%s; policy accept;\n\t\t%s\n\t}\n", c.name, c.hook, c.rules)
	}
	b.WriteString("}\n")
	return b.String()
}

// closed refuses what no rule took: a frontend has the ports of its rules alone.
const closed = "ip daddr @frontends ct direction original ct mark 0 meta l4proto tcp reject with tcp reset\n\t\t" +
	"ip daddr @frontends ct direction original ct mark 0 reject"

func dispatch(elements []string) []string {
	if len(elements) == 0 {
		return nil
	}
	return []string{"ip daddr . meta l4proto . th dport vmap { " + strings.Join(elements, ", ") + " }"}
}

// onlyUnmarked lets the rules of single ports come first.
func onlyUnmarked(rules []string) []string {
	out := make([]string, len(rules))
	for i, r := range rules {
		out[i] = "ct mark 0 " + r
	}
	return out
}

// choose picks one of the rule's backends for a new connection. One that a
// translation brings to its backend has no need of a mark, but for telling that
// somebody takes it.
func (r Forwarding) choose(reached map[netip.Addr]backend) string {
	var to []string
	for _, a := range r.Backends {
		b, ok := reached[a]
		switch {
		case !ok:
		case r.BackendPort != 0:
			to = append(to, fmt.Sprintf("%d : %s . %d", len(to), a, r.BackendPort))
		default:
			to = append(to, fmt.Sprintf("%d : %d", len(to), b.mark()))
		}
	}
	if len(to) == 0 {
		return "return"
	}
	key := "ip saddr . ip daddr . th sport . th dport"
	if r.BySource {
		key = "ip saddr . ip daddr"
	}
	pick := fmt.Sprintf("jhash %s mod %d seed 0x6c616e79 map { %s }", key, len(to), strings.Join(to, ", "))
	if r.BackendPort != 0 {
		return "meta l4proto " + r.Protocol + " dnat ip to " + pick
	}
	return "ct mark set " + pick
}

// nft applies a ruleset inside the namespace.
func (n Namespace) nft(ruleset string) error {
	return n.Do(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, "nft", "-f", "-")
		cmd.Stdin = strings.NewReader(ruleset)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("applying rules of nft: %w: %s", err, bytes.TrimSpace(out))
		}
		return nil
	})
}

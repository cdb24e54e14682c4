package network

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// TestFreeAgainstOracle compares with trying every block in turn.
func TestFreeAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := netip.MustParsePrefix(rapid.SampledFrom([]string{"10.0.0.0/24", "10.9.8.64/26", "255.255.255.0/24", "0.0.0.0/27", "fd00::/121"}).Draw(t, "subnet"))
		var given allocations
		for range rapid.IntRange(0, 40).Draw(t, "allocations") {
			bits := rapid.IntRange(whole.Bits()-1, whole.Addr().BitLen()+1).Draw(t, "bits")
			got, ok := given.free(whole, bits)
			want, possible := naiveFree(whole, given, bits)
			if ok != possible || ok && got != want {
				t.Fatalf("/%d of %s with %v given: got %v %v, want %v %v", bits, whole, given.Parts, got, ok, want, possible)
			}
			if ok {
				given.Parts = append(given.Parts, part{Prefix: got})
			}
			if n := len(given.Parts); n > 0 && rapid.Bool().Draw(t, "release") {
				i := rapid.IntRange(0, n-1).Draw(t, "which")
				given.Parts = append(given.Parts[:i:i], given.Parts[i+1:]...)
			}
		}
	})
}

func naiveFree(whole netip.Prefix, given allocations, bits int) (netip.Prefix, bool) {
	if bits < whole.Bits() || bits > whole.Addr().BitLen() {
		return netip.Prefix{}, false
	}
	first := whole.Masked().Addr()
	for addr := first; addr.IsValid() && whole.Contains(addr); addr = addr.Next() {
		block := netip.PrefixFrom(addr, bits)
		if block != block.Masked() {
			continue
		}
		free := !block.Contains(last(whole))
		for n, reserved := 0, first; n < reservedFirst; n, reserved = n+1, reserved.Next() {
			free = free && !block.Contains(reserved)
		}
		for _, p := range given.Parts {
			free = free && !block.Overlaps(p.Prefix)
		}
		if free {
			return block, true
		}
	}
	return netip.Prefix{}, false
}

func TestGateway(t *testing.T) {
	if got := Gateway(netip.MustParsePrefix("10.240.0.0/16")); got.String() != "10.240.0.1" {
		t.Errorf("got %s", got)
	}
}

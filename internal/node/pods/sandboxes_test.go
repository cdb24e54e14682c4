package pods

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/node/redirect"
)

// gate records what it is told, in order.
type gate []string

// broken is a gate that admits nobody.
type broken struct{ gate }

func (*broken) Admit(int, netip.Addr, redirect.Port) error { return errors.New("no netlink") }

func TestSandboxThatCannotBeAdmittedIsReadAgain(t *testing.T) {
	s := NewSandboxes(&broken{}, "", slog.New(slog.DiscardHandler))
	binding := Binding{Interface: 7, Address: netip.MustParseAddr("10.0.1.5")}
	s.add(Sandbox{ID: "a", Bindings: []Binding{binding}})
	if _, ok := s.At(binding); ok || s.has("a") {
		t.Error("it counts as known")
	}
}

func (g *gate) Admit(iface int, address netip.Addr, _ redirect.Port) error {
	*g = append(*g, fmt.Sprintf("admit %d %s", iface, address))
	return nil
}

func (g *gate) Expel(iface int, address netip.Addr, _ redirect.Port) error {
	*g = append(*g, fmt.Sprintf("expel %d %s", iface, address))
	return nil
}

func TestSandboxes(t *testing.T) {
	var g gate
	s := NewSandboxes(&g, "", slog.New(slog.DiscardHandler))
	address := netip.MustParseAddr("10.0.1.5")
	first := Sandbox{ID: "a", UID: "u1", Bindings: []Binding{{Interface: 7, Address: address}}}
	heir := Sandbox{ID: "b", UID: "u2", Bindings: []Binding{{Interface: 8, Address: address}}} // the address on another cable
	clash := Sandbox{ID: "c", UID: "u3", Bindings: []Binding{{Interface: 8, Address: address}}}

	changed := s.Changed()
	s.add(first)
	select {
	case <-changed:
	default:
		t.Error("adding a sandbox wakes nobody")
	}
	s.add(heir)
	if got, ok := s.At(Binding{Interface: 8, Address: address}); !ok || got.UID != "u2" {
		t.Errorf("the heir's binding gives %+v", got)
	}
	if got, ok := s.At(Binding{Interface: 7, Address: address}); !ok || got.UID != "u1" {
		t.Errorf("the first one's binding gives %+v", got)
	}
	if _, ok := s.At(Binding{Interface: 9, Address: address}); ok {
		t.Error("an unknown interface has a pod")
	}
	s.add(clash)
	if got, ok := s.At(Binding{Interface: 8, Address: address}); ok {
		t.Errorf("a binding that two claim gives %+v", got)
	}
	if others := s.remove("c"); !others || s.has("b") {
		t.Error("a sandbox whose binding was claimed by another isn't read again")
	}
	s.add(heir)
	if s.remove("a") {
		t.Error("somebody is to be read again who shared nothing")
	}
	if iface, known := s.Known(Binding{Interface: 7, Address: address}); iface || !known {
		t.Errorf("after removal: interface known %t, address known %t", iface, known)
	}
	s.keep([]string{"b"})
	if !s.Synced() {
		t.Error("a full reading doesn't make it synced")
	}
	if got, ok := s.At(Binding{Interface: 8, Address: address}); !ok || got.UID != "u2" {
		t.Errorf("the heir's binding gives %+v", got)
	}
	want := gate{
		"admit 7 10.0.1.5", "admit 8 10.0.1.5", "expel 8 10.0.1.5", // two claim it
		"expel 8 10.0.1.5", "expel 8 10.0.1.5", // both go
		"admit 8 10.0.1.5", "expel 7 10.0.1.5",
	}
	if diff := cmp.Diff(want, g); diff != "" {
		t.Errorf("gate (-want +got):\n%s", diff)
	}
}

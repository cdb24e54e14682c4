package clusters_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/lanyard-project/lanyard/internal/clusters"
)

// idle is an engine that runs nothing.
func idle(t *testing.T) *clusters.Engine {
	t.Helper()
	dir := t.TempDir()
	e, err := clusters.New(clusters.Options{
		DataDir: filepath.Join(dir, "data"), RunDir: filepath.Join(dir, "lanyard-idle"), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Teardown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return e
}

func TestUnknownIsNotFound(t *testing.T) {
	e := idle(t)
	ctx := t.Context()
	_, err := e.AdminKubeconfig(ctx, "nobody", "https://127.0.0.1")
	if !errors.Is(err, clusters.ErrNotFound) {
		t.Errorf("kubeconfig of a cluster that isn't: %v", err)
	}
	if _, err := e.Listen(ctx, "nowhere", "tcp4", "169.254.169.254:80"); !errors.Is(err, clusters.ErrNotFound) {
		t.Errorf("listening in a network that isn't: %v", err)
	}
	// What is not there is deleted already.
	if err := errors.Join(e.DeleteNode(ctx, "nobody", "node"), e.DeleteControlPlane(ctx, "nobody"), e.DeleteVNet(ctx, "nowhere")); err != nil {
		t.Errorf("deleting what isn't: %v", err)
	}
}

func TestRefusedNodes(t *testing.T) {
	e := idle(t)
	good := clusters.Node{
		ClusterID: "c", Name: "n", Address: netip.MustParseAddr("10.0.0.4"), Gateway: netip.MustParseAddr("10.0.0.1"),
		PodAddresses: netip.MustParsePrefix("10.0.0.32/27"), Images: []string{"/a.tar"}, PauseImage: "pause",
	}
	tests := []struct {
		name   string
		change func(*clusters.Node)
	}{
		{"path as cluster", func(n *clusters.Node) { n.ClusterID = "../c" }},
		{"path as name", func(n *clusters.Node) { n.Name = "a/b" }},
		{"no address", func(n *clusters.Node) { n.Address = netip.Addr{} }},
		{"address among those of pods", func(n *clusters.Node) { n.Address = netip.MustParseAddr("10.0.0.33") }},
		{"too few pods", func(n *clusters.Node) { n.PodAddresses = netip.MustParsePrefix("10.0.0.32/31") }},
		{"no pause image", func(n *clusters.Node) { n.PauseImage = "" }},
		{"cluster that isn't", func(*clusters.Node) {}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := good
			tt.change(&n)
			if err := e.EnsureNode(t.Context(), n); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}

func TestRefusedVNets(t *testing.T) {
	e := idle(t)
	for name, v := range map[string]clusters.VNet{
		"no address space":       {ID: "v"},
		"IPv6":                   {ID: "v", AddressPrefixes: []netip.Prefix{netip.MustParsePrefix("fd00::/64")}},
		"the platform's address": {ID: "v", AddressPrefixes: []netip.Prefix{netip.MustParsePrefix("168.63.0.0/16")}},
		"metadata's address":     {ID: "v", AddressPrefixes: []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16")}},
		"path as ID":             {ID: "../v", AddressPrefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := e.EnsureVNet(t.Context(), v); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}

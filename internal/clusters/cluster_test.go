package clusters_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/clusters"
)

func TestCluster(t *testing.T) {
	l := newLab(t)
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	start := time.Now()
	if err := l.engine.EnsureVNet(ctx, clusters.VNet{ID: "v1", AddressPrefixes: []netip.Prefix{netip.MustParsePrefix("10.224.0.0/12")}}); err != nil {
		t.Fatal(err)
	}
	t.Log("vnet", time.Since(start))
	st, err := l.engine.EnsureControlPlane(ctx, l.controlPlane("c1", "v1"))
	t.Log("cp", time.Since(start), st.APIServerAddress)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.engine.EnsureNode(ctx, l.node("c1", 0)); err != nil {
		t.Fatal(err)
	}
	t.Log("node", time.Since(start))
}

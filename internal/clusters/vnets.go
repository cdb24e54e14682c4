package clusters

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/lanyard-project/lanyard/internal/clusters/vnet"
)

// VNet is a virtual network.
type VNet struct {
	// ID is a short, stable key.
	ID string
	// AddressPrefixes are its address space. Pods speak to it with their own
	// addresses and to everything else with their node's.
	AddressPrefixes []netip.Prefix
}

func (v VNet) check() error {
	if err := checkID("virtual network", v.ID); err != nil {
		return err
	}
	if len(v.AddressPrefixes) == 0 {
		return fmt.Errorf("virtual network %s has no address space", v.ID)
	}
	for _, p := range v.AddressPrefixes {
		if !p.Addr().Is4() {
			return fmt.Errorf("address prefix %s of virtual network %s is not IPv4", p, v.ID)
		}
		if p.Contains(vnet.Metadata()) || p.Contains(vnet.Platform()) || p.Overlaps(netip.MustParsePrefix("127.0.0.0/8")) {
			return fmt.Errorf("address prefix %s of virtual network %s contains addresses of the platform", p, v.ID)
		}
	}
	return nil
}

// EnsureVNet makes the network, or gives it another address space.
func (e *Engine) EnsureVNet(_ context.Context, v VNet) error {
	if err := v.check(); err != nil {
		return err
	}
	defer e.locks.exclusive("vnet/" + v.ID)()
	return e.ensureVNet(v)
}

// adoptVNet makes the network as it is recorded once it is ours; one that was
// deleted meanwhile is left alone.
func (e *Engine) adoptVNet(id string) error {
	defer e.locks.exclusive("vnet/" + id)()
	var v VNet
	err := load(e.vnetRecord(id), &v)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return e.ensureVNet(v)
}

func (e *Engine) ensureVNet(v VNet) error {
	var before VNet
	err := load(e.vnetRecord(v.ID), &before)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if err := save(e.vnetRecord(v.ID), v); err != nil {
		return err
	}
	if err := e.fabric(v.ID).Ensure(); err != nil {
		return fmt.Errorf("ensuring virtual network %s: %w", v.ID, err)
	}
	if before.ID == "" || slices.Equal(before.AddressPrefixes, v.AddressPrefixes) {
		return nil
	}
	return e.eachNode(func(c ControlPlane, n Node) error {
		place := e.place(n)
		ok, err := place.Namespace.Exists()
		if err != nil || !ok || c.VNetID != v.ID {
			return err
		}
		return place.Masquerade(v.AddressPrefixes)
	})
}

// DeleteVNet removes the network; clusters in it have to be deleted first.
func (e *Engine) DeleteVNet(_ context.Context, id string) error {
	if err := checkID("virtual network", id); err != nil {
		return err
	}
	defer e.locks.exclusive("vnet/" + id)()
	users, err := e.clustersIn(id)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return fmt.Errorf("deleting virtual network %s: cluster %s is in it", id, users[0].ID)
	}
	if err := e.fabric(id).Delete(); err != nil {
		return fmt.Errorf("deleting virtual network %s: %w", id, err)
	}
	if err := os.RemoveAll(e.vnetRecord(id)); err != nil {
		return fmt.Errorf("deleting virtual network %s: %w", id, err)
	}
	return nil
}

// Listen opens a listener inside the network, for example on
// 169.254.169.254:80. Peers are seen with their addresses in the network. After
// Stop the network is another one: close the listener then, and open it anew.
func (e *Engine) Listen(ctx context.Context, vnetID, network, address string) (net.Listener, error) {
	if err := e.knownVNet(vnetID); err != nil {
		return nil, err
	}
	return e.fabric(vnetID).Listen(ctx, network, address)
}

// Forwarding is a rule of a load balancer.
type Forwarding = vnet.Forwarding

// Forward makes the network forward by these rules and no others. One that isn't
// there forwards nothing: if it should, that is ErrNotFound.
func (e *Engine) Forward(_ context.Context, vnetID string, rules []Forwarding) error {
	if err := checkID("virtual network", vnetID); err != nil {
		return err
	}
	defer e.locks.exclusive("vnet/" + vnetID)()
	fabric := e.fabric(vnetID)
	if ok, err := fabric.Exists(); err != nil || !ok {
		if err == nil && len(rules) > 0 {
			err = fmt.Errorf("virtual network %s: %w", vnetID, ErrNotFound)
		}
		return err
	}
	if err := fabric.Forward(rules); err != nil {
		return fmt.Errorf("virtual network %s: %w", vnetID, err)
	}
	return nil
}

// ListenPacket is Listen for datagrams.
func (e *Engine) ListenPacket(ctx context.Context, vnetID, network, address string) (net.PacketConn, error) {
	if err := e.knownVNet(vnetID); err != nil {
		return nil, err
	}
	return e.fabric(vnetID).ListenPacket(ctx, network, address)
}

func (e *Engine) knownVNet(id string) error {
	if err := checkID("virtual network", id); err != nil {
		return err
	}
	var v VNet
	if err := load(e.vnetRecord(id), &v); err != nil {
		return fmt.Errorf("virtual network %s: %w", id, err)
	}
	return nil
}

// clustersIn lists the clusters of a network.
func (e *Engine) clustersIn(vnetID string) ([]ControlPlane, error) {
	ids, err := names(filepath.Join(e.options.DataDir, "clusters"), "")
	if err != nil {
		return nil, err
	}
	var in []ControlPlane
	for _, id := range ids {
		c, err := e.cluster(id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if c.VNetID == vnetID {
			in = append(in, c.ControlPlane)
		}
	}
	return in, nil
}

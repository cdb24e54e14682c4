package clusters

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lanyard-project/lanyard/internal/clusters/vnet"
)

// stopGrace is how long a machine has to stop before its power is cut.
const stopGrace = 20 * time.Second

// Adopt brings about what the records say: it finds what runs and starts
// again what doesn't, after a restart of this program or of the machine. Etcd
// has to be there before.
func (e *Engine) Adopt(ctx context.Context) error {
	if err := e.AdoptNetworks(); err != nil {
		return err
	}
	return e.AdoptClusters(ctx)
}

// AdoptNetworks is the part of Adopt that waits for nothing: the networks, in
// which others may want to listen before the clusters are there.
func (e *Engine) AdoptNetworks() error {
	vnets, err := names(filepath.Join(e.options.DataDir, "vnets"), ".json")
	if err != nil {
		return err
	}
	for _, id := range vnets {
		if err := e.adoptVNet(id); err != nil {
			return fmt.Errorf("adopting virtual network %s: %w", id, err)
		}
	}
	return nil
}

// AdoptClusters is the other part. It can run beside everything else: whoever
// ensures, stops or deletes a cluster waits until that one is adopted, and one
// that is gone by then isn't adopted.
func (e *Engine) AdoptClusters(ctx context.Context) error {
	ids, err := names(filepath.Join(e.options.DataDir, "clusters"), "")
	if err != nil {
		return err
	}
	return each(ids, func(id string) error { return e.adoptCluster(ctx, id) })
}

// each does something for all, at the same time. One that fails doesn't keep
// the others from succeeding.
func each(ids []string, do func(id string) error) error {
	errs := make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { errs[i] = do(id) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (e *Engine) adoptCluster(ctx context.Context, id string) error {
	record, err := e.cluster(id)
	if errors.Is(err, ErrNotFound) {
		return e.removeHalf(ctx, id)
	}
	if err != nil {
		return err
	}
	if !record.Started {
		return nil // half made: its operation goes on, and isn't to wait for us
	}
	if err := e.adoptControlPlane(ctx, id, func() {}); err != nil {
		return err
	}
	nodes, err := names(filepath.Join(e.clusterDir(id), "nodes"), "")
	if err != nil {
		return err
	}
	return each(nodes, func(name string) error { return e.adoptNode(ctx, id, name, func() {}) })
}

// removeHalf removes a cluster without a record, which goes last but for its
// folder, unless it has one by now.
func (e *Engine) removeHalf(ctx context.Context, id string) error {
	defer e.locks.exclusive("cluster/" + id)()
	if _, err := e.cluster(id); err == nil {
		return nil
	}
	return e.deleteControlPlane(ctx, id)
}

// Stop ends every process and namespace and keeps the data: Adopt brings the
// clusters back.
func (e *Engine) Stop(ctx context.Context) error {
	return e.end(ctx, stopGrace)
}

// Teardown ends everything at once and keeps nothing.
func (e *Engine) Teardown(ctx context.Context) error {
	if err := e.end(ctx, 0); err != nil {
		return err
	}
	for _, dir := range []string{"clusters", "vnets", "disks"} {
		if err := os.RemoveAll(filepath.Join(e.options.DataDir, dir)); err != nil {
			return fmt.Errorf("removing data of clusters: %w", err)
		}
	}
	// The folder itself only if nobody else keeps something there.
	_ = os.Remove(e.options.DataDir)
	return nil
}

// end stops the machines, nodes before control planes, and removes whatever is
// ours on this machine, known or not.
func (e *Engine) end(ctx context.Context, grace time.Duration) error {
	ids, err := names(e.hosts.Dir, "")
	if err != nil {
		return err
	}
	for _, prefix := range []string{nodePrefix, controlPlanePrefix} {
		these := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !strings.HasPrefix(id, prefix) })
		err := each(these, func(id string) error { return e.hosts.Stop(ctx, id, grace) })
		if err != nil {
			return err
		}
	}
	if err := e.groups.Remove(ctx); err != nil {
		return err
	}
	namespaces, err := names(e.netDir(), "")
	if err != nil {
		return err
	}
	for _, name := range namespaces {
		if err := (vnet.Namespace{Path: filepath.Join(e.netDir(), name)}).Delete(); err != nil {
			return err
		}
	}
	if err := os.RemoveAll(e.options.RunDir); err != nil {
		return fmt.Errorf("removing run folder: %w", err)
	}
	return nil
}

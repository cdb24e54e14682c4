package containerservice

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/clusters"
)

// defaultDrain is how long pods may take to leave a node unless the pool says otherwise.
const defaultDrain = 30 * time.Minute

// roll replaces the instances that were made as another model than their pool's, one after the other. One more instance
// than usual runs meanwhile, so that there is room for the pods of the one that is drained. An instance keeps its number,
// name and addresses; its disk and its node are new.
func (p *Provider) roll(ctx context.Context, w *work) error {
	for _, pool := range w.is.AgentPools {
		if pool.simulated() {
			continue // its nodes consist of nothing
		}
		if len(w.state.Pools[pool.Name].outdated()) == 0 && len(w.state.Pools[pool.Name].Surge) == 0 {
			continue
		}
		if err := p.rollPool(ctx, w, pool); err != nil {
			return err
		}
	}
	return p.releaseIdentities(ctx, w)
}

func (p *Provider) rollPool(ctx context.Context, w *work, pool pool) error {
	if err := w.changePool(ctx, pool.Name, func(s *poolState) {
		if len(s.Surge) == 0 && len(s.outdated()) > 0 {
			s.Surge = append(s.Surge, s.take())
		}
	}); err != nil {
		return err
	}
	if err := p.ensureInstances(ctx, w); err != nil {
		return err
	}
	// Those that are up to date too: a process before may have died when one of them was recorded and not there yet.
	now := w.state.Pools[pool.Name]
	for _, number := range now.present() {
		if slices.Contains(now.outdated(), number) {
			continue
		}
		if err := p.ensureNode(ctx, w, pool, number); err != nil {
			return err
		}
	}
	for _, number := range w.state.Pools[pool.Name].outdated() {
		if err := p.drain(ctx, w, pool, number); err != nil {
			return err
		}
		if err := p.Engine.DeleteNode(ctx, w.state.Key, w.computer(pool.Name, number)); err != nil {
			return err
		}
		if err := w.changePool(ctx, pool.Name, func(s *poolState) { s.Built[number] = s.Model }); err != nil {
			return err
		}
		if err := p.ensureNode(ctx, w, pool, number); err != nil {
			return err
		}
	}
	return w.changePool(ctx, pool.Name, func(s *poolState) { s.Leaving, s.Surge = append(s.Leaving, s.Surge...), nil })
}

// changePool changes what is recorded of a pool.
func (w *work) changePool(ctx context.Context, pool string, change func(*poolState)) error {
	return w.update(ctx, func(r *resource.Resource) error {
		s, err := readState(r)
		if err != nil {
			return err
		}
		changed := s.Pools[pool].clone()
		change(&changed)
		s.Pools[pool] = changed
		fresh, err := read(w.run, r)
		if err != nil {
			return err
		}
		fresh.state = s
		fresh.takeRanges()
		return r.SetInternal(fresh.state)
	})
}

// computer is the name of an instance.
func (w *work) computer(pool string, number int) string {
	return computerName(w.scaleSet(pool).Name(), number)
}

// drain moves the pods of a node away, as far as their disruption budgets allow. A node whose pods don't go in time takes
// pods again, and the operation has failed.
func (p *Provider) drain(ctx context.Context, w *work, pool pool, number int) error {
	limit := time.Duration(pool.UpgradeSettings.DrainTimeout) * time.Minute
	if limit == 0 {
		limit = defaultDrain
	}
	var args planArgs
	if err := w.run.ReadArgs(&args); err != nil {
		return err
	}
	name := w.computer(pool.Name, number)
	err := p.Engine.DrainNode(ctx, w.state.Key, name, clusters.Drain{Limit: limit, IgnoreBudgets: args.IgnoreBudgets})
	var blocked *clusters.DrainError
	if errors.As(err, &blocked) {
		return &rest.Error{Status: http.StatusConflict, Code: "PodDrainFailure", Message: fmt.Sprintf(
			"Drain node %s failed when evicting pod %s failed with Too Many Requests error. This is often caused by a restrictive Pod Disruption Budget (PDB) policy. See http://aka.ms/aks/debugdrainfailures. Original error: %s. PDB debug info: %s",
			name, blocked.Pod, blocked.Reason, blocked.Budget)}
	}
	if err != nil {
		return fmt.Errorf("draining %s: %w", name, err)
	}
	return nil
}

// releaseIdentities takes the identities off the scale sets that the service put there and that no instance needs any
// more. What others put there stays.
func (p *Provider) releaseIdentities(ctx context.Context, w *work) error {
	for _, pool := range w.is.AgentPools {
		s := w.state.Pools[pool.Name]
		needed := s.kubelets()
		var former []armid.ID
		for _, placed := range s.Placed {
			if slices.ContainsFunc(needed, func(id string) bool { return strings.EqualFold(id, placed) }) {
				continue
			}
			id, err := armid.Parse(placed)
			if err != nil {
				return fmt.Errorf("reading an identity's ID: %w", err)
			}
			former = append(former, id)
		}
		if len(former) == 0 {
			continue
		}
		if _, err := w.run.Resources.Update(ctx, w.scaleSet(pool.Name), func(r *resource.Resource) error {
			for _, id := range former {
				r.Identity.Unassign(id)
			}
			return nil
		}); err != nil {
			return fmt.Errorf("taking the former kubelet identity off the scale set of pool %s: %w", pool.Name, err)
		}
		if err := w.changePool(ctx, pool.Name, func(s *poolState) { s.Placed = s.kubelets() }); err != nil {
			return err
		}
	}
	return nil
}

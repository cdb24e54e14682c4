package containerservice

import (
	"context"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/compute"
)

// Scale starts an operation for each cluster with a scale set whose capacity is another than its pool's count, or that has
// instances to go: a cluster autoscaler, or whoever else may write scale sets, scales a pool by them.
func (p *Provider) Scale(ctx context.Context) error {
	return p.upkeep(ctx, scaling, oursOnly, func(cluster *resource.Resource, _ state) (bool, error) { return p.scaled(ctx, cluster) })
}

// scaled writes into a cluster what its scale sets say, and reports whether that is anything new.
func (p *Provider) scaled(ctx context.Context, cluster *resource.Resource) (bool, error) {
	w, err := read(providers.NewRun(providers.Run{ID: cluster.ID, Resources: p.Resources, Log: p.Log}, nil), cluster)
	if err != nil {
		return false, err
	}
	d, err := parseDocument(cluster.Properties)
	if err != nil {
		return false, err
	}
	counts := map[string]int{}
	for _, pool := range w.is.AgentPools {
		counts[strings.ToLower(pool.Name)] = pool.Count
	}
	changed := false
	for _, pool := range d.objects("agentPoolProfiles") {
		name := strings.ToLower(pool.text("name"))
		set, err := p.Resources.Get(ctx, w.scaleSet(name))
		if rest.IsNotFound(err) {
			continue // it was deleted: a reconciliation makes it again
		}
		if err != nil {
			return false, err
		}
		capacity, leaving, err := compute.Wanted(set)
		if err != nil {
			return false, err
		}
		s := w.state.Pools[name].clone()
		s.Capacity = capacity
		switch {
		case capacity < 0:
			capacity = counts[name] // a write that left it out means no other one
		case capacity < 1 && pool.text("mode") == "System":
			capacity = 1 // a system pool has a node
		}
		some := s.without(leaving)
		if !some && capacity == counts[name] {
			continue
		}
		changed = true
		pool["count"] = capacity
		w.state.Pools[name] = s
	}
	if !changed {
		return false, nil
	}
	if cluster.Properties, err = d.raw(); err != nil {
		return false, err
	}
	return true, cluster.SetInternal(w.state)
}

// without has the instances leave that are there, and reports whether there were any.
func (s *poolState) without(numbers []int) bool {
	left := slices.DeleteFunc(slices.Clone(s.Instances), func(n int) bool { return slices.Contains(numbers, n) })
	for _, n := range s.Instances {
		if !slices.Contains(left, n) {
			s.Leaving = append(s.Leaving, n)
		}
	}
	some := len(left) < len(s.Instances)
	s.Instances = left
	return some
}

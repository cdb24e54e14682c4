package containerservice

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// The states of a pool while something is done with it alone.
const (
	scaling   = "Scaling"
	upgrading = "Upgrading"
)

// writePool turns the write of an agent pool into that of its cluster: the pool's profile in the list is added, replaced
// or left out, and everything else stays.
func (p *Provider) writePool(ctx context.Context, r *providers.Request) (*providers.Request, error) {
	cluster, err := p.Resources.Get(ctx, r.ID.Parent())
	if err != nil {
		return nil, err
	}
	if e := p.ours(cluster, "Changing its node pools"); e != nil {
		return nil, e
	}
	if e := running(cluster); e != nil {
		return nil, e
	}
	if r.Method == providers.Delete {
		return p.withoutPool(ctx, r, cluster)
	}
	sent, err := parseDocument(r.Next.Properties)
	if err != nil {
		return nil, rest.InvalidRequestContent(err.Error())
	}
	name := r.ID.Name()
	if r.Old != nil {
		name = r.Old.ID.Name()
	}
	if text := sent.text("name"); text != "" && !strings.EqualFold(text, name) {
		return nil, invalidParameter("agentPoolProfile.name", "'%s' isn't the name in the URL, '%s'", text, name)
	}
	sent["name"] = name
	state := resource.Creating
	if r.Old != nil {
		state = poolChange(r.Old, sent)
	}
	whole, err := p.withPools(ctx, r, cluster, state, func(pools []document) ([]document, error) {
		for i, pool := range pools {
			if pool.text("name") == name {
				pools[i] = sent
				return pools, nil
			}
		}
		if sent.text("mode") == "" {
			sent["mode"] = "User"
		}
		return append(pools, sent), nil
	})
	if err != nil {
		return nil, err
	}
	// Who changes a pool needs the right to join its own subnet alone.
	whole.Linked = nil
	if subnet, err := armid.Parse(sent.text("vnetSubnetID")); err == nil {
		whole.Link(joinAction, subnet)
	}
	return whole, nil
}

// withoutPool leaves the pool out of the list, and keeps what it was to show it as long as something of it is there.
func (p *Provider) withoutPool(ctx context.Context, r *providers.Request, cluster *resource.Resource) (*providers.Request, error) {
	var gone document
	whole, err := p.withPools(ctx, r, cluster, resource.Deleting, func(pools []document) ([]document, error) {
		var left []document
		for _, pool := range pools {
			if strings.EqualFold(pool.text("name"), r.ID.Name()) {
				gone = pool
			} else {
				left = append(left, pool)
			}
		}
		return left, nil
	})
	if err != nil || gone == nil {
		return whole, err
	}
	s, err := readState(whole.Next)
	if err != nil {
		return nil, err
	}
	gone["provisioningState"] = resource.Deleting
	raw, err := gone.raw()
	if err != nil {
		return nil, err
	}
	s.Going = map[string]json.RawMessage{gone.text("name"): raw}
	return whole, whole.Next.SetInternal(s)
}

// going are the profiles of pools that are being deleted, in a steady order; what is left of one whose deletion failed
// isn't shown any more, and goes with the next operation.
func going(cluster *resource.Resource, d document) ([]document, error) {
	s, err := readState(cluster)
	if err != nil || !cluster.Busy() {
		return nil, err
	}
	for _, pool := range d.objects("agentPoolProfiles") {
		delete(s.Going, pool.text("name")) // made again under the same name
	}
	var pools []document
	for _, name := range slices.Sorted(maps.Keys(s.Going)) {
		pool, err := parseDocument(s.Going[name])
		if err != nil {
			return nil, err
		}
		pools = append(pools, pool)
	}
	return pools, nil
}

// poolChange names what an update does with a pool.
func poolChange(old *resource.Resource, sent document) string {
	before, err := parseDocument(old.Properties)
	if err != nil {
		return resource.Updating
	}
	switch {
	case sent.text("orchestratorVersion") != "" && sent.text("orchestratorVersion") != before.text("orchestratorVersion"):
		return upgrading
	case sent["count"] != nil && fmt.Sprint(sent["count"]) != fmt.Sprint(before["count"]):
		return scaling
	}
	return resource.Updating
}

// withPools is an update of the cluster that changes its list of pools, prepared. Only the pool that the request names
// shows the state.
func (p *Provider) withPools(ctx context.Context, r *providers.Request, cluster *resource.Resource, state string, change func([]document) ([]document, error)) (*providers.Request, error) {
	old, err := parseDocument(cluster.Properties)
	if err != nil {
		return nil, err
	}
	pools, err := change(old.objects("agentPoolProfiles"))
	if err != nil {
		return nil, err
	}
	list := make([]any, 0, len(pools))
	for _, pool := range pools {
		list = append(list, map[string]any(pool))
	}
	raw, err := json.Marshal(map[string]any{"agentPoolProfiles": list})
	if err != nil {
		return nil, fmt.Errorf("writing the agent pools: %w", err)
	}
	next := cluster.Clone()
	next.Properties, next.Identity = raw, nil
	whole := &providers.Request{
		Caller: r.Caller, Method: providers.Put, Type: p.whole, APIVersion: r.APIVersion, Query: r.Query, Now: r.Now,
		ID: cluster.ID, Old: cluster, Next: next, Origin: r.Origin,
	}
	before := poolStates(cluster)
	if err := p.prepare(ctx, whole); err != nil {
		return nil, err
	}
	return whole, onlyPool(whole.Next, r.ID.Name(), state, before)
}

func poolStates(cluster *resource.Resource) map[string]any {
	states := map[string]any{}
	if d, err := parseDocument(cluster.Properties); err == nil {
		for _, pool := range d.objects("agentPoolProfiles") {
			states[pool.text("name")] = pool["provisioningState"]
		}
	}
	return states
}

// onlyPool gives one pool the state, and the others theirs back.
func onlyPool(cluster *resource.Resource, name, state string, before map[string]any) error {
	d, err := parseDocument(cluster.Properties)
	if err != nil {
		return err
	}
	for _, pool := range d.objects("agentPoolProfiles") {
		if strings.EqualFold(pool.text("name"), name) {
			pool["provisioningState"] = state
		} else {
			pool["provisioningState"] = before[pool.text("name")]
		}
	}
	cluster.Properties, err = d.raw()
	return err
}

// upgradeNodeImage is what az aks nodepool upgrade --node-image-only does: every node of the pool is made anew from the
// next node image. Where there is none, there is nothing to do.
func (p *Provider) upgradeNodeImage(ctx context.Context, r *providers.Request) (rest.Response, error) {
	cluster, err := p.Resources.Get(ctx, r.ID.Parent())
	if err != nil {
		return rest.Response{}, err
	}
	if e := p.ours(cluster, "Changing its node pools"); e != nil {
		return rest.Response{}, e
	}
	if e := running(cluster); e != nil {
		return rest.Response{}, e
	}
	if cluster.Busy() {
		return rest.Response{}, busy(cluster)
	}
	name, changed := r.ID.Name(), false
	whole, err := p.withPools(ctx, r, cluster, upgrading, func(pools []document) ([]document, error) { return pools, nil })
	if err != nil {
		return rest.Response{}, err
	}
	d, err := parseDocument(whole.Next.Properties)
	if err != nil {
		return rest.Response{}, err
	}
	for _, pool := range d.objects("agentPoolProfiles") {
		if strings.EqualFold(pool.text("name"), name) {
			latest := p.latestImage(pool.text("nodeImageVersion"), pool.text("currentOrchestratorVersion"))
			changed = latest != pool.text("nodeImageVersion")
			pool["nodeImageVersion"] = latest
		}
	}
	if !changed {
		return rest.Empty(http.StatusOK), nil
	}
	if whole.Next.Properties, err = d.raw(); err != nil {
		return rest.Response{}, err
	}
	if err := p.admit(ctx, whole); err != nil {
		return rest.Response{}, err
	}
	whole.Method, whole.Linked = providers.Do, nil
	*r = *whole
	return rest.Empty(http.StatusAccepted), nil
}

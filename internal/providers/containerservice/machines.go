package containerservice

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// machineType are the nodes of a pool as ARM shows them.
func (p *Provider) machineType() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "managedClusters/agentPools/machines", WireType: namespace + "/managedClusters/agentPools/machines",
		GroupSegment: "resourcegroups", APIVersions: apiVersions(), Levels: providers.AtGroup, Verbs: providers.ReadOnly, HideSystem: true, HideState: true,
		Get: func(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
			all, err := p.machinesOf(ctx, r.ID.Parent())
			if err != nil {
				return nil, err
			}
			for _, m := range all {
				if strings.EqualFold(m.ID.Name(), r.ID.Name()) {
					return m, nil
				}
			}
			return nil, rest.ResourceNotFound(namespace+"/managedClusters/agentPools/machines/"+r.ID.Name(), r.ID.ResourceGroup())
		},
		List: func(ctx context.Context, r *providers.Request) ([]*resource.Resource, error) {
			return p.machinesOf(ctx, r.Scope)
		},
	}
}

func (p *Provider) machinesOf(ctx context.Context, poolID armid.ID) ([]*resource.Resource, error) {
	cluster, err := p.Resources.Get(ctx, poolID.Parent())
	if err != nil {
		return nil, err
	}
	w, err := read(providers.NewRun(providers.Run{ID: cluster.ID, Resources: p.Resources, Log: p.Log}, nil), cluster)
	if err != nil {
		return nil, err
	}
	s := w.state.Pools[strings.ToLower(poolID.Name())]
	var all []*resource.Resource
	state := "Running"
	if s.Simulated {
		state = "Simulated"
	}
	for _, number := range s.present() {
		built, ok := s.Built[number]
		if !ok {
			built = s.Model
		}
		name := w.computer(strings.ToLower(poolID.Name()), number)
		instance := w.scaleSet(strings.ToLower(poolID.Name())).Child("virtualMachines", fmt.Sprint(number))
		raw, err := json.Marshal(object{"resourceId": instance.String(), "status": object{"vmState": state}, "kubernetes": object{
			"currentOrchestratorVersion": built.Version, "nodeImageVersion": built.Image, "nodeName": name,
		}})
		if err != nil {
			return nil, fmt.Errorf("writing a machine: %w", err)
		}
		all = append(all, &resource.Resource{ID: poolID.Child("machines", name), Properties: raw})
	}
	return all, nil
}

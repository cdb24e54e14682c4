package containerservice

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// The read-only resources below a cluster that tell what it could become.

type object = map[string]any

// part is a read-only type whose one resource per parent is called "default".
func (p *Provider) part(name, wireType string, get func(ctx context.Context, id armid.ID) (object, error)) *providers.Type {
	return p.parts(name, wireType, []string{"default"}, get)
}

// parts is a read-only type whose resources are the same for each parent; with no names there is one of any name.
func (p *Provider) parts(name, wireType string, names []string, get func(ctx context.Context, id armid.ID) (object, error)) *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: name, WireType: wireType, GroupSegment: "resourcegroups", APIVersions: apiVersions(),
		Levels: providers.AtGroup, Verbs: providers.CanGet, HideSystem: true, HideState: true,
		Get: func(ctx context.Context, r *providers.Request) (*resource.Resource, error) {
			if names != nil && !slices.Contains(names, r.ID.Name()) {
				return nil, rest.ResourceNotFound(namespace+"/"+name+"/"+r.ID.Name(), r.ID.ResourceGroup())
			}
			properties, err := get(ctx, r.ID)
			if err != nil {
				return nil, err
			}
			raw, err := json.Marshal(properties)
			if err != nil {
				return nil, fmt.Errorf("writing %s: %w", r.ID, err)
			}
			return &resource.Resource{ID: r.ID, Properties: raw}, nil
		},
	}
}

func (p *Provider) upgradeProfiles() *providers.Type {
	return p.part("managedClusters/upgradeProfiles", namespace+"/managedClusters/upgradeprofiles", func(ctx context.Context, id armid.ID) (object, error) {
		is, err := p.readCluster(ctx, id.Parent())
		if err != nil {
			return nil, err
		}
		if is.connected() { // whoever runs it upgrades it
			return object{"controlPlaneProfile": object{"kubernetesVersion": is.CurrentVersion, "osType": "Linux"}, "agentPoolProfiles": []object{}}, nil
		}
		var pools []object
		for _, pool := range is.AgentPools {
			pools = append(pools, object{"name": pool.Name, "kubernetesVersion": pool.CurrentVersion, "osType": pool.OSType, "upgrades": p.upgradesOf(pool.CurrentVersion)})
		}
		return object{
			"controlPlaneProfile": object{"kubernetesVersion": is.CurrentVersion, "osType": "Linux", "upgrades": p.upgradesOf(is.CurrentVersion)},
			"agentPoolProfiles":   pools,
		}, nil
	})
}

func (p *Provider) poolUpgradeProfiles() *providers.Type {
	return p.part("managedClusters/agentPools/upgradeProfiles", namespace+"/managedClusters/agentPools/upgradeProfiles", func(ctx context.Context, id armid.ID) (object, error) {
		is, err := p.readCluster(ctx, id.Parent().Parent())
		if err != nil {
			return nil, err
		}
		for _, pool := range is.AgentPools {
			if pool.Name == id.Parent().Name() {
				return object{
					"kubernetesVersion": pool.CurrentVersion, "osType": pool.OSType, "upgrades": p.upgradesOf(pool.CurrentVersion),
					"latestNodeImageVersion": p.latestImage(pool.NodeImageVersion, pool.CurrentVersion),
				}, nil
			}
		}
		return nil, rest.ResourceNotFound(clusterType+"/"+id.Parent().Parent().Name()+"/agentPools/"+id.Parent().Name(), id.ResourceGroup())
	})
}

func (p *Provider) readCluster(ctx context.Context, id armid.ID) (properties, error) {
	cluster, err := p.Resources.Get(ctx, id)
	if err != nil {
		return properties{}, err
	}
	return resource.Read[properties](cluster)
}

// availableVersions answers GET …/availableAgentPoolVersions: what a new pool can have, which isn't newer than the control
// plane.
func (p *Provider) availableVersions(_ context.Context, r *providers.Request) (rest.Response, error) {
	is, err := resource.Read[properties](r.Old)
	if err != nil {
		return rest.Response{}, err
	}
	var versions []object
	for _, version := range p.versions() {
		if !newer(version, is.CurrentVersion) {
			versions = append(versions, object{"kubernetesVersion": version, "default": version == is.CurrentVersion})
		}
	}
	return rest.OK(object{
		"id": lowerGroupSegment(r.ID) + "/availableAgentPoolVersions/default", "name": "default", "type": clusterType + "/availableAgentPoolVersions",
		"properties": object{"agentPoolVersions": versions},
	}), nil
}

// locations answers what Microsoft.ContainerService offers in a location.
func (p *Provider) locations() *providers.Type {
	return &providers.Type{
		Namespace: namespace, Name: "locations", APIVersions: append(apiVersions(), "2019-04-01", "2020-11-01", "2017-09-30"), Levels: providers.AtSubscription, Verbs: providers.CanGet, HideSystem: true, HideState: true, Public: true,
		Get: func(_ context.Context, r *providers.Request) (*resource.Resource, error) {
			return &resource.Resource{ID: r.ID}, nil
		},
		Actions: []providers.Action{
			{Name: "kubernetesVersions", Method: http.MethodGet, Run: p.kubernetesVersions},
			{Name: "orchestrators", Method: http.MethodGet, Run: p.orchestrators},
		},
	}
}

func (p *Provider) kubernetesVersions(context.Context, *providers.Request) (rest.Response, error) {
	minors := map[string]object{}
	var values []object
	for _, version := range p.versions() {
		minor := minorOf(version)
		if minors[minor] == nil {
			minors[minor] = object{
				"version": minor, "capabilities": object{"supportPlan": []string{"KubernetesOfficial"}}, "patchVersions": object{},
				"isDefault": minor == minorOf(p.KubernetesVersion), "isPreview": false,
			}
			values = append(values, minors[minor])
		}
		minors[minor]["patchVersions"].(object)[version] = object{"upgrades": p.newerThan(version)}
	}
	return rest.OK(object{"values": values}), nil
}

func (p *Provider) orchestrators(_ context.Context, r *providers.Request) (rest.Response, error) {
	var all []object
	for _, version := range p.versions() {
		one := object{"orchestratorType": "Kubernetes", "orchestratorVersion": version}
		if version == p.KubernetesVersion {
			one["default"] = true
		}
		var upgrades []object
		for _, to := range p.newerThan(version) {
			upgrades = append(upgrades, object{"orchestratorType": "Kubernetes", "orchestratorVersion": to})
		}
		if upgrades != nil {
			one["upgrades"] = upgrades
		}
		all = append(all, one)
	}
	return rest.OK(object{
		"id": r.ID.String() + "/orchestrators", "name": "default", "type": namespace + "/locations/orchestrators", "properties": object{"orchestrators": all},
	}), nil
}

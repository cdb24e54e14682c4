package cloudprovider

import (
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	k8s "k8s.io/cloud-provider"

	"github.com/lanyard-project/lanyard/internal/cloudprovider/balancer"
	"github.com/lanyard-project/lanyard/internal/cloudprovider/machines"
	"github.com/lanyard-project/lanyard/internal/cloudprovider/settings"
)

// name is what provider IDs begin with.
const name = "azure"

// cloud is what Kubernetes' controllers know of ARM.
type cloud struct {
	settings   *settings.Settings
	credential azcore.TokenCredential
	options    *arm.ClientOptions

	machines *machines.Machines
	balancer *balancer.Balancer
}

func newCloud(s *settings.Settings, socket string) (*cloud, error) {
	credential, options, err := s.Client(socket)
	if err != nil {
		return nil, err
	}
	c := &cloud{settings: s, credential: credential, options: options}
	if c.machines, err = machines.New(s.Group(), credential, options); err != nil {
		return nil, err
	}
	if c.balancer, err = balancer.New(s, credential, options); err != nil {
		return nil, err
	}
	return c, nil
}

func (*cloud) Initialize(k8s.ControllerClientBuilder, <-chan struct{}) {}
func (c *cloud) LoadBalancer() (k8s.LoadBalancer, bool)                { return c.balancer, true }
func (*cloud) Instances() (k8s.Instances, bool)                        { return nil, false }
func (c *cloud) InstancesV2() (k8s.InstancesV2, bool)                  { return c.machines, true }
func (*cloud) Zones() (k8s.Zones, bool)                                { return nil, false }
func (*cloud) Clusters() (k8s.Clusters, bool)                          { return nil, false }
func (*cloud) Routes() (k8s.Routes, bool)                              { return nil, false }
func (*cloud) ProviderName() string                                    { return name }
func (*cloud) HasClusterID() bool                                      { return true }

package balancer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v6"
	corev1 "k8s.io/api/core/v1"
	cloudprovider "k8s.io/cloud-provider"
	"k8s.io/cloud-provider/api"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/cloudprovider/settings"
)

// Balancer is a cloudprovider.LoadBalancer.
type Balancer struct {
	settings   *settings.Settings
	credential azcore.TokenCredential
	options    *arm.ClientOptions

	balancers *armnetwork.LoadBalancersClient
	subnets   *armnetwork.SubnetsClient
	groups    *armnetwork.SecurityGroupsClient
	sets      *armcompute.VirtualMachineScaleSetsClient

	// one Service at a time: they share load balancers.
	one sync.Mutex
}

// New makes a Balancer.
func New(s *settings.Settings, credential azcore.TokenCredential, options *arm.ClientOptions) (*Balancer, error) {
	b := &Balancer{settings: s, credential: credential, options: options}
	var failed [4]error
	b.balancers, failed[0] = armnetwork.NewLoadBalancersClient(s.SubscriptionID, credential, options)
	b.subnets, failed[1] = armnetwork.NewSubnetsClient(s.SubscriptionID, credential, options)
	b.groups, failed[2] = armnetwork.NewSecurityGroupsClient(s.SubscriptionID, credential, options)
	b.sets, failed[3] = armcompute.NewVirtualMachineScaleSetsClient(s.SubscriptionID, credential, options)
	if err := errors.Join(failed[:]...); err != nil {
		return nil, fmt.Errorf("making clients for load balancers: %w", err)
	}
	return b, nil
}

// poll is how often an operation under way is looked at: as often as the SDK does.
func poll() *runtime.PollUntilDoneOptions {
	return &runtime.PollUntilDoneOptions{Frequency: time.Second}
}

func isNotFound(err error) bool {
	var response *azcore.ResponseError
	return errors.As(err, &response) && response.StatusCode == http.StatusNotFound
}

// patient makes a refusal for too many calls wait for as long as ARM says.
func patient(err error) error {
	var response *azcore.ResponseError
	if !errors.As(err, &response) || response.StatusCode != http.StatusTooManyRequests || response.RawResponse == nil {
		return err
	}
	seconds, parsed := strconv.Atoi(response.RawResponse.Header.Get("Retry-After"))
	if parsed != nil {
		return err
	}
	return api.NewRetryError(err.Error(), time.Duration(seconds)*time.Second)
}

// ifMatch lets a write succeed only on what was read.
func ifMatch(ctx context.Context, etag *string) context.Context {
	if etag == nil {
		return policy.WithHTTPHeader(ctx, http.Header{"If-None-Match": {"*"}})
	}
	return policy.WithHTTPHeader(ctx, http.Header{"If-Match": {*etag}})
}

func (b *Balancer) id(name string) armid.ID {
	return b.settings.Group().Extension("Microsoft.Network", "loadBalancers", name)
}

// get reads a load balancer; nil if there is none.
func (b *Balancer) get(ctx context.Context, name string) (*armnetwork.LoadBalancer, error) {
	got, err := b.balancers.Get(ctx, b.settings.ResourceGroup, name, nil)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading load balancer %s: %w", name, err)
	}
	if got.Properties == nil {
		got.Properties = &armnetwork.LoadBalancerPropertiesFormat{}
	}
	return &got.LoadBalancer, nil
}

func (b *Balancer) put(ctx context.Context, name string, lb *armnetwork.LoadBalancer) (*armnetwork.LoadBalancer, error) {
	poller, err := b.balancers.BeginCreateOrUpdate(ifMatch(ctx, lb.Etag), b.settings.ResourceGroup, name, *lb, nil)
	if err != nil {
		return nil, fmt.Errorf("writing load balancer %s: %w", name, err)
	}
	done, err := poller.PollUntilDone(ctx, poll())
	if err != nil {
		return nil, fmt.Errorf("writing load balancer %s: %w", name, err)
	}
	return &done.LoadBalancer, nil
}

// GetLoadBalancerName implements cloudprovider.LoadBalancer.
func (b *Balancer) GetLoadBalancerName(_ context.Context, _ string, service *corev1.Service) string {
	return cloudprovider.DefaultLoadBalancerName(service)
}

// GetLoadBalancer implements cloudprovider.LoadBalancer. A Service that is only
// just being taken away has a load balancer until its public address is gone as well.
func (b *Balancer) GetLoadBalancer(ctx context.Context, cluster string, service *corev1.Service) (*corev1.LoadBalancerStatus, bool, error) {
	w, err := read(service)
	if err != nil {
		w = wish{service: service, base: cloudprovider.DefaultLoadBalancerName(service)}
	}
	for _, name := range []string{cluster, cluster + "-internal"} {
		lb, err := b.get(ctx, name)
		if err != nil {
			return nil, false, patient(err)
		}
		if lb != nil && w.hasParts(lb.Properties) {
			return service.Status.LoadBalancer.DeepCopy(), true, nil
		}
	}
	made, err := b.address(ctx, b.settings.ResourceGroup, w.ownAddress(cluster))
	if err != nil {
		return nil, false, patient(err)
	}
	return service.Status.LoadBalancer.DeepCopy(), made != nil, nil
}

func (w wish) hasParts(p *armnetwork.LoadBalancerPropertiesFormat) bool {
	for _, r := range p.LoadBalancingRules {
		if w.owns(r.Name) {
			return true
		}
	}
	for _, f := range p.FrontendIPConfigurations {
		if w.owns(f.Name) {
			return true
		}
	}
	return false
}

// EnsureLoadBalancer implements cloudprovider.LoadBalancer.
func (b *Balancer) EnsureLoadBalancer(ctx context.Context, cluster string, service *corev1.Service, nodes []*corev1.Node) (*corev1.LoadBalancerStatus, error) {
	b.one.Lock()
	defer b.one.Unlock()
	w, err := read(service)
	if err != nil {
		return nil, err
	}
	other := w
	other.internal = !w.internal
	if err := b.leave(ctx, cluster, other, nodes); err != nil {
		return nil, patient(err)
	}
	status, err := b.ensure(ctx, cluster, w, nodes)
	return status, patient(err)
}

func (b *Balancer) ensure(ctx context.Context, cluster string, w wish, nodes []*corev1.Node) (*corev1.LoadBalancerStatus, error) {
	name := w.balancer(cluster)
	lb, err := b.get(ctx, name)
	if err != nil {
		return nil, err
	}
	if lb == nil {
		lb = &armnetwork.LoadBalancer{
			Location: to.Ptr(b.settings.Location), Properties: &armnetwork.LoadBalancerPropertiesFormat{},
			SKU: &armnetwork.LoadBalancerSKU{Name: to.Ptr(armnetwork.LoadBalancerSKUNameStandard)},
		}
	}
	seat, err := b.seat(ctx, cluster, w)
	if err != nil {
		return nil, err
	}
	frontend, changed := seat.on(lb.Properties, w)
	changed = ensurePool(lb.Properties, cluster) || changed
	rules, probes := w.rules(b.id(name), frontend, cluster)
	if changed || !w.sameRules(lb.Properties, rules, probes) {
		w.takeAway(lb.Properties, frontend)
		lb.Properties.LoadBalancingRules = append(lb.Properties.LoadBalancingRules, rules...)
		lb.Properties.Probes = append(lb.Properties.Probes, probes...)
		if lb, err = b.put(ctx, name, lb); err != nil {
			return nil, err
		}
	}
	address, err := b.addressOf(lb, frontend, seat)
	if err != nil {
		return nil, err
	}
	if err := b.allow(ctx, w, address); err != nil {
		return nil, err
	}
	if err := b.join(ctx, b.id(name).Child("backendAddressPools", cluster), nodes); err != nil {
		return nil, err
	}
	if err := b.dropOwnAddress(ctx, cluster, w, seat); err != nil {
		return nil, err
	}
	return &corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: address, IPMode: to.Ptr(corev1.LoadBalancerIPModeVIP)}}}, nil
}

// ensurePool makes the pool that is called like the cluster.
func ensurePool(p *armnetwork.LoadBalancerPropertiesFormat, cluster string) (changed bool) {
	for _, pool := range p.BackendAddressPools {
		if pool.Name != nil && strings.EqualFold(*pool.Name, cluster) {
			return false
		}
	}
	p.BackendAddressPools = append(p.BackendAddressPools, &armnetwork.BackendAddressPool{Name: to.Ptr(cluster)})
	return true
}

// addressOf is the frontend's address.
func (b *Balancer) addressOf(lb *armnetwork.LoadBalancer, frontend string, s seat) (string, error) {
	if s.public != nil {
		if s.public.Properties == nil || s.public.Properties.IPAddress == nil {
			return "", fmt.Errorf("public address %s has no IP address yet", *s.public.ID)
		}
		return *s.public.Properties.IPAddress, nil
	}
	for _, f := range lb.Properties.FrontendIPConfigurations {
		if f.Name != nil && strings.EqualFold(*f.Name, frontend) && f.Properties != nil && f.Properties.PrivateIPAddress != nil {
			return *f.Properties.PrivateIPAddress, nil
		}
	}
	return "", fmt.Errorf("frontend %s has no address yet", frontend)
}

// UpdateLoadBalancer implements cloudprovider.LoadBalancer: nodes came or went.
func (b *Balancer) UpdateLoadBalancer(ctx context.Context, cluster string, service *corev1.Service, nodes []*corev1.Node) error {
	b.one.Lock()
	defer b.one.Unlock()
	w, err := read(service)
	if err != nil {
		return err
	}
	return patient(b.join(ctx, b.id(w.balancer(cluster)).Child("backendAddressPools", cluster), nodes))
}

// EnsureLoadBalancerDeleted implements cloudprovider.LoadBalancer.
func (b *Balancer) EnsureLoadBalancerDeleted(ctx context.Context, cluster string, service *corev1.Service) error {
	b.one.Lock()
	defer b.one.Unlock()
	w, err := read(service)
	if err != nil {
		// What can't be read was never made, or is known by its names all the same.
		w = wish{service: service, base: cloudprovider.DefaultLoadBalancerName(service)}
	}
	for _, internal := range []bool{false, true} {
		w.internal = internal
		if err := b.leave(ctx, cluster, w, nil); err != nil {
			return patient(err)
		}
	}
	if err := b.forbid(ctx, w); err != nil {
		return patient(err)
	}
	return patient(b.release(ctx, cluster, w))
}

// leave takes the Service off a load balancer, and the load balancer away if
// nothing is left of it.
func (b *Balancer) leave(ctx context.Context, cluster string, w wish, _ []*corev1.Node) error {
	name := w.balancer(cluster)
	lb, err := b.get(ctx, name)
	if err != nil || lb == nil {
		return err
	}
	if !w.takeAway(lb.Properties, "") {
		return nil
	}
	if len(lb.Properties.FrontendIPConfigurations) > 0 {
		_, err := b.put(ctx, name, lb)
		return err
	}
	if err := b.part(ctx, b.id(name).Child("backendAddressPools", cluster)); err != nil {
		return err
	}
	poller, err := b.balancers.BeginDelete(ctx, b.settings.ResourceGroup, name, nil)
	if err == nil {
		_, err = poller.PollUntilDone(ctx, poll())
	}
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("deleting load balancer %s: %w", name, err)
	}
	return nil
}

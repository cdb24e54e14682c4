package balancer

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v6"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// Tags of public addresses, by the names of Azure's cloud provider.
const (
	tagService = "k8s-azure-service"
	tagCluster = "k8s-azure-cluster-name"
)

// seat is where a frontend has its address from.
type seat struct {
	public *armnetwork.PublicIPAddress
	subnet *armnetwork.Subnet
	// wanted is the private address that the user chose.
	wanted string
}

// seat finds the Service's address or subnet, and makes a public address for a
// Service that brings none.
func (b *Balancer) seat(ctx context.Context, cluster string, w wish) (seat, error) {
	if w.internal {
		name := w.subnet
		if name == "" {
			name = b.settings.SubnetName
		}
		got, err := b.subnets.Get(ctx, b.settings.VNetResourceGroup, b.settings.VNetName, name, nil)
		if isNotFound(err) {
			return seat{}, fmt.Errorf("subnet %s isn't in virtual network %s: %w", name, b.settings.VNetName, err)
		}
		if err != nil {
			return seat{}, fmt.Errorf("reading subnet %s: %w", name, err)
		}
		return seat{subnet: &got.Subnet, wanted: w.address}, nil
	}
	public, err := b.publicAddress(ctx, cluster, w)
	return seat{public: public}, err
}

// on finds the frontend of the seat on a load balancer, or adds it. Services may
// share an address: the first one's frontend serves all.
func (s seat) on(p *armnetwork.LoadBalancerPropertiesFormat, w wish) (name string, changed bool) {
	for _, f := range p.FrontendIPConfigurations {
		if f.Name == nil || f.Properties == nil {
			continue
		}
		if s.public != nil && f.Properties.PublicIPAddress != nil && strings.EqualFold(*f.Properties.PublicIPAddress.ID, *s.public.ID) {
			return *f.Name, false
		}
		if s.subnet != nil && f.Properties.Subnet != nil && strings.EqualFold(*f.Properties.Subnet.ID, *s.subnet.ID) {
			has := f.Properties.PrivateIPAddress
			if s.wanted == "" && w.owns(f.Name) || s.wanted != "" && has != nil && *has == s.wanted {
				return *f.Name, false
			}
		}
	}
	f := &armnetwork.FrontendIPConfiguration{Name: to.Ptr(w.frontend()), Properties: &armnetwork.FrontendIPConfigurationPropertiesFormat{}}
	switch {
	case s.public != nil:
		f.Properties.PublicIPAddress = &armnetwork.PublicIPAddress{ID: s.public.ID}
	case s.wanted != "":
		f.Properties.Subnet = &armnetwork.Subnet{ID: s.subnet.ID}
		f.Properties.PrivateIPAllocationMethod, f.Properties.PrivateIPAddress = to.Ptr(armnetwork.IPAllocationMethodStatic), to.Ptr(s.wanted)
	default:
		f.Properties.Subnet = &armnetwork.Subnet{ID: s.subnet.ID}
		f.Properties.PrivateIPAllocationMethod = to.Ptr(armnetwork.IPAllocationMethodDynamic)
	}
	// One of the same name had another address: it gives way.
	for i, old := range p.FrontendIPConfigurations {
		if old.Name != nil && strings.EqualFold(*old.Name, *f.Name) {
			p.FrontendIPConfigurations[i] = f
			return *f.Name, true
		}
	}
	p.FrontendIPConfigurations = append(p.FrontendIPConfigurations, f)
	return *f.Name, true
}

// addresses is a client for the public addresses of a resource group.
func (b *Balancer) addresses() (*armnetwork.PublicIPAddressesClient, error) {
	return armnetwork.NewPublicIPAddressesClient(b.settings.SubscriptionID, b.credential, b.options)
}

// address reads a public address; nil if there is none.
func (b *Balancer) address(ctx context.Context, group, name string) (*armnetwork.PublicIPAddress, error) {
	client, err := b.addresses()
	if err != nil {
		return nil, err
	}
	got, err := client.Get(ctx, group, name, nil)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading public address %s in resource group %s: %w", name, group, err)
	}
	return &got.PublicIPAddress, nil
}

func (b *Balancer) publicAddress(ctx context.Context, cluster string, w wish) (*armnetwork.PublicIPAddress, error) {
	group := w.publicGroup
	if group == "" {
		group = b.settings.ResourceGroup
	}
	switch {
	case w.publicName != "":
		found, err := b.address(ctx, group, w.publicName)
		if err == nil && found == nil {
			err = fmt.Errorf("PublicIP from annotation azure-pip-name=%s for service %s doesn't exist in resource group %s", w.publicName, w.owner(), group)
		}
		if err != nil {
			return nil, err
		}
		return b.claim(ctx, group, w, found)
	case w.address != "":
		found, err := b.byAddress(ctx, group, w.address)
		if err != nil {
			return nil, err
		}
		return b.claim(ctx, group, w, found)
	}
	name := w.ownAddress(cluster)
	found, err := b.address(ctx, b.settings.ResourceGroup, name)
	if err != nil {
		return nil, err
	}
	wanted := armnetwork.PublicIPAddress{
		Location: to.Ptr(b.settings.Location), SKU: &armnetwork.PublicIPAddressSKU{Name: to.Ptr(armnetwork.PublicIPAddressSKUNameStandard)},
		Tags: map[string]*string{tagService: to.Ptr(w.owner()), tagCluster: to.Ptr(cluster)},
		Properties: &armnetwork.PublicIPAddressPropertiesFormat{
			PublicIPAllocationMethod: to.Ptr(armnetwork.IPAllocationMethodStatic), PublicIPAddressVersion: to.Ptr(armnetwork.IPVersionIPv4),
		},
	}
	if w.label != "" {
		wanted.Properties.DNSSettings = &armnetwork.PublicIPAddressDNSSettings{DomainNameLabel: to.Ptr(w.label)}
	}
	if found != nil && labelOf(found) == w.label {
		return found, nil
	}
	return b.putAddress(ctx, b.settings.ResourceGroup, name, wanted)
}

func labelOf(p *armnetwork.PublicIPAddress) string {
	if p.Properties == nil || p.Properties.DNSSettings == nil || p.Properties.DNSSettings.DomainNameLabel == nil {
		return ""
	}
	return *p.Properties.DNSSettings.DomainNameLabel
}

func (b *Balancer) putAddress(ctx context.Context, group, name string, p armnetwork.PublicIPAddress) (*armnetwork.PublicIPAddress, error) {
	client, err := b.addresses()
	if err != nil {
		return nil, err
	}
	poller, err := client.BeginCreateOrUpdate(ctx, group, name, p, nil)
	if err != nil {
		return nil, fmt.Errorf("writing public address %s in resource group %s: %w", name, group, err)
	}
	done, err := poller.PollUntilDone(ctx, poll())
	if err != nil {
		return nil, fmt.Errorf("writing public address %s in resource group %s: %w", name, group, err)
	}
	return &done.PublicIPAddress, nil
}

// byAddress finds a public address of the user's by its number.
func (b *Balancer) byAddress(ctx context.Context, group, address string) (*armnetwork.PublicIPAddress, error) {
	client, err := b.addresses()
	if err != nil {
		return nil, err
	}
	for all := client.NewListPager(group, nil); all.More(); {
		page, err := all.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("looking for public address %s in resource group %s: %w", address, group, err)
		}
		for _, p := range page.Value {
			if p.Properties != nil && p.Properties.IPAddress != nil && *p.Properties.IPAddress == address {
				return p, nil
			}
		}
	}
	return nil, fmt.Errorf("user supplied IP Address %s was not found in resource group %s", address, group)
}

// claim notes on a public address of the user's which Services use it.
func (b *Balancer) claim(ctx context.Context, group string, w wish, p *armnetwork.PublicIPAddress) (*armnetwork.PublicIPAddress, error) {
	users := usersOf(p)
	for _, user := range users {
		if user == w.owner() {
			return p, nil
		}
	}
	return b.retag(ctx, group, p, append(users, w.owner()))
}

func usersOf(p *armnetwork.PublicIPAddress) []string {
	tag := p.Tags[tagService]
	if tag == nil || *tag == "" {
		return nil
	}
	return strings.Split(*tag, ",")
}

func (b *Balancer) retag(ctx context.Context, group string, p *armnetwork.PublicIPAddress, users []string) (*armnetwork.PublicIPAddress, error) {
	next := *p
	next.Tags = maps.Clone(p.Tags)
	if next.Tags == nil {
		next.Tags = map[string]*string{}
	}
	next.Tags[tagService] = to.Ptr(strings.Join(users, ","))
	if len(users) == 0 {
		delete(next.Tags, tagService)
	}
	return b.putAddress(ifMatch(ctx, p.Etag), group, *p.Name, next)
}

// release gives the Service's address back: its own is deleted, the user's is only
// no longer marked.
func (b *Balancer) release(ctx context.Context, cluster string, w wish) error {
	if err := b.deleteAddress(ctx, w.ownAddress(cluster)); err != nil {
		return err
	}
	if w.internal && !w.brought() || !w.brought() {
		return nil
	}
	group := w.publicGroup
	if group == "" {
		group = b.settings.ResourceGroup
	}
	found, err := b.find(ctx, group, w)
	if err != nil || found == nil {
		return err
	}
	var left []string
	for _, user := range usersOf(found) {
		if user != w.owner() {
			left = append(left, user)
		}
	}
	if len(left) == len(usersOf(found)) {
		return nil
	}
	_, err = b.retag(ctx, group, found, left)
	return err
}

// find is the user's address, nil if it is gone.
func (b *Balancer) find(ctx context.Context, group string, w wish) (*armnetwork.PublicIPAddress, error) {
	if w.publicName != "" {
		return b.address(ctx, group, w.publicName)
	}
	if strings.EqualFold(w.service.Annotations[internalLB], "true") {
		return nil, nil // its address is a private one
	}
	found, err := b.byAddress(ctx, group, w.address)
	if found == nil && err != nil && strings.Contains(err.Error(), "was not found in resource group") {
		return nil, nil
	}
	return found, err
}

// dropOwnAddress deletes the address that the Service made when it had none yet.
func (b *Balancer) dropOwnAddress(ctx context.Context, cluster string, w wish, s seat) error {
	if s.public != nil && s.public.Name != nil && *s.public.Name == w.ownAddress(cluster) {
		return nil
	}
	return b.deleteAddress(ctx, w.ownAddress(cluster))
}

func (b *Balancer) deleteAddress(ctx context.Context, name string) error {
	found, err := b.address(ctx, b.settings.ResourceGroup, name)
	if err != nil || found == nil {
		return err
	}
	client, err := b.addresses()
	if err != nil {
		return err
	}
	poller, err := client.BeginDelete(ctx, b.settings.ResourceGroup, name, nil)
	if err == nil {
		_, err = poller.PollUntilDone(ctx, poll())
	}
	if err != nil && !isNotFound(err) {
		return fmt.Errorf("deleting public address %s: %w", name, err)
	}
	return nil
}

// poolOf is the pool's ID as a reference.
func poolOf(pool armid.ID) *string { return to.Ptr(pool.String()) }

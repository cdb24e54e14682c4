package network

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
)

// publicRange is where public addresses come from: the range for benchmarks (RFC 2544),
// which nobody's Internet has.
func publicRange() netip.Prefix { return netip.MustParsePrefix("198.18.0.0/15") }

// publicRangeV6 is the documentation range (RFC 3849).
func publicRangeV6() netip.Prefix { return netip.MustParsePrefix("2001:db8::/32") }

// Spaces of names that are unique in the cloud.
const (
	addressSpace = "publicip"
	labelSpace   = "publicip-label"
)

func (p *Provider) publicIPAddresses() shape.Kind {
	return shape.Kind{
		Type: document("publicIPAddresses"),
		SKU:  `{"name":"Basic","tier":"Regional"}`,
		Rules: shape.Rules{
			Defaults: `{"publicIPAddressVersion":"IPv4","idleTimeoutInMinutes":4,"ipTags":[],"ddosSettings":{"protectionMode":"VirtualNetworkInherited"}}`,
			Choices: map[string][]string{
				"publicIPAllocationMethod": {"Static", "Dynamic"}, "publicIPAddressVersion": {"IPv4", "IPv6"},
			},
			Ranges: map[string][2]int{"idleTimeoutInMinutes": {4, 30}},
			Server: []string{"ipAddress", "resourceGuid", "dnsSettings.fqdn"},
			Fixed:  []string{"publicIPAddressVersion"},
			References: []shape.Reference{
				{Path: "publicIPPrefix", To: publicIPPrefixType, Action: publicIPPrefixType + "/join/action"},
			},
			Backs: []shape.Back{
				{Member: "ipConfiguration", From: loadBalancerType + "/frontendIPConfigurations", Single: true},
				{Member: "ipConfiguration", From: interfaceType + "/ipConfigurations", Single: true},
				{Member: "natGateway", From: natGatewayType, Single: true},
			},
			Check: checkPublicIP,
		},
		Admit:  p.admitPublicIP,
		Remove: p.removePublicIP,
		Show:   showPublicIP,
		InUse: inUse("PublicIPAddressCannotBeDeleted",
			"Public IP address %s can not be deleted since it is still allocated to resource %s. In order to delete the public IP, disassociate/detach the Public IP address from the resource. To learn how to do this, see aka.ms/deletepublicip."),
	}
}

func checkPublicIP(d *shape.Document) error {
	method := d.Properties.Text("publicIPAllocationMethod")
	switch {
	case method == "" && d.SKU == "Standard":
		d.Properties.Set("publicIPAllocationMethod", "Static")
	case method == "":
		d.Properties.Set("publicIPAllocationMethod", "Dynamic")
	case method == "Dynamic" && d.SKU == "Standard":
		return rest.NewError(http.StatusBadRequest, "StandardSkuPublicIPAddressMustBeStatic",
			fmt.Sprintf("Standard sku publicIp %s must have AllocationMethod set to Static.", d.ID))
	}
	return nil
}

// admitPublicIP gives the address for good: a dynamic one is only shown while it
// is in use.
func (p *Provider) admitPublicIP(ctx context.Context, d *shape.Document) error {
	giveGUID(d)
	if err := p.claimLabel(ctx, d); err != nil {
		return err
	}
	if d.Properties.Text("ipAddress") != "" {
		return nil
	}
	from := publicRange()
	if d.Properties.Text("publicIPAddressVersion") == "IPv6" {
		from = publicRangeV6()
	}
	address, err := claimAddress(ctx, d.Deps, d.Request, d.ID, from)
	if err == nil {
		d.Properties.Set("ipAddress", address.String())
	}
	return err
}

// ClaimPublic gives a public address of IPv4 to a resource of another provider, in the
// request's transaction. Whoever has it gives it back with ReleasePublic.
func ClaimPublic(ctx context.Context, deps shape.Deps, r *providers.Request, owner armid.ID) (netip.Addr, error) {
	return claimAddress(ctx, deps, r, owner, publicRange())
}

// ReleasePublic gives a public address back, in the request's transaction, unless the owner
// gave it back before, with a deletion that then failed: it may be another one's now.
func ReleasePublic(ctx context.Context, deps shape.Deps, r *providers.Request, owner armid.ID, address netip.Addr) error {
	has, err := deps.Holder(ctx, addressSpace, address.String())
	if err == nil && strings.EqualFold(has, owner.String()) {
		deps.Unclaim(r, addressSpace, address.String())
	}
	return err
}

func claimAddress(ctx context.Context, deps shape.Deps, r *providers.Request, owner armid.ID, from netip.Prefix) (netip.Addr, error) {
	few := rest.NewError(http.StatusConflict, "PublicIPCountLimitReached", fmt.Sprintf("Cannot create more public IP addresses: too few of %s are free.", from))
	for range 64 {
		address := somewhere(from)
		has, err := deps.Holder(ctx, addressSpace, address.String())
		if err != nil {
			return netip.Addr{}, err
		}
		if has == "" {
			return address, deps.Claim(ctx, r, addressSpace, address.String(), owner, few)
		}
	}
	return netip.Addr{}, few
}

// somewhere is a random host address of the range.
func somewhere(in netip.Prefix) netip.Addr {
	raw := in.Masked().Addr().AsSlice()
	noise := make([]byte, len(raw))
	_, _ = rand.Read(noise) // never fails
	for i := in.Bits(); i < len(raw)*8; i++ {
		raw[i/8] |= noise[i/8] & (1 << (7 - i%8))
	}
	if end := raw[len(raw)-1]; end == 0 || end == 255 {
		raw[len(raw)-1] = 1 + noise[0]%254
	}
	address, _ := netip.AddrFromSlice(raw) // of a valid length by construction
	return address
}

// claimLabel gives the DNS label, which only one address of a region can have.
func (p *Provider) claimLabel(ctx context.Context, d *shape.Document) error {
	label, old := labelOf(d.Properties, d.Location), ""
	if d.Old != nil {
		old = labelOf(d.Old, d.Location)
	}
	if old != "" && old != label {
		d.Deps.Unclaim(d.Request, labelSpace, old)
	}
	if label == "" {
		return nil
	}
	d.Properties.Set("dnsSettings.fqdn", label)
	if label == old {
		return nil
	}
	return d.Deps.Claim(ctx, d.Request, labelSpace, label, d.ID, rest.NewError(http.StatusBadRequest, "DnsRecordInUse",
		fmt.Sprintf("DNS record %s is already used by another public IP.", label)))
}

func labelOf(properties shape.Object, location string) string {
	label := properties.Text("dnsSettings.domainNameLabel")
	if label == "" {
		return ""
	}
	return label + "." + location + ".cloudapp.azure.com"
}

func (p *Provider) removePublicIP(_ context.Context, d *shape.Document) error {
	if address := d.Old.Text("ipAddress"); address != "" {
		d.Deps.Unclaim(d.Request, addressSpace, address)
	}
	if label := labelOf(d.Old, d.Location); label != "" {
		d.Deps.Unclaim(d.Request, labelSpace, label)
	}
	return nil
}

func showPublicIP(ctx context.Context, d *shape.Document) error {
	if d.Properties.Text("publicIPAllocationMethod") != "Dynamic" {
		return nil
	}
	uses, err := d.Deps.Uses(ctx, d.ID)
	if len(uses) == 0 {
		d.Properties.Set("ipAddress", nil)
	}
	return err
}

// PublicAddress reads the address of a public IP resource, as those that carry
// its traffic need it.
func (p *Provider) PublicAddress(ctx context.Context, id armid.ID) (netip.Addr, error) {
	r, err := p.cfg.Resources.Get(ctx, id)
	if err != nil {
		return netip.Addr{}, err
	}
	properties, err := resource.Read[struct {
		IPAddress netip.Addr `json:"ipAddress"`
	}](r)
	return properties.IPAddress, err
}

func (p *Provider) publicIPPrefixes() shape.Kind {
	return shape.Kind{
		Type: document("publicIPPrefixes"),
		SKU:  `{"name":"Standard","tier":"Regional"}`,
		Rules: shape.Rules{
			Defaults: `{"publicIPAddressVersion":"IPv4","prefixLength":31,"ipTags":[]}`,
			Server:   []string{"ipPrefix", "resourceGuid"},
			Fixed:    []string{"prefixLength", "publicIPAddressVersion"},
			Ranges:   map[string][2]int{"prefixLength": {21, 127}},
			Backs:    []shape.Back{{Member: "publicIPAddresses", From: publicIPType}, {Member: "natGateway", From: natGatewayType, Single: true}},
		},
		Admit: func(_ context.Context, d *shape.Document) error { giveGUID(d); return nil },
		InUse: inUse("PublicIPPrefixCannotBeDeleted", "Public IP prefix %s can not be deleted since it is in use by %s."),
	}
}

package network

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/store"
	"k8s.io/utils/clock"
)

const namespace = "Microsoft.Network"

const subnetType = namespace + "/virtualNetworks/subnets"

// Config says what the provider works with.
type Config struct {
	Store     *store.Store
	Resources providers.Resources
	Clock     clock.Clock
	// Machines may be nil where there are no scale sets.
	Machines Machines
}

// Provider serves networks and what belongs to them. It is safe for concurrent use and keeps no
// state of its own: everything is in the store.
type Provider struct {
	cfg Config
}

// New returns the provider.
func New(cfg Config) *Provider { return &Provider{cfg: cfg} }

// Types returns the provider's resource types.
func (p *Provider) Types() []*providers.Type {
	types := append([]*providers.Type{p.virtualNetworks(), p.subnets(), p.privateLinkConnections()}, shape.Compile(p.deps(), p.kinds()...)...)
	for _, t := range types {
		if strings.Contains(t.Name, "/") {
			t.NotFound = partNotFound
		}
	}
	return types
}

func (p *Provider) deps() shape.Deps {
	return shape.Deps{Store: p.cfg.Store, Resources: p.cfg.Resources}
}

// apiVersions are those of Microsoft.Network since the types have their present
// shape.
func apiVersions() []string {
	return []string{
		"2015-06-15", "2016-09-01", "2017-09-01", "2017-10-01", "2018-01-01", // az 2.45 sends these in the templates of vm create
		"2018-11-01", "2019-02-01", "2019-04-01", "2019-06-01", "2019-07-01", "2019-08-01", "2019-09-01", "2019-11-01", "2019-12-01",
		"2020-03-01", "2020-04-01", "2020-05-01", "2020-06-01", "2020-07-01", "2020-08-01", "2020-11-01",
		"2021-02-01", "2021-03-01", "2021-05-01", "2021-06-01", "2021-08-01", "2021-12-01",
		"2022-01-01", "2022-05-01", "2022-07-01", "2022-09-01", "2022-11-01",
		"2023-02-01", "2023-04-01", "2023-05-01", "2023-06-01", "2023-09-01", "2023-11-01",
		"2024-01-01", "2024-03-01", "2024-05-01", "2024-07-01", "2024-10-01", "2025-01-01", "2025-03-01", "2025-05-01",
	}
}

func (p *Provider) virtualNetworks() *providers.Type {
	return &providers.Type{
		Namespace:          namespace,
		Name:               "virtualNetworks",
		APIVersions:        apiVersions(),
		Levels:             providers.AtGroup,
		Tracked:            true,
		ShowETag:           true,
		HideSystem:         true,
		NamePattern:        namePattern(),
		NameRule:           nameRule,
		ListBySubscription: true,
		References:         []string{securityGroupType, routeTableType, natGatewayType}, // its subnets'
		Prepare:            prepareVNet,
		Admit:              p.admitVNet,
		Remove:             p.removeVNet,
		Render:             p.renderVNet,
		Actions: []providers.Action{{
			Name: "checkIPAddressAvailability", Method: http.MethodGet, Permission: namespace + "/virtualNetworks/checkIpAddressAvailability/read", Run: p.checkAddress,
		}},
	}
}

func (p *Provider) subnets() *providers.Type {
	return &providers.Type{
		Namespace:   namespace,
		Name:        "virtualNetworks/subnets",
		APIVersions: apiVersions(),
		Levels:      providers.AtGroup,
		Verbs:       providers.CanGet | providers.CanList | providers.CanPut | providers.CanDelete,
		ShowETag:    true,
		HideSystem:  true,
		NamePattern: namePattern(),
		NameRule:    nameRule,
		Render:      p.renderSubnet,
		Prepare:     prepareSubnet,
		Admit:       p.admitSubnet,
		Remove:      p.removeSubnet,
	}
}

func namePattern() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,78}[A-Za-z0-9_])?$`)
}

const nameRule = "The name can be up to 80 characters long. It must begin with a word character, and it must end with a word character or with '_'. The name may contain word characters or '.', '-', '_'."

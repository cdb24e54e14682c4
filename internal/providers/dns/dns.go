package dns

import (
	"context"
	"net/http"
	"regexp"
	"time"

	"k8s.io/utils/clock"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
	"github.com/lanyard-project/lanyard/internal/providers/shape"
	"github.com/lanyard-project/lanyard/internal/store"
)

const (
	namespace   = "Microsoft.Network"
	publicType  = namespace + "/dnsZones"
	privateType = namespace + "/privateDnsZones"
	linkType    = privateType + "/virtualNetworkLinks"
	vnetType    = namespace + "/virtualNetworks"
)

// Config says what the provider works with.
type Config struct {
	Store     *store.Store
	Resources providers.Resources
	Clock     clock.PassiveClock // nil means the real one
}

func (c Config) now() time.Time {
	if c.Clock == nil {
		return time.Now()
	}
	return c.Clock.Now()
}

// Provider serves zones and record sets. It keeps no state of its own.
type Provider struct{ cfg Config }

// New returns the provider.
func New(cfg Config) *Provider { return &Provider{cfg: cfg} }

// flavour is what public and private zones differ in.
type flavour struct {
	zone     string // type name as IDs have it
	wire     string // and as documents show it: clients cut it off to find a record's type
	versions []string
	private  bool
	// soa and ns are the properties of the record sets that a new zone has.
	soa, ns string
}

func public() flavour {
	return flavour{
		zone: "dnsZones", wire: namespace + "/dnszones",
		versions: []string{"2015-05-04-preview", "2016-04-01", "2017-09-01", "2017-10-01", "2018-03-01-preview", "2018-05-01", "2023-07-01-preview"},
		soa: `{"TTL":3600,"SOARecord":{"host":"ns1-01.azure-dns.com.","email":"azuredns-hostmaster.microsoft.com","serialNumber":1,
			"refreshTime":3600,"retryTime":300,"expireTime":2419200,"minimumTTL":300}}`,
		ns: `{"TTL":172800,"NSRecords":[{"nsdname":"ns1-01.azure-dns.com."},{"nsdname":"ns2-01.azure-dns.net."},{"nsdname":"ns3-01.azure-dns.org."},{"nsdname":"ns4-01.azure-dns.info."}]}`,
	}
}

func private() flavour {
	return flavour{
		zone: "privateDnsZones", wire: privateType, private: true,
		versions: []string{"2018-09-01", "2020-01-01", "2020-06-01", "2024-06-01"},
		soa: `{"ttl":3600,"soaRecord":{"host":"azureprivatedns.net","email":"azureprivatedns-host.microsoft.com","serialNumber":1,
			"refreshTime":3600,"retryTime":300,"expireTime":2419200,"minimumTtl":10}}`,
	}
}

// Types returns the provider's resource types.
func (p *Provider) Types() []*providers.Type {
	deps := shape.Deps{Store: p.cfg.Store, Resources: p.cfg.Resources}
	var out []*providers.Type
	for _, f := range []flavour{public(), private()} {
		out = append(out, shape.Compile(deps, p.zones(f))...)
		for _, record := range recordTypes() {
			if record.memberOf(f) != "" {
				out = append(out, shape.Compile(deps, p.recordSets(f, record))...)
			}
		}
		out = append(out, p.everything(f, "all"))
		if !f.private {
			out = append(out, p.everything(f, "recordsets"))
		}
	}
	out = append(out, shape.Compile(deps, p.links())...)
	return out
}

// Ensure makes a zone, a record set or a link in the name of a service, unless it is there. See shape.Ensure.
func (p *Provider) Ensure(ctx context.Context, by providers.Caller, next *resource.Resource) (*resource.Resource, error) {
	return shape.Ensure(ctx, p.cfg.Resources, p.Types(), &providers.Request{Caller: by, ID: next.ID, Next: next, Now: p.cfg.now()})
}

const label = `[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?`

func zonePattern() *regexp.Regexp { return regexp.MustCompile(`^` + label + `(\.` + label + `)*$`) }

func recordPattern() *regexp.Regexp {
	return regexp.MustCompile(`^(@|\*|(\*\.)?` + label + `(\.` + label + `)*)$`)
}

func bad(message string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "BadRequest", message)
}

package containerservice_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// A private cluster's API server is found by its private name in the cluster's own virtual network.
func TestPrivateName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	c := p.works("demo", body(`"dnsPrefix":"demo"`, `"dnsPrefix":"demo","apiServerAccessProfile":{"enablePrivateCluster":true}`))
	name, zone, ok := strings.Cut(privateName(t, c), ".")
	if !ok || !strings.HasSuffix(zone, ".privatelink.westus2.azmk8s.io") {
		t.Fatalf("the private name is %s.%s", name, zone)
	}
	nodes := armid.ResourceGroup(subscription, "MC_rg_demo_westus2")
	own := nodes.Extension("Microsoft.Network", "privateDnsZones", zone)
	checkRecord(t, p, own, name)
	if p.get(own.Child("SOA", "@")) == nil {
		t.Error("the zone was made without its first record")
	}
	p.delete(clusterID("demo"))
	p.settle(clusterID("demo"))
	if p.get(own) != nil || p.get(own.Child("A", name)) != nil {
		t.Error("the zone is left")
	}
}

// In a zone of the user's, the cluster has a record and a link, and takes them along.
func TestPrivateNameInBroughtZone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	const group = "/subscriptions/" + subscription + "/resourceGroups/rg/providers/"
	zone := armid.MustParse(group + "Microsoft.Network/privateDnsZones/corp.privatelink.westus2.azmk8s.io")
	p.make(zone.String(), `{}`)
	control, principal := p.identity("control")
	p.grant(zoneContributorRole, "/subscriptions/"+subscription+"/resourceGroups/rg", principal)
	const place = `"apiServerAccessProfile":{"enablePrivateCluster":true,"privateDNSZone":`
	private := strings.Replace(body(`"dnsPrefix":"demo"`, `"dnsPrefix":"demo",`+place+`"`+zone.String()+`"}`),
		`{"type":"SystemAssigned"}`, `{"type":"UserAssigned","userAssignedIdentities":{"`+control+`":{}}}`, 1)
	c := p.works("demo", private)
	name, in, _ := strings.Cut(privateName(t, c), ".")
	if in != zone.Name() {
		t.Fatalf("the private name is in %s", in)
	}
	checkRecord(t, p, zone, name)
	if _, _, err := p.put(clusterID("demo"), body(`"dnsPrefix":"demo"`, place+`"system"}`)); rest.AsError(err).Code != "PropertyChangeNotAllowed" {
		t.Errorf("moving to another zone: %v", err)
	}
	p.delete(clusterID("demo"))
	p.settle(clusterID("demo"))
	if p.get(zone) == nil || p.get(zone.Child("A", name)) != nil || p.get(zone.Child("virtualNetworkLinks", name)) != nil {
		t.Error("the zone is to stay, without what the cluster had in it")
	}
}

func privateName(t *testing.T, c *resource.Resource) string {
	t.Helper()
	is, err := resource.Read[struct {
		PrivateFQDN string `json:"privateFQDN"`
	}](c)
	if err != nil {
		t.Fatal(err)
	}
	return is.PrivateFQDN
}

func checkRecord(t *testing.T, p *process, zone armid.ID, name string) {
	t.Helper()
	record, link := p.get(zone.Child("A", name)), p.get(zone.Child("virtualNetworkLinks", name))
	if record == nil || link == nil {
		t.Fatalf("the record is %v and the link %v", record, link)
	}
	is, err := resource.Read[struct {
		Records []map[string]string `json:"aRecords"`
	}](record)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]map[string]string{{"ipv4Address": "168.63.129.17"}}, is.Records); diff != "" {
		t.Errorf("the record (-want +got):\n%s", diff)
	}
	if !strings.Contains(string(link.Properties), "virtualNetworks/aks-vnet-") {
		t.Errorf("linked to %s", link.Properties)
	}
}

package providers_test

import (
	"net/http"
	"testing"
)

const zoneVersion = "?api-version=2018-05-01"

func TestZonesAndRecordSets(t *testing.T) {
	f := newCloud(t)
	zone := netPath + "dnsZones/example.org"
	f.refused(ownerID, 400, "LocationNotAvailableForResourceType", "PUT", zone+zoneVersion, `{"location":"westus2"}`)
	made := f.must(201, "PUT", zone+zoneVersion, `{"location":"global"}`)
	f.has(made, "Microsoft.Network/dnszones", "type")
	f.has(made, float64(2), "properties", "numberOfRecordSets")
	f.has(made, "ns1-01.azure-dns.com.", "properties", "nameServers", 0)

	www := zone + "/A/www"
	set := f.must(201, "PUT", www+zoneVersion, `{"properties":{"ttl":300,"arecords":[{"ipv4Address":"192.0.2.1"}],"metadata":{"k":"v"}}}`)
	f.has(set, "Microsoft.Network/dnszones/A", "type")
	f.has(set, float64(300), "properties", "TTL")
	f.has(set, "192.0.2.1", "properties", "ARecords", 0, "ipv4Address")
	f.has(set, "www.example.org.", "properties", "fqdn")
	f.has(f.must(200, "GET", zone+"/SOA/@"+zoneVersion, ""), "example.org.", "properties", "fqdn")

	// An entity tag decides between two writers.
	if status := f.header("PUT", www+zoneVersion, `{"properties":{"TTL":60}}`, "If-None-Match", "*"); status != http.StatusPreconditionFailed {
		t.Errorf("made twice: %d", status)
	}
	if status := f.header("PUT", www+zoneVersion, `{"properties":{"TTL":60,"ARecords":[{"ipv4Address":"192.0.2.2"}]}}`, "If-Match", set["etag"].(string)); status != 200 {
		t.Errorf("the right tag: %d", status)
	}
	if status := f.header("DELETE", www+zoneVersion, "", "If-Match", set["etag"].(string)); status != http.StatusPreconditionFailed {
		t.Errorf("the old tag: %d", status)
	}
	f.must(201, "PUT", zone+"/TXT/_acme.www"+zoneVersion, `{"properties":{"TTL":60,"TXTRecords":[{"value":["a","b"]}]}}`)
	f.must(201, "PUT", zone+"/A/*"+zoneVersion, `{"properties":{"TTL":60}}`)

	names := func(path string) []string {
		var out []string
		list, _ := f.must(200, "GET", path, "")["value"].([]any)
		for _, one := range list {
			out = append(out, at(one, "type").(string)+" "+at(one, "name").(string))
		}
		return out
	}
	const of = "Microsoft.Network/dnszones/"
	for path, want := range map[string][]any{
		"/A": {of + "A *", of + "A www"}, "/all": {of + "A *", of + "A www", of + "NS @", of + "SOA @", of + "TXT _acme.www"},
		"/recordsets": {of + "A *", of + "A www", of + "NS @", of + "SOA @", of + "TXT _acme.www"},
	} {
		got := []any{}
		for _, name := range names(zone + path + zoneVersion) {
			got = append(got, name)
		}
		f.has(got, want)
	}
	if got := names(zone + "/all" + zoneVersion + "&$recordsetnamesuffix=www"); len(got) != 2 {
		t.Errorf("with a suffix: %v", got)
	}
	for name, c := range map[string]struct{ path, body string }{
		"no address":     {"/A/x", `{"properties":{"TTL":60,"ARecords":[{"ipv4Address":"2001:db8::1"}]}}`},
		"CNAME beside A": {"/CNAME/www", `{"properties":{"TTL":60,"CNAMERecord":{"cname":"a"}}}`},
		"CNAME at apex":  {"/CNAME/@", `{"properties":{"TTL":60,"CNAMERecord":{"cname":"a"}}}`},
		"half an MX":     {"/MX/x", `{"properties":{"TTL":60,"MXRecords":[{"exchange":"m"}]}}`},
		"a second SOA":   {"/SOA/x", `{"properties":{"TTL":60}}`},
	} {
		t.Run(name, func(*testing.T) { f.refused(ownerID, 400, "BadRequest", "PUT", zone+c.path+zoneVersion, c.body) })
	}
	f.refused(ownerID, 400, "BadRequest", "DELETE", zone+"/NS/@"+zoneVersion, "")
	f.must(200, "DELETE", www+zoneVersion, "")
	f.must(204, "DELETE", www+zoneVersion, "")
	if message := f.refused(ownerID, 404, "NotFound", "GET", www+zoneVersion, ""); message != "The resource record 'www' does not exist in resource group 'g' of subscription '"+subscription+"'." {
		t.Error(message)
	}
	f.must(200, "DELETE", zone+zoneVersion, "")
	f.refused(ownerID, 404, "ResourceNotFound", "GET", zone+"/SOA/@"+zoneVersion, "")
}

func TestPrivateZonesAreLinkedToNetworks(t *testing.T) {
	f := newCloud(t)
	f.makeNetwork()
	const version = "?api-version=2020-06-01"
	zone := netPath + "privateDnsZones/internal.example"
	f.must(201, "PUT", zone+version, `{"location":"global"}`)
	link := `{"location":"global","properties":{"registrationEnabled":true,"virtualNetwork":{"id":"` + netPath + `virtualNetworks/v"}}}`
	f.refused(ownerID, 400, "InvalidResourceReference", "PUT", zone+"/virtualNetworkLinks/l"+version, `{"location":"global","properties":{"virtualNetwork":{"id":"`+netPath+`virtualNetworks/nope"}}}`)
	f.has(f.must(201, "PUT", zone+"/virtualNetworkLinks/l"+version, link), "Completed", "properties", "virtualNetworkLinkState")
	f.refused(ownerID, 409, "Conflict", "PUT", zone+"/virtualNetworkLinks/m"+version, link)
	got := f.must(200, "GET", zone+version, "")
	f.has(got, float64(1), "properties", "numberOfVirtualNetworkLinksWithRegistration")
	f.has(got, float64(1), "properties", "numberOfRecordSets")
	set := f.must(201, "PUT", zone+"/A/db"+version, `{"properties":{"TTL":10,"ARecords":[{"ipv4Address":"10.0.0.4"}]}}`)
	f.has(set, "Microsoft.Network/privateDnsZones/A", "type")
	f.has(set, "10.0.0.4", "properties", "aRecords", 0, "ipv4Address")
	f.has(f.must(200, "GET", zone+"/ALL"+version, ""), "db", "value", 0, "name")
	f.refused(ownerID, 409, "CannotDeleteResource", "DELETE", zone+version, "")
	f.must(200, "DELETE", zone+"/virtualNetworkLinks/l"+version, "")
	f.must(200, "DELETE", zone+version, "")
}

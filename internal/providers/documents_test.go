package providers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanyard-project/lanyard/internal/providers/authorization"
)

const (
	docVersion = "?api-version=2023-09-01"
	netPath    = "/subscriptions/" + subscription + "/resourceGroups/g/providers/Microsoft.Network/"
)

// at reads a value out of an answer: objects by name, lists by index.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

func encode(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func (f *fixture) has(v any, want any, path ...any) {
	f.Helper()
	if diff := cmp.Diff(want, at(v, path...)); diff != "" {
		f.Errorf("at %v (-want +got):\n%s", path, diff)
	}
}

func (f *fixture) makeNetwork() {
	f.Helper()
	f.must(201, "PUT", netPath+"virtualNetworks/v"+docVersion, `{"location":"westus2","properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]},
		"subnets":[{"name":"s","properties":{"addressPrefix":"10.0.0.0/24"}}]}}`)
}

func TestLoadBalancerIsOneDocumentWithParts(t *testing.T) {
	f := newCloud(t)
	ip := f.must(201, "PUT", netPath+"publicIPAddresses/ip"+docVersion, `{"location":"westus2","sku":{"name":"Standard"}}`)
	f.has(ip, "Static", "properties", "publicIPAllocationMethod")
	f.has(ip, "IPv4", "properties", "publicIPAddressVersion")
	lb := netPath + "loadBalancers/Kubernetes"
	body := `{"location":"westus2","sku":{"name":"Standard"},"properties":{
		"frontendIPConfigurations":[{"name":"b","properties":{"publicIPAddress":{"id":"` + netPath + `publicIPAddresses/IP"}}},{"name":"a","zones":["1"],"properties":{"publicIPAddress":null}}],
		"backendAddressPools":[{"name":"pool"}],
		"probes":[{"name":"p","properties":{"protocol":"tcp","port":80,"requestPath":null}}],
		"loadBalancingRules":[{"name":"r","properties":{"protocol":"TCP","frontendPort":80,"backendPort":8080,"unknown":{"x":1.0},
			"frontendIPConfiguration":{"id":"` + lb + `/frontendIPConfigurations/b"},"backendAddressPool":{"id":"` + lb + `/backendaddresspools/pool"},"probe":{"id":"` + lb + `/probes/p"}}}]}}`
	f.must(201, "PUT", lb+docVersion, body)
	got := f.must(200, "GET", lb+docVersion, "")
	f.has(got, "b", "properties", "frontendIPConfigurations", 0, "name")
	f.has(got, lb+"/frontendIPConfigurations/b", "properties", "frontendIPConfigurations", 0, "id")
	f.has(got, got["etag"], "properties", "frontendIPConfigurations", 0, "etag")
	f.has(got, lb+"/loadBalancingRules/r", "properties", "frontendIPConfigurations", 0, "properties", "loadBalancingRules", 0, "id")
	f.has(got, lb+"/loadBalancingRules/r", "properties", "backendAddressPools", 0, "properties", "loadBalancingRules", 0, "id")
	f.has(got, []any{"1"}, "properties", "frontendIPConfigurations", 1, "zones")
	f.has(got, "Tcp", "properties", "probes", 0, "properties", "protocol")
	f.has(got, float64(15), "properties", "probes", 0, "properties", "intervalInSeconds")
	f.has(got, "Succeeded", "properties", "loadBalancingRules", 0, "properties", "provisioningState")
	f.has(got, float64(1), "properties", "loadBalancingRules", 0, "properties", "unknown", "x")

	child := f.must(200, "GET", lb+"/probes/P"+docVersion, "")
	f.has(child, lb+"/probes/p", "id")
	f.has(child, "Microsoft.Network/loadBalancers/probes", "type")
	f.has(child, got["etag"], "etag")
	f.has(f.must(200, "GET", lb+"/loadBalancingRules"+docVersion, ""), "r", "value", 0, "name")

	// A pool that is put by itself is in the document, and the document's tag is new.
	f.must(201, "PUT", lb+"/backendAddressPools/other"+docVersion, `{"properties":{}}`)
	after := f.must(200, "GET", lb+docVersion, "")
	f.has(after, "other", "properties", "backendAddressPools", 1, "name")
	if after["etag"] == got["etag"] {
		t.Error("the etag is the same after a child was written")
	}
	f.refused(ownerID, 400, "InvalidResourceReference", "DELETE", lb+"/backendAddressPools/pool"+docVersion, "")
	f.must(200, "DELETE", lb+"/backendAddressPools/other"+docVersion, "")
	f.refused(ownerID, 405, "MethodNotAllowed", "PUT", lb+"/probes/q"+docVersion, `{}`)

	// The address knows who has it, and stays while it is in use.
	ip = f.must(200, "GET", netPath+"publicIPAddresses/ip"+docVersion, "")
	f.has(ip, lb+"/frontendIPConfigurations/b", "properties", "ipConfiguration", "id")
	f.refused(ownerID, 400, "PublicIPAddressCannotBeDeleted", "DELETE", netPath+"publicIPAddresses/ip"+docVersion, "")
	// What was read can be put back, and nothing changes.
	same := f.must(200, "PUT", lb+docVersion, encode(t, after))
	delete(after, "etag")
	f.has(same, at(after, "properties", "frontendIPConfigurations", 0, "properties"), "properties", "frontendIPConfigurations", 0, "properties")
	f.must(200, "DELETE", lb+docVersion, "")
	f.must(200, "DELETE", netPath+"publicIPAddresses/ip"+docVersion, "")

	for name, c := range map[string]struct{ code, body string }{
		"no such address": {"InvalidResourceReference", `{"location":"westus2","properties":{"frontendIPConfigurations":[{"name":"f","properties":{"publicIPAddress":{"id":"` + netPath + `publicIPAddresses/ip"}}}]}}`},
		"not an id":       {"LinkedInvalidPropertyId", `{"location":"westus2","properties":{"frontendIPConfigurations":[{"name":"f","properties":{"publicIPAddress":{"id":"ip"}}}]}}`},
		"another type":    {"InvalidResourceReference", `{"location":"westus2","properties":{"frontendIPConfigurations":[{"name":"f","properties":{"publicIPAddress":{"id":"` + netPath + `virtualNetworks/v"}}}]}}`},
		"no such probe":   {"InvalidResourceReference", `{"location":"westus2","properties":{"frontendIPConfigurations":[{"name":"f"}],"loadBalancingRules":[{"name":"r","properties":{"protocol":"Tcp","frontendPort":1,"backendPort":1,"frontendIPConfiguration":{"id":"` + lb + `/frontendIPConfigurations/f"},"probe":{"id":"` + lb + `/probes/nope"}}}]}}`},
		"twice":           {"InvalidRequestFormat", `{"location":"westus2","properties":{"backendAddressPools":[{"name":"f"},{"name":"F"}]}}`},
		"a bad port":      {"InvalidParameterValue", `{"location":"westus2","properties":{"probes":[{"name":"f","properties":{"protocol":"Tcp","port":70000}}]}}`},
		"no list":         {"InvalidRequestContent", `{"location":"westus2","properties":{"probes":{}}}`},
	} {
		t.Run(name, func(*testing.T) { f.refused(ownerID, 400, c.code, "PUT", lb+docVersion, c.body) })
	}
}

func TestSecurityRulesAreElementsAndChildren(t *testing.T) {
	f := newCloud(t)
	group := netPath + "networkSecurityGroups/n"
	rule := func(priority, more string) string {
		return `{"properties":{"protocol":"Tcp","access":"Allow","direction":"inbound","priority":` + priority + `,"sourceAddressPrefix":"*"` + more + `}}`
	}
	f.refused(ownerID, 404, "ParentResourceNotFound", "PUT", group+"/securityRules/ssh"+docVersion, rule("100", ""))
	f.must(201, "PUT", group+docVersion, `{"location":"westus2"}`)
	f.must(201, "PUT", group+"/securityRules/ssh"+docVersion, rule("100", ""))
	f.refused(ownerID, 400, "SecurityRuleConflict", "PUT", group+"/securityRules/rdp"+docVersion, rule("100", ""))
	f.refused(ownerID, 400, "InvalidParameterValue", "PUT", group+"/securityRules/rdp"+docVersion, rule("99", ""))
	f.must(200, "PUT", group+"/securityRules/SSH"+docVersion, rule("200", `,"description":"d"`))
	got := f.must(200, "GET", group+docVersion, "")
	f.has(got, "ssh", "properties", "securityRules", 0, "name")
	f.has(got, "d", "properties", "securityRules", 0, "properties", "description")
	f.has(got, "Inbound", "properties", "securityRules", 0, "properties", "direction")
	f.has(got, "AllowVnetInBound", "properties", "defaultSecurityRules", 0, "name")
	f.has(f.must(200, "GET", group+"/defaultSecurityRules/DenyAllInBound"+docVersion, ""), "Deny", "properties", "access")

	// A subnet that uses the group is shown, and holds it.
	f.makeNetwork()
	f.must(200, "PUT", netPath+"virtualNetworks/v/subnets/s"+docVersion, `{"properties":{"addressPrefix":"10.0.0.0/24","networkSecurityGroup":{"id":"`+group+`"}}}`)
	f.has(f.must(200, "GET", group+docVersion, ""), netPath+"virtualNetworks/v/subnets/s", "properties", "subnets", 0, "id")
	f.refused(ownerID, 400, "InUseNetworkSecurityGroupCannotBeDeleted", "DELETE", group+docVersion, "")
	f.must(200, "DELETE", group+"/securityRules/ssh"+docVersion, "")
	f.must(204, "DELETE", group+"/securityRules/ssh"+docVersion, "")
	f.must(200, "DELETE", netPath+"virtualNetworks/v"+docVersion, "")
	f.must(200, "DELETE", group+docVersion, "")
}

func TestInterfacesTakeAddressesOfTheirSubnet(t *testing.T) {
	f := newCloud(t)
	f.makeNetwork()
	nic := func(name, more string) (string, string) {
		return netPath + "networkInterfaces/" + name + docVersion,
			`{"location":"westus2","properties":{"ipConfigurations":[{"name":"ip","properties":{"subnet":{"id":"` + netPath + `virtualNetworks/v/subnets/s"}` + more + `}}]}}`
	}
	path, body := nic("one", "")
	one := f.must(201, "PUT", path, body)
	f.has(one, "10.0.0.4", "properties", "ipConfigurations", 0, "properties", "privateIPAddress")
	f.has(one, true, "properties", "ipConfigurations", 0, "properties", "primary")
	again := f.must(200, "PUT", path, body)
	f.has(again, one["properties"].(map[string]any)["macAddress"], "properties", "macAddress")
	path, body = nic("two", `,"privateIPAllocationMethod":"Static","privateIPAddress":"10.0.0.9"`)
	f.must(201, "PUT", path, body)
	path, body = nic("three", `,"privateIPAllocationMethod":"Static","privateIPAddress":"10.0.0.9"`)
	f.refused(ownerID, 400, "PrivateIPAddressInUse", "PUT", path, body)
	path, body = nic("three", `,"privateIPAllocationMethod":"Static","privateIPAddress":"10.0.0.3"`)
	f.refused(ownerID, 400, "PrivateIPAddressNotInSubnet", "PUT", path, body)
	path, body = nic("three", "")
	f.has(f.must(201, "PUT", path, body), "10.0.0.5", "properties", "ipConfigurations", 0, "properties", "privateIPAddress")

	f.refused(ownerID, 400, "InUseSubnetCannotBeDeleted", "DELETE", netPath+"virtualNetworks/v/subnets/s"+docVersion, "")
	subnet := f.must(200, "GET", netPath+"virtualNetworks/v/subnets/s"+docVersion, "")
	f.has(subnet, netPath+"networkInterfaces/one/ipConfigurations/ip", "properties", "ipConfigurations", 0, "id")
	for _, name := range []string{"one", "two", "three"} {
		path, _ = nic(name, "")
		f.must(200, "DELETE", path, "")
	}
	f.must(200, "DELETE", netPath+"virtualNetworks/v"+docVersion, "")
}

func TestReferencesNeedARightOnWhatTheyName(t *testing.T) {
	f := newCloud(t)
	f.makeNetwork()
	f.must(201, "PUT", netPath+"publicIPAddresses/ip"+docVersion, `{"location":"westus2"}`)
	// A guest who may do everything in the group "nodes", and nothing in "g".
	const contributor = "b24988ac-6180-42a0-ab88-20f7382dd24c"
	f.grant(guestID, contributor, group("nodes"))
	nodes := "/subscriptions/" + subscription + "/resourceGroups/nodes/providers/Microsoft.Network/"
	body := `{"location":"westus2","properties":{"ipConfigurations":[{"name":"ip","properties":{"subnet":{"id":"` + netPath + `virtualNetworks/v/subnets/s"}}}]}}`
	f.refused(guestID, 403, "LinkedAuthorizationFailed", "PUT", nodes+"networkInterfaces/n"+docVersion, body)
	const networkContributor = "4d97b98b-1d4f-4787-a291-c67834d212e7"
	subnet := group("g").Extension("Microsoft.Network", "virtualNetworks", "v").Child("subnets", "s")
	f.grant(guestID, networkContributor, subnet)
	if status, out := f.call(guestID, "PUT", nodes+"networkInterfaces/n"+docVersion, body); status != 201 {
		t.Fatalf("with the right: %d %v", status, out)
	}
	// Tags don't need the right again.
	if err := f.authorization.Revoke(f.Context(), authorization.Grant{By: f.admin, Scope: subnet, Role: networkContributor, PrincipalID: guestID}); err != nil {
		t.Fatal(err)
	}
	if status, out := f.call(guestID, "PATCH", nodes+"networkInterfaces/n"+docVersion, `{"tags":{"a":"b"}}`); status != 200 {
		t.Fatalf("tags: %d %v", status, out)
	}
}

func TestPeeringsConnectWhenBothHalvesAreThere(t *testing.T) {
	f := newCloud(t)
	f.makeNetwork()
	f.must(201, "PUT", netPath+"virtualNetworks/w"+docVersion, `{"location":"westus2","properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16"]}}}`)
	peer := func(from, to string) (string, string) {
		return netPath + "virtualNetworks/" + from + "/virtualNetworkPeerings/p" + docVersion, `{"properties":{"remoteVirtualNetwork":{"id":"` + netPath + `virtualNetworks/` + to + `"}}}`
	}
	path, body := peer("v", "w")
	f.has(f.must(201, "PUT", path, body), "Initiated", "properties", "peeringState")
	back, body := peer("w", "v")
	f.has(f.must(201, "PUT", back, body), "Connected", "properties", "peeringState")
	vnet := f.must(200, "GET", netPath+"virtualNetworks/v"+docVersion, "")
	f.has(vnet, "Connected", "properties", "virtualNetworkPeerings", 0, "properties", "peeringState")
	f.must(200, "PUT", netPath+"virtualNetworks/v"+docVersion, encode(t, vnet))
	f.must(200, "DELETE", netPath+"virtualNetworks/w"+docVersion, "")
	f.has(f.must(200, "GET", path, ""), "Disconnected", "properties", "peeringState")
}

// header is call with one more header, for its status.
func (f *fixture) header(method, path, body, name, value string) int {
	f.Helper()
	r, err := http.NewRequestWithContext(f.Context(), method, f.server.URL+path, strings.NewReader(body))
	if err != nil {
		f.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+ownerID)
	r.Header.Set(name, value)
	answer, err := f.server.Client().Do(r)
	if err != nil {
		f.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

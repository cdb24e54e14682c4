package providers_test

import (
	"strings"
	"testing"
)

// TestPrivateLinkServices: with the annotation azure-pls-create the provider lets a
// subnet take a private link service, makes it for a frontend, and removes its
// connections before it.
func TestPrivateLinkServices(t *testing.T) {
	f := newCloud(t)
	f.makeNetwork()
	subnet := netPath + "virtualNetworks/v/subnets/s"
	balancer, frontend := netPath+"loadBalancers/internal", netPath+"loadBalancers/internal/frontendIPConfigurations/f"
	f.must(201, "PUT", balancer+docVersion, `{"location":"westus2","sku":{"name":"Standard"},"properties":{"frontendIPConfigurations":[{"name":"f","properties":{"subnet":{"id":"`+subnet+`"}}}]}}`)
	service := netPath + "privateLinkServices/pls-f"
	body := `{"location":"westus2","tags":{"k8s-azure-owner-service":"default/web"},"properties":{"loadBalancerFrontendIpConfigurations":[{"id":"` + frontend + `"}],"visibility":{"subscriptions":["*"]},
		"ipConfigurations":[{"name":"s-pls-f-0","properties":{"subnet":{"id":"` + subnet + `"},"primary":true,"privateIPAllocationMethod":"Dynamic","privateIPAddressVersion":"IPv4"}}]}}`
	f.refused(ownerID, 400, "PrivateLinkServiceCannotBeCreatedInSubnetThatHasNetworkPoliciesEnabled", "PUT", service+docVersion, body)
	f.must(200, "PUT", subnet+docVersion, `{"properties":{"addressPrefix":"10.0.0.0/24","privateLinkServiceNetworkPolicies":"Disabled"}}`)
	made := f.must(201, "PUT", service+docVersion, body)
	f.has(made, "10.0.0.5", "properties", "ipConfigurations", 0, "properties", "privateIPAddress")
	if alias, _ := at(made, "properties", "alias").(string); !strings.HasPrefix(alias, "pls-f.") || !strings.HasSuffix(alias, ".westus2.azure.privatelinkservice") {
		t.Errorf("alias %q", alias)
	}
	f.must(200, "PUT", service+docVersion, body)
	f.has(f.must(200, "GET", netPath+"privateLinkServices"+docVersion, ""), "pls-f", "value", 0, "name")
	f.has(f.must(200, "GET", balancer+docVersion, ""), service, "properties", "frontendIPConfigurations", 0, "properties", "privateLinkService", "id")
	f.refused(ownerID, 400, "LoadBalancerInUse", "DELETE", balancer+docVersion, "")
	f.refused(ownerID, 400, "InvalidResourceReference", "PUT", netPath+"privateLinkServices/other"+docVersion, strings.ReplaceAll(body, "frontendIPConfigurations/f", "frontendIPConfigurations/g"))

	endpoint := netPath + "privateEndpoints/pe"
	wants := func(member string) string {
		return `{"location":"westus2","properties":{"subnet":{"id":"` + subnet + `"},"` + member + `":[{"name":"c","properties":{"privateLinkServiceId":"` + service + `","requestMessage":"please"}}]}}`
	}
	state := []any{"properties", "manualPrivateLinkServiceConnections", 0, "properties", "privateLinkServiceConnectionState", "status"}
	f.has(f.must(201, "PUT", endpoint+docVersion, wants("manualPrivateLinkServiceConnections")), "Pending", state...)
	there := f.must(200, "GET", service+docVersion, "")
	f.has(there, endpoint, "properties", "privateEndpointConnections", 0, "properties", "privateEndpoint", "id")
	connection := service + "/privateEndpointConnections/" + at(there, "properties", "privateEndpointConnections", 0, "name").(string)
	f.has(f.must(200, "GET", connection+docVersion, ""), "Pending", "properties", "privateLinkServiceConnectionState", "status")
	f.must(200, "PUT", connection+docVersion, `{"properties":{"privateLinkServiceConnectionState":{"status":"Approved","description":"fine"}}}`)
	f.has(f.must(200, "GET", endpoint+docVersion, ""), "Approved", state...)
	f.refused(ownerID, 400, "InvalidParameterValue", "PUT", connection+docVersion, `{"properties":{"privateLinkServiceConnectionState":{"status":"Perhaps"}}}`)
	f.refused(ownerID, 404, "NotFound", "PUT", service+"/privateEndpointConnections/new"+docVersion, `{"properties":{"privateLinkServiceConnectionState":{"status":"Approved"}}}`)
	f.refused(ownerID, 409, "CannotDeleteResource", "DELETE", service+docVersion, "")
	f.must(200, "DELETE", connection+docVersion, "")
	f.has(f.must(200, "GET", endpoint+docVersion, ""), "Disconnected", state...)
	f.must(200, "DELETE", endpoint+docVersion, "")

	// Who may approve needs to ask nobody; with the endpoint its connection goes.
	f.has(f.must(201, "PUT", endpoint+docVersion, wants("privateLinkServiceConnections")), "Approved", "properties", "privateLinkServiceConnections", 0, "properties", "privateLinkServiceConnectionState", "status")
	f.must(200, "DELETE", endpoint+docVersion, "")
	f.must(200, "DELETE", service+docVersion, "")
	f.must(200, "DELETE", balancer+docVersion, "")
}

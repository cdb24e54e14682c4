package containerservice_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
)

// TestErrorTable holds each error code of AKS about the identities of a cluster that a request can provoke, with such a
// request; a grant, where one is named, then makes the same request succeed.
//
// Not reachable here: OnlySupportedOnUserAssignedMSICluster outside of the strict rules (a system-assigned control plane
// in a brought network gets its role afterwards); ReconcileMSICredentialError, ReconcileAgentPoolIdentityError and RotateClusterCertificatesError,
// whose work can't fail for a reason of the user's; RoleAssignmentLimitExceeded, since there is no limit. Those of add-ons,
// of podIdentityProfile and of aadProfile stand in the tests of those, EtagMismatch in TestETag.
func TestErrorTable(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	plane, planePrincipal := p.identity("plane")
	kubelet, _ := p.identity("kubelet")
	application, err := p.directory.CreateApplication(t.Context(), tenant, "aks")
	if err != nil {
		t.Fatal(err)
	}
	expired, err := p.directory.AddSecret(t.Context(), application.ObjectID, "expired", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(expired.End))
	const group = "/subscriptions/" + subscription + "/resourceGroups/rg"
	const vnet = group + "/providers/Microsoft.Network/virtualNetworks/v"
	const table = group + "/providers/Microsoft.Network/routeTables/rt"
	const zone = group + "/providers/Microsoft.Network/privateDnsZones/privatelink.westus2.azmk8s.io"
	p.make(vnet, `{"addressSpace":{"addressPrefixes":["10.240.0.0/16"]}}`)
	p.make(vnet+"/subnets/plain", `{"addressPrefix":"10.240.0.0/20"}`)
	p.make(vnet+"/subnets/routed", `{"addressPrefix":"10.240.16.0/20","routeTable":{"id":"`+table+`"}}`)

	own := `{"type":"UserAssigned","userAssignedIdentities":{"` + plane + `":{}}}`
	const system = `{"type":"SystemAssigned"}`
	cluster := func(identity, properties, pool, network string) string {
		return `{"location":"westus2","identity":` + identity + `,"properties":{` + properties + `"dnsPrefix":"demo","agentPoolProfiles":[{"name":"p","count":1,"mode":"System"` + pool + `}],"networkProfile":{` + network + `}}}`
	}
	sp := func(id, password string) string {
		return cluster(`{"type":"None"}`, `"servicePrincipalProfile":{"clientId":"`+id+`","secret":"`+password+`"},`, "", "")
	}
	kubeletOf := func(text string) string { return `"identityProfile":{"kubeletidentity":{` + text + `}},` }
	private := `"apiServerAccessProfile":{"enablePrivateCluster":true,"privateDNSZone":"` + zone + `"},`
	type grant struct{ role, scope string }
	for _, tc := range []struct {
		name  string
		rules containerservice.Rules
		body  string
		code  string
		text  string
		grant *grant
	}{
		{name: "kubelet identity without Managed Identity Operator", body: cluster(own, kubeletOf(`"resourceId":"`+kubelet+`"`), "", ""),
			code: "CustomKubeletIdentityMissingPermissionError", text: "must be granted 'Managed Identity Operator' role to assign kubelet identity.", grant: &grant{operatorRole, kubelet}},
		{name: "one identity in both roles, strict", rules: containerservice.Rules{Strict: true}, body: cluster(own, kubeletOf(`"resourceId":"`+plane+`"`), "", ""),
			code: "CustomKubeletIdentityMissingPermissionError", text: "Managed Identity Operator", grant: &grant{operatorRole, plane}},
		{name: "kubelet identity with a system-assigned control plane", body: cluster(system, kubeletOf(`"resourceId":"`+kubelet+`"`), "", ""),
			code: "CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster"},
		{name: "kubelet identity with a service principal", body: strings.Replace(sp("a", "b"), `"dnsPrefix"`, kubeletOf(`"resourceId":"`+kubelet+`"`)+`"dnsPrefix"`, 1),
			code: "CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster"},
		{name: "kubelet identity's client ID", body: cluster(own, kubeletOf(`"resourceId":"`+kubelet+`","clientId":"other"`), "", ""), code: "CustomKubeletIdentityPropertyError"},
		{name: "kubelet identity's resource ID", body: cluster(own, kubeletOf(`"resourceId":"x"`), "", ""), code: "CustomKubeletIdentityPropertyError"},
		{name: "system-assigned in a kubenet network, strict", rules: containerservice.Rules{Strict: true}, body: cluster(system, "", `,"vnetSubnetID":"`+vnet+`/subnets/plain"`, `"networkPlugin":"kubenet"`),
			code: "OnlySupportedOnUserAssignedMSICluster", text: "System-assigned managed identity not supported for custom resource VirtualNetworks. Please use user-assigned managed identity."},
		{name: "system-assigned with a route table", body: cluster(system, "", `,"vnetSubnetID":"`+vnet+`/subnets/routed"`, `"networkPlugin":"kubenet"`), code: "CustomRouteTableWithUnsupportedMSIType"},
		{name: "user-defined routing without a table", body: cluster(own, "", `,"vnetSubnetID":"`+vnet+`/subnets/plain"`, `"outboundType":"userDefinedRouting"`), code: "ExistingRouteTableNotAssociatedWithSubnet"},
		{name: "subnet that the control plane may not join", body: cluster(own, "", `,"vnetSubnetID":"`+vnet+`/subnets/plain"`, ""),
			code: "LinkedAuthorizationFailed", text: planePrincipal, grant: &grant{networkContributorRole, vnet}},
		{name: "private DNS zone that the control plane may not write", body: cluster(own, private, "", ""),
			code: "CustomPrivateDNSZoneMissingPermissionError", text: "must be given permission to read and write to custom private dns zone " + zone, grant: &grant{zoneContributorRole, group}},
		{name: "route table that the control plane may not write", body: cluster(own, "", `,"vnetSubnetID":"`+vnet+`/subnets/routed"`, `"outboundType":"userDefinedRouting"`),
			code: "CustomRouteTableMissingPermission", text: "Managed identity or service principle must be given permission to read and write to custom route table " + table + ".", grant: &grant{networkContributorRole, group}},
		{name: "private DNS zone with a system-assigned control plane", body: cluster(system, private, "", ""), code: "SystemAssignedIdentityNotSupportedForCustomPrivateDNSZone"},
		{name: "control plane's identity that is no identity", body: cluster(strings.Replace(own, plane, vnet, 1), "", "", ""), code: "InvalidManagedIdentityResourceID"},
		{name: "control plane's identity that isn't there", body: cluster(strings.Replace(own, "/plane", "/gone", 1), "", "", ""), code: "GetUserAssignedIdentityResourceError", text: "was not found"},
		{name: "preview that isn't registered", rules: containerservice.Rules{Of2020: true}, body: cluster(own, "", "", ""), code: "PreviewFeatureNotRegistered"},
		{name: "service principal that isn't there", body: sp("11111111-2222-4333-8444-555555555555", "x"), code: "ServicePrincipalNotFound", text: "not found in Active Directory tenant"},
		{name: "service principal's wrong secret", body: sp(application.AppID, "x"), code: "ServicePrincipalValidationClientError", text: "AADSTS7000215"},
		{name: "service principal's expired secret", body: sp(application.AppID, expired.Value.Reveal()), code: "ServicePrincipalValidationClientError", text: "AADSTS7000222"},
		{name: "service principal's long secret", body: sp(application.AppID, strings.Repeat("x", 191)), code: "SPClientSecretTooLongError"},
		{name: "subnet that isn't there", body: cluster(own, "", `,"vnetSubnetID":"`+vnet+`/subnets/gone"`, ""), code: "SubnetNotFound"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p.provider.Rules = tc.rules
			_, _, err := p.put(clusterID("demo"), tc.body)
			var answer *rest.Error
			if !errors.As(err, &answer) || answer.Code != tc.code || !strings.Contains(answer.Message, tc.text) || answer.Status < 400 || answer.Status > 499 {
				t.Fatalf("got %v, want %s: %s", err, tc.code, tc.text)
			}
			if tc.grant == nil {
				return
			}
			p.grant(tc.grant.role, tc.grant.scope, planePrincipal)
			if _, _, err := p.put(clusterID("demo"), tc.body); err != nil {
				t.Fatalf("after the grant: %v", err)
			}
			p.settle(clusterID("demo"))
			p.delete(clusterID("demo"))
			p.settle(clusterID("demo"))
		})
	}
	if p.get(armid.MustParse(vnet)) == nil {
		t.Error("the brought network is gone")
	}
}

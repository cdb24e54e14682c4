package containerservice_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/directory"
	"github.com/lanyard-project/lanyard/internal/providers/containerservice"
)

// refusal is an error of AKS, and a request that provokes it.
type refusal struct {
	name  string
	code  string
	text  string
	rules containerservice.Rules
	ask   func() error
	// grant makes the same request succeed: Role to the identity of the user-assigned control plane.
	grant *roleAt
}

type roleAt struct{ role, scope string }

// TestErrorTable holds each error code of AKS about the identities of a cluster, of its pod identities and of its add-ons
// that a request can provoke, with such a request; a grant, where one is named, then makes it succeed. No code that is
// known of AKS here is left out: it stands in the table, or among those that can't be reached, with the reason.
func TestErrorTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.start()
	defer p.stop()
	table := newErrorTable(p)
	provoked := map[string]bool{}
	for _, tc := range append(append(table.identityRefusals(), table.updateRefusals()...), table.addonRefusals()...) {
		t.Run(tc.name, func(t *testing.T) {
			p.provider.Rules = tc.rules
			var answer *rest.Error
			if err := tc.ask(); !errors.As(err, &answer) || !strings.Contains(answer.Message, tc.text) {
				t.Fatalf("got %v, want %s: %s", err, tc.code, tc.text)
			}
			codes := append([]rest.Error{*answer}, answer.Details...)
			found := false
			for _, one := range codes {
				provoked[one.Code] = true
				found = found || one.Code == tc.code
			}
			if !found {
				t.Fatalf("got %+v, want %s", codes, tc.code)
			}
			want := http.StatusBadRequest
			if other, ok := notBadRequests[answer.Code]; ok {
				want = other
			}
			if answer.Status != want && answer.Status != accepted {
				t.Errorf("%s has status %d, want %d", answer.Code, answer.Status, want)
			}
			if tc.grant == nil {
				return
			}
			p.grant(tc.grant.role, tc.grant.scope, table.planePrincipal)
			if err := tc.ask(); err != nil {
				t.Fatalf("after the grant: %v", err)
			}
			p.settle(clusterID("demo"))
			p.delete(clusterID("demo"))
			p.settle(clusterID("demo"))
		})
	}
	if p.get(armid.MustParse(table.vnet)) == nil {
		t.Error("the brought network is gone")
	}
	if t.Failed() {
		return
	}
	for _, code := range knownCodes {
		switch reason, unreachable := notReachable[code]; {
		case !unreachable && !provoked[code]:
			t.Errorf("%s is neither provoked nor said to be unreachable", code)
		case unreachable && provoked[code]:
			t.Errorf("%s was provoked, and is said to be unreachable: %s", code, reason)
		}
	}
}

// knownCodes are those that are known of AKS about pod identity, changes of a cluster's identities, and brought ones.
var knownCodes = []string{
	"PodIdentityAddonFeatureFlagNotEnabled", "PodIdentityAddonUserAssignedIdentitiesNotAllowedInCreation", "PodIdentityAddonIdentitiesAssignmentError",
	"PodIdentityAddonWithKubeNetNotAllowed", "PodIdentityAddonWithKubeNetNeedsConsent", "ReconcilePodIdentityAddonError",
	"PropertyChangeNotAllowed", "BadRequest", "InvalidParameter", "SystemAssignedIdentityNotSupportedForCustomPrivateDNSZone",
	"CustomKubeletIdentityMissingPermissionError", "CustomKubeletIdentityOnlySupportedOnUserAssignedMSICluster", "CustomKubeletIdentityPropertyError",
	"OnlySupportedOnUserAssignedMSICluster", "CustomRouteTableMissingPermission", "CustomRouteTableWithUnsupportedMSIType", "CustomPrivateDNSZoneMissingPermissionError",
	"InvalidManagedIdentityResourceID", "GetUserAssignedIdentityResourceError", "LinkedAuthorizationFailed", "PreviewFeatureNotRegistered", "OperationNotAllowed", "EtagMismatch",
	"ServicePrincipalNotFound", "ServicePrincipalValidationClientError", "SPClientSecretTooLongError", "AddonInvalid", "LogAnalyticsWorkspaceNotSet",
	"IngressAppGwAddonConfigInvalid", "IngressAppGwAddonConfigInvalidApplicationGatewayId", "IngressAppGwAddonConfigProvideEitherApplicationGatewayIDOrSubnet",
	"IngressAppGwAddonConfigProvideEitherApplicationGatewayIDOrApplicationGatewayName", "IngressAppGwAddonConfigProvideEitherSubnetCIDROrSubnetId",
	"IngressAppGwAddonConfigProvideUseSubnetCIDRInsteadOfSubnetPrefix", "IngressAppGwAddonConfigInvalidSubnetCIDR", "IngressAppGwAddonConfigInvalidSubnetId",
	"ReconcileMSICredentialError", "ReconcileKubeletIdentityError", "ReconcileAgentPoolIdentityError", "ReconcileAddonIdentityError", "ReconcileAddonIdentityRoleAssignmentError",
	"CreateRoleAssignmentOnMSIError", "RotateClusterCertificatesError", "ManagedClusterStopError", "ManagedClusterStartError", "ResourceGroupLocked", "ScopeLocked",
	"RoleAssignmentLimitExceeded", "SubnetNotFound",
}

// notBadRequests are the codes whose status isn't 400.
var notBadRequests = map[string]int{
	"LinkedAuthorizationFailed": http.StatusForbidden, "OperationNotAllowed": http.StatusConflict, "EtagMismatch": http.StatusConflict, "ScopeLocked": http.StatusConflict,
	"ResourceGroupLocked": http.StatusConflict,
}

// accepted is the status of a request whose operation failed later.
const accepted = http.StatusOK

// notReachable are the known codes that no request provokes, and why.
var notReachable = map[string]string{
	"ReconcileAgentPoolIdentityError":           "identities are put on scale sets in one write of ours, which nothing of the user's can refuse",
	"ReconcileAddonIdentityError":               "an add-on's identity is made, or found, in a group that is the cluster's own",
	"ReconcileAddonIdentityRoleAssignmentError": "as RoleAssignmentLimitExceeded",
	"CreateRoleAssignmentOnMSIError":            "as RoleAssignmentLimitExceeded",
	"RoleAssignmentLimitExceeded":               "this cloud has no limit of role assignments",
	"RotateClusterCertificatesError":            "only a fault of the cloud's own machine makes this fail",
	"ManagedClusterStopError":                   "only a fault of the cloud's own machine makes this fail",
	"ManagedClusterStartError":                  "only a fault of the cloud's own machine makes this fail",
}

// errorTable has what the requests of the table are about: an identity for control planes, one for kubelets, one for pods,
// a network and a DNS zone of the user's, service principals, and three clusters.
type errorTable struct {
	*process
	plane, planePrincipal  string
	kubelet                string
	app                    *resource.Resource
	vnet, routes, zone     string
	appID, secret, expired string
}

func newErrorTable(p *process) *errorTable {
	p.t.Helper()
	const group = "/subscriptions/" + subscription + "/resourceGroups/rg"
	e := &errorTable{process: p, vnet: group + "/providers/Microsoft.Network/virtualNetworks/v", routes: group + "/providers/Microsoft.Network/routeTables/rt",
		zone: group + "/providers/Microsoft.Network/privateDnsZones/privatelink.westus2.azmk8s.io"}
	e.plane, e.planePrincipal = p.identity("plane")
	e.kubelet, _ = p.identity("kubelet")
	e.app = p.badge("app", nil)
	application, err := p.directory.CreateApplication(p.t.Context(), tenant, "aks")
	if err != nil {
		p.t.Fatal(err)
	}
	good, err := p.directory.AddSecret(p.t.Context(), application.ObjectID, "good", time.Hour)
	if err != nil {
		p.t.Fatal(err)
	}
	expired, err := p.directory.MakeSecret(p.t.Context(), application.ObjectID, directory.NewSecret{DisplayName: "expired", Start: time.Now().Add(-2 * time.Hour), End: time.Now().Add(-time.Hour)})
	if err != nil {
		p.t.Fatal(err)
	}
	e.appID, e.secret, e.expired = application.AppID, good.Value.Reveal(), expired.Value.Reveal()
	p.make(e.vnet, `{"addressSpace":{"addressPrefixes":["10.240.0.0/16"]}}`)
	p.make(e.vnet+"/subnets/plain", `{"addressPrefix":"10.240.0.0/20"}`)
	p.make(e.vnet+"/subnets/routed", `{"addressPrefix":"10.240.16.0/20","routeTable":{"id":"`+e.routes+`"}}`)
	p.works("system", strings.Replace(simple, `"dnsPrefix":"demo"`, `"dnsPrefix":"system"`, 1))
	p.works("user", strings.NewReplacer(`"dnsPrefix":"demo"`, `"dnsPrefix":"user"`, `{"type":"SystemAssigned"}`, e.own()).Replace(simple))
	p.works("sp", strings.Replace(spBody(e.appID, e.secret), `"dnsPrefix":"demo"`, `"dnsPrefix":"sp"`, 1))
	p.pair("lone-plane", "lone-kubelet")
	p.works("lone", strings.Replace(withPair("lone-plane", "lone-kubelet"), `"dnsPrefix":"demo"`, `"dnsPrefix":"lone"`, 1))
	return e
}

// own is an identity block with the user's control plane.
func (e *errorTable) own() string {
	return `{"type":"UserAssigned","userAssignedIdentities":{"` + e.plane + `":{}}}`
}

const systemAssigned = `{"type":"SystemAssigned"}`

// new asks for a cluster that isn't there.
func (e *errorTable) new(identity, properties, pool, network string) func() error {
	return e.to("demo", `{"location":"westus2","identity":`+identity+`,"properties":{`+properties+`"dnsPrefix":"demo","agentPoolProfiles":[{"name":"p","count":1,"mode":"System"`+pool+`}],"networkProfile":{`+network+`}}}`)
}

// to sends a cluster a document.
func (e *errorTable) to(cluster, document string) func() error {
	return func() error {
		_, _, err := e.put(clusterID(cluster), document)
		return err
	}
}

// change asks a cluster for another property.
func (e *errorTable) change(cluster, property string) func() error {
	return e.to(cluster, change(property))
}

// with sends an error table's request while the subscription has a preview feature.
func (e *errorTable) with(feature string, ask func() error) func() error {
	return func() error {
		e.features = map[string]bool{"Microsoft.ContainerService/" + feature: true}
		defer func() { e.features = nil }()
		return ask()
	}
}

// later waits for the end of an accepted request's operation, and returns what it failed with.
func (e *errorTable) later(cluster, document string) func() error {
	return func() error {
		outcome, _, err := e.put(clusterID(cluster), document)
		if err != nil {
			return fmt.Errorf("not even accepted: %w", err)
		}
		e.settle(clusterID(cluster))
		record, err := e.engine.Operation(e.t.Context(), outcome.Operation.ID)
		if err != nil || record.Error == nil {
			return err
		}
		failure := &rest.Error{Status: accepted, Code: record.Error.Code, Message: record.Error.Message}
		for _, detail := range record.Error.Details {
			failure.Details = append(failure.Details, rest.Error{Code: detail.Code, Message: detail.Message})
		}
		return failure
	}
}

// locked asks while there is a lock on a resource group.
func (e *errorTable) locked(group, level string, ask func() error) func() error {
	return func() error {
		e.locks = map[string]string{group: level}
		defer func() { e.locks = nil }()
		return ask()
	}
}

func (e *errorTable) removal(cluster string) func() error {
	return func() error {
		_, err := e.engine.Delete(e.t.Context(), caller(), clusterID(cluster))
		return err
	}
}

// without deletes an identity before it asks.
func (e *errorTable) without(identity string, ask func() error) func() error {
	return func() error {
		e.delete(armid.MustParse(identityID(identity)))
		return ask()
	}
}

// tagged asks with an entity tag that isn't the cluster's, as only the pipeline can be asked.
func (e *errorTable) tagged() error {
	client := newClient(e.t, e.serve(), caller().ObjectID)
	_, err := client.BeginCreateOrUpdate(e.t.Context(), "rg", "system", armcontainerservice.ManagedCluster{Location: to.Ptr("westus2")},
		&armcontainerservice.ManagedClustersClientBeginCreateOrUpdateOptions{IfMatch: to.Ptr("other")})
	return &rest.Error{Status: statusOf(err), Code: code(err), Message: fmt.Sprint(err)}
}

// busily sends a cluster a document while another operation works on it.
func (e *errorTable) busily(cluster, first, second string) func() error {
	return func() error {
		hold := make(chan struct{})
		e.mu.Lock()
		e.fail = func(call string) error {
			if strings.HasPrefix(call, "Apply") {
				<-hold
			}
			return nil
		}
		e.mu.Unlock()
		defer func() {
			close(hold)
			e.settle(clusterID(cluster))
			e.fail = nil
		}()
		if err := e.to(cluster, first)(); err != nil {
			return err
		}
		return e.to(cluster, second)()
	}
}

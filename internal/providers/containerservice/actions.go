package containerservice

import (
	"context"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
	"github.com/lanyard-project/lanyard/internal/providers"
)

// actions are what a cluster can be asked for beside its document.
func (p *Provider) actions() []providers.Action {
	return []providers.Action{
		{Name: "listClusterUserCredential", Run: p.handOut(clusterUser)},
		{Name: "listClusterAdminCredential", Run: p.handOut(clusterAdmin)},
		{Name: "listClusterMonitoringUserCredential", Run: p.handOut(clusterMonitoring)},
		{Name: "resetAADProfile", Run: p.resetEntra},
		{Name: "resetServicePrincipalProfile", Run: p.forOurs("Giving it a service principal", p.resetServicePrincipal)},
		{Name: "availableAgentPoolVersions", Method: http.MethodGet, Permission: clusterType + "/availableAgentPoolVersions/read", Run: p.forOurs("Adding node pools", p.availableVersions)},
		{Name: "stop", Run: p.forOurs("Stopping it", p.stop)},
		{Name: "start", Run: p.forOurs("Starting it", p.start)},
		{Name: "rotateClusterCertificates", Run: p.forOurs("Rotating its certificates", p.rotateCertificates)},
		{Name: "rotateServiceAccountSigningKeys", Run: p.forOurs("Rotating the keys of its service accounts", p.rotateTokenKeys)},
		{Name: "runCommand", Run: p.runCommand},
	}
}

// runCommand isn't offered: a command in the cluster would have to run with rights that nobody gave its caller there.
func (p *Provider) runCommand(context.Context, *providers.Request) (rest.Response, error) {
	return rest.Response{}, notOffered("RunCommandNotSupported", "runCommand", "Running a command in the cluster (az aks command invoke)")
}

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
		{Name: "resetServicePrincipalProfile", Run: p.resetServicePrincipal},
		{Name: "availableAgentPoolVersions", Method: http.MethodGet, Permission: clusterType + "/availableAgentPoolVersions/read", Run: p.availableVersions},
		{Name: "stop", Run: p.stop},
		{Name: "start", Run: p.start},
		{Name: "rotateClusterCertificates", Run: p.rotateCertificates},
		{Name: "rotateServiceAccountSigningKeys", Run: p.rotateTokenKeys},
		{Name: "runCommand", Run: p.runCommand},
	}
}

// runCommand isn't offered: a command in the cluster would have to run with rights that nobody gave its caller there.
func (p *Provider) runCommand(context.Context, *providers.Request) (rest.Response, error) {
	return rest.Response{}, notOffered("RunCommandNotSupported", "runCommand", "Running a command in the cluster (az aks command invoke)")
}

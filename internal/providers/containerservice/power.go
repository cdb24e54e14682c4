package containerservice

import (
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// running refuses what needs a cluster that runs.
func running(cluster *resource.Resource) *rest.Error {
	d, err := parseDocument(cluster.Properties)
	if err != nil || asObject(d["powerState"]).text("code") != stopped {
		return nil
	}
	return &rest.Error{Status: http.StatusConflict, Code: "OperationNotAllowed", Message: "managed cluster is in Provisioning State(" + cluster.ProvisioningState +
		") and Power State(Stopped), updating cannot be performed. Only starting and deleting are possible: start it first, with az aks start."}
}

const stopped = "Stopped"

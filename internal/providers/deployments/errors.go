package deployments

import (
	"fmt"
	"net/http"

	"github.com/lanyard-project/lanyard/internal/arm/rest"
)

// invalid is the error for a template that can't be deployed as it is.
func invalid(format string, a ...any) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "InvalidTemplate", "Deployment template validation failed: '"+fmt.Sprintf(format, a...)+"'.")
}

func unsupported(what, instead string) *rest.Error {
	return rest.NewError(http.StatusBadRequest, "DeploymentFeatureNotSupported", what+" aren't supported. "+instead)
}

// notAuthorized is what a deployment fails with before it has made anything.
func notAuthorized(details []rest.Error) *rest.Error {
	e := rest.NewError(http.StatusForbidden, "InvalidTemplateDeployment", "Deployment failed with multiple errors: '")
	for i, d := range details {
		if i > 0 {
			e.Message += ":"
		}
		e.Message += d.Message
	}
	e.Message += "'"
	e.Details = details
	return e
}

func deploymentFailed(details []rest.Error) *rest.Error {
	e := rest.NewError(http.StatusConflict, "DeploymentFailed",
		"At least one resource deployment operation failed. Please list deployment operations for details. Please see https://aka.ms/arm-deployment-operations for usage details.")
	e.Details = details
	return e
}

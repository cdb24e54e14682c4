package conformance

import (
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armdeployments"
)

// identityTemplate makes an identity and lets it read the group, as the templates of AKS's walk-throughs do.
func identityTemplate() map[string]any {
	return map[string]any{
		"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0",
		"parameters": map[string]any{"name": map[string]any{"type": "string"}},
		"variables":  map[string]any{"id": "[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', parameters('name'))]"},
		"resources": []any{
			map[string]any{"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31", "name": "[parameters('name')]", "location": "[resourceGroup().location]"},
			map[string]any{
				"type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2022-04-01", "name": "[guid(resourceGroup().id, parameters('name'))]", "dependsOn": []any{"[variables('id')]"},
				"properties": map[string]any{
					"roleDefinitionId": "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'acdd72a7-3385-48ef-bd42-f606fba81ae7')]",
					"principalId":      "[reference(variables('id'), '2023-01-31').principalId]", "principalType": "ServicePrincipal",
				},
			},
		},
		"outputs": map[string]any{"clientId": map[string]any{"type": "string", "value": "[reference(variables('id'), '2023-01-31').clientId]"}},
	}
}

func TestDeployments(t *testing.T) {
	ctx, in := t.Context(), group(t)
	deployments := must[*armdeployments.DeploymentsClient](t, "making a client")(armdeployments.NewDeploymentsClient(cloud.Subscription, cloud.credential, cloud.options))
	operations := must[*armdeployments.DeploymentOperationsClient](t, "making a client")(armdeployments.NewDeploymentOperationsClient(cloud.Subscription, cloud.credential, cloud.options))
	of := func(template any, name string) armdeployments.Deployment {
		return armdeployments.Deployment{Properties: &armdeployments.DeploymentProperties{
			Mode: to.Ptr(armdeployments.DeploymentModeIncremental), Template: template, Parameters: map[string]*armdeployments.DeploymentParameter{"name": {Value: name}},
		}}
	}
	done[armdeployments.DeploymentsClientValidateResponse](t, "validating")(deployments.BeginValidate(ctx, in, "one", of(identityTemplate(), "app"), nil))
	forecast := done[armdeployments.DeploymentsClientWhatIfResponse](t, "asking what if")(deployments.BeginWhatIf(ctx, in, "one", armdeployments.DeploymentWhatIf{Properties: &armdeployments.DeploymentWhatIfProperties{
		Mode: to.Ptr(armdeployments.DeploymentModeIncremental), Template: identityTemplate(), Parameters: map[string]*armdeployments.DeploymentParameter{"name": {Value: "app"}},
	}}, nil))
	if forecast.Properties == nil || len(forecast.Properties.Changes) != 2 {
		t.Errorf("what-if foresees %+v", forecast.Properties)
	}
	made := done[armdeployments.DeploymentsClientCreateOrUpdateResponse](t, "deploying")(deployments.BeginCreateOrUpdate(ctx, in, "one", of(identityTemplate(), "app"), nil))
	outputs, _ := made.Properties.Outputs.(map[string]any)
	if client, _ := outputs["clientId"].(map[string]any); client["value"] == "" || client["value"] == nil {
		t.Errorf("the outputs are %v", made.Properties.Outputs)
	}
	done[armdeployments.DeploymentsClientCreateOrUpdateResponse](t, "deploying again")(deployments.BeginCreateOrUpdate(ctx, in, "one", of(identityTemplate(), "app"), nil))
	must[armdeployments.DeploymentsClientGetResponse](t, "reading")(deployments.Get(ctx, in, "one", nil))
	all(t, "listing deployments", deployments.NewListByResourceGroupPager(in, nil))
	if pages := all(t, "listing operations", operations.NewListPager(in, "one", nil)); len(pages[0].Value) < 2 {
		t.Errorf("%d operations", len(pages[0].Value))
	}
	wrong := identityTemplate()
	wrong["variables"] = map[string]any{"id": "[noSuchFunction()]"}
	_, err := deployments.BeginValidate(ctx, in, "two", of(wrong, "app"), nil)
	refused(t, err, 400, "InvalidTemplate")
	missing := of(identityTemplate(), "app")
	missing.Properties.Parameters = nil
	_, err = deployments.BeginCreateOrUpdate(ctx, in, "two", missing, nil)
	refused(t, err, 400, "InvalidTemplate")
	if err != nil && !strings.Contains(err.Error(), "name") {
		t.Errorf("the error doesn't name the parameter: %v", err)
	}
	_, err = deployments.Get(ctx, in, "none", nil)
	refused(t, err, 404, "DeploymentNotFound")
	done[armdeployments.DeploymentsClientDeleteResponse](t, "deleting")(deployments.BeginDelete(ctx, in, "one", nil))
}

package providers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

const (
	deployVer     = "?api-version=2022-09-01"
	deploymentsAt = subPath + "/resourceGroups/g/providers/Microsoft.Resources/deployments/"
	schema        = `"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","contentVersion":"1.0.0.0"`
)

// worker runs long-running operations.
func (f *fixture) worker() {
	f.run(func(context.Context) error { return nil }, f.engine.Run)
}

func deployment(mode, template, parameters string) string {
	return fmt.Sprintf(`{"properties":{"mode":%q,"template":%s,"parameters":%s}}`, mode, template, parameters)
}

// deploy puts a deployment and waits for its end.
func (f *fixture) deploy(who, path, body string) map[string]any {
	f.Helper()
	if status, answer := f.call(who, "PUT", path+deployVer, body); status != 201 && status != 200 {
		f.Fatalf("status %d: %v", status, answer)
	}
	return f.ended(path)
}

// managedIdentities is the template that every quick-start of managed identities
// has in one form or other: identities, a role for each, and their IDs as outputs.
const managedIdentities = `{` + schema + `,
	"parameters": {
		"names": {"type": "array", "minLength": 1},
		"location": {"type": "string", "defaultValue": "[resourceGroup().location]"},
		"role": {"type": "string", "defaultValue": "acdd72a7-3385-48ef-bd42-f606fba81ae7", "allowedValues": ["acdd72a7-3385-48ef-bd42-f606fba81ae7", "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"]},
		"secret": {"type": "securestring", "defaultValue": "hidden"},
		"grant": {"type": "bool", "defaultValue": true}
	},
	"variables": {
		"roleId": "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', parameters('role'))]",
		"prefix": "[concat(toLower('ID'), '-')]",
		"copy": [{"name": "ids", "count": "[length(parameters('names'))]", "input": "[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', concat(variables('prefix'), parameters('names')[copyIndex('ids')]))]"}]
	},
	"resources": [
		{
			"type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2022-04-01", "condition": "[parameters('grant')]",
			"copy": {"name": "grants", "count": "[length(parameters('names'))]"},
			"name": "[guid(resourceGroup().id, parameters('names')[copyIndex()], parameters('role'))]",
			"properties": {
				"roleDefinitionId": "[variables('roleId')]", "principalType": "ServicePrincipal",
				"principalId": "[reference(variables('ids')[copyIndex()]).principalId]"
			}
		},
		{
			"type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2023-01-31",
			"copy": {"name": "identities", "count": "[length(parameters('names'))]"},
			"name": "[concat(variables('prefix'), parameters('names')[copyIndex()])]", "location": "[parameters('location')]",
			"tags": {"by": "[deployment().name]", "[parameters('names')[copyIndex()]]": "key"}
		},
		{
			"type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2022-04-01", "name": "[guid('operator', last(parameters('names')))]",
			"scope": "[format('Microsoft.ManagedIdentity/userAssignedIdentities/{0}{1}', variables('prefix'), first(parameters('names')))]", "dependsOn": ["identities"],
			"properties": {
				"roleDefinitionId": "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'f1a07417-d97a-45cb-824c-7a7467783830')]",
				"principalId": "[reference(last(variables('ids')), '2023-01-31', 'Full').properties.principalId]", "principalType": "ServicePrincipal"
			}
		}
	],
	"outputs": {
		"clients": {"type": "array", "copy": {"count": "[length(parameters('names'))]", "input": "[reference(variables('ids')[copyIndex()]).clientId]"}},
		"first": {"type": "string", "value": "[variables('ids')[0]]"},
		"never": {"condition": false, "type": "string", "value": "[reference('nothing').x]"},
		"count": {"type": "int", "value": "[length(parameters('names'))]"}
	}
}`

func TestManagedIdentityTemplateDeploys(t *testing.T) {
	f := newCloud(t)
	f.worker()
	names := `{"names":{"value":["web","batch"]}}`
	body := deployment("Incremental", managedIdentities, names)
	if got := f.must(200, "POST", deploymentsAt+"one/validate"+deployVer, body); len(got["properties"].(map[string]any)["validatedResources"].([]any)) != 5 {
		t.Errorf("%v", got)
	}
	got := f.deploy(ownerID, deploymentsAt+"one", body)
	properties := got["properties"].(map[string]any)
	if properties["provisioningState"] != "Succeeded" {
		t.Fatalf("%s", toJSON(t, got))
	}
	outputs := properties["outputs"].(map[string]any)
	web := f.must(200, "GET", subPath+"/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-web?api-version=2023-01-31", "")
	if clients := outputs["clients"].(map[string]any)["value"].([]any); len(clients) != 2 || clients[0] != web["properties"].(map[string]any)["clientId"] {
		t.Errorf("%v", outputs)
	}
	if outputs["never"] != nil || outputs["count"].(map[string]any)["value"] != float64(2) || web["tags"].(map[string]any)["by"] != "one" || web["location"] != location {
		t.Errorf("%v %v", outputs, web)
	}
	if text := toJSON(t, got); strings.Contains(text, "hidden") || strings.Contains(text, "template\"") {
		t.Errorf("a secret or the template is shown: %s", text)
	}
	principal := web["properties"].(map[string]any)["principalId"].(string)
	if d := f.authorization.Decide(callerOf(principal), "Microsoft.Resources/subscriptions/resourceGroups/read", group("g"), false); !d.Allowed {
		t.Error("the role wasn't granted")
	}
	if operations := f.must(200, "GET", deploymentsAt+"one/operations"+deployVer, "")["value"].([]any); len(operations) != 5 || !strings.Contains(toJSON(t, operations), `"provisioningState":"Succeeded"`) {
		t.Errorf("%v", operations)
	}
	short := strings.Replace(deploymentsAt, "/providers/Microsoft.Resources", "", 1) + "one/operations" // as az asks
	if operations := f.must(200, "GET", short+deployVer, "")["value"].([]any); len(operations) != 5 {
		t.Errorf("%v", operations)
	}
	// A second time nothing changes: the names of role assignments are the same.
	again := f.deploy(ownerID, deploymentsAt+"one", body)
	if again["properties"].(map[string]any)["provisioningState"] != "Succeeded" {
		t.Errorf("%s", toJSON(t, again))
	}
	whatIf := toJSON(t, f.must(200, "POST", deploymentsAt+"two/whatIf"+deployVer, deployment("Complete", managedIdentities, `{"names":{"value":["web","more"]},"grant":{"value":false}}`)))
	for _, part := range []string{`"changeType":"Create"`, `"changeType":"Modify"`, `"changeType":"Delete"`, `"path":"tags.by"`} {
		if !strings.Contains(whatIf, part) {
			t.Errorf("%s isn't in %s", part, whatIf)
		}
	}
	if exported := f.must(200, "POST", deploymentsAt+"one/exportTemplate"+deployVer, ""); exported["template"].(map[string]any)["contentVersion"] != "1.0.0.0" {
		t.Errorf("%v", exported)
	}
	// Complete takes away what the template no longer has.
	if got := f.deploy(ownerID, deploymentsAt+"three", deployment("Complete", managedIdentities, `{"names":{"value":["web"]}}`)); got["properties"].(map[string]any)["provisioningState"] != "Succeeded" {
		t.Fatalf("%s", toJSON(t, got))
	}
	f.refused(ownerID, 404, "ResourceNotFound", "GET", subPath+"/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-batch?api-version=2023-01-31", "")
	if list := f.must(200, "GET", strings.TrimSuffix(deploymentsAt, "/")+deployVer+"&$filter=provisioningState+eq+'Succeeded'", "")["value"].([]any); len(list) != 2 {
		t.Errorf("%v", list)
	}
	f.must(204, "DELETE", deploymentsAt+"one"+deployVer, "")
}

// TestSubscriptionDeploymentReachesIntoGroups makes a group and, nested, what is in it.
func TestSubscriptionDeploymentReachesIntoGroups(t *testing.T) {
	f := newCloud(t)
	f.worker()
	inner := `{` + schema + `,"parameters":{"who":{"type":"string"}},"resources":[{"type":"Microsoft.ManagedIdentity/userAssignedIdentities","apiVersion":"2023-01-31","name":"[parameters('who')]","location":"[resourceGroup().location]"}],
		"outputs":{"id":{"type":"string","value":"[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', parameters('who'))]"}}}`
	template := `{` + schema + `,"resources":[
		{"type":"Microsoft.Resources/resourceGroups","apiVersion":"2022-09-01","name":"made","location":"[deployment().location]","properties":{}},
		{"type":"Microsoft.Resources/deployments","apiVersion":"2022-09-01","name":"inside","resourceGroup":"made","dependsOn":["[subscriptionResourceId('Microsoft.Resources/resourceGroups', 'made')]"],
		 "properties":{"mode":"Incremental","expressionEvaluationOptions":{"scope":"inner"},"parameters":{"who":{"value":"[concat('bad', 'ge')]"}},"template":` + inner + `}}],
		"outputs":{"id":{"type":"string","value":"[reference('inside').outputs.id.value]"}}}`
	path := subPath + "/providers/Microsoft.Resources/deployments/top"
	f.refused(ownerID, 400, "LocationRequired", "PUT", path+deployVer, deployment("Incremental", template, "{}"))
	body := strings.Replace(deployment("Incremental", template, "{}"), `{"properties"`, `{"location":"westus2","properties"`, 1)
	got := f.deploy(ownerID, path, body)
	if toJSON(t, got["properties"].(map[string]any)["outputs"]) != `{"id":{"type":"String","value":"`+subPath+`/resourceGroups/made/providers/Microsoft.ManagedIdentity/userAssignedIdentities/badge"}}` {
		t.Errorf("%s", toJSON(t, got))
	}
}

// TestDeploymentHasNoRightsOfItsOwn: who may deploy, but not make what is in the
// template, makes nothing at all.
func TestDeploymentHasNoRightsOfItsOwn(t *testing.T) {
	f := newCloud(t)
	f.worker()
	f.grant(guestID, "b24988ac-6180-42a0-ab88-20f7382dd24c", group("g"))
	body := deployment("Incremental", managedIdentities, `{"names":{"value":["web"]}}`)
	text := f.refused(guestID, 403, "InvalidTemplateDeployment", "PUT", deploymentsAt+"one"+deployVer, body)
	if !strings.Contains(text, "does not have permission to perform action 'Microsoft.Authorization/roleAssignments/write' at scope") {
		t.Error(text)
	}
	f.refused(ownerID, 404, "ResourceNotFound", "GET", subPath+"/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-web?api-version=2023-01-31", "")
	// Rights that go away while it runs are missed where they are needed: linked scopes.
	set := `{` + schema + `,"resources":[{"type":"Microsoft.Compute/virtualMachineScaleSets","apiVersion":"2023-03-01","name":"vmss","location":"westus2",
		"identity":{"type":"UserAssigned","userAssignedIdentities":{"[resourceId('nodes', 'Microsoft.ManagedIdentity/userAssignedIdentities', 'kept')]":{}}}}]}`
	f.must(201, "PUT", group("nodes").String()+"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/kept?api-version=2023-01-31", `{"location":"westus2"}`)
	if status, answer := f.call(guestID, "PUT", deploymentsAt+"two"+deployVer, deployment("Incremental", set, "{}")); status != 201 {
		t.Fatal(answer)
	}
	got := f.ended(deploymentsAt + "two")
	if text := toJSON(t, got); !strings.Contains(text, `"DeploymentFailed"`) || !strings.Contains(text, "LinkedAuthorizationFailed") {
		t.Error(text)
	}
}

func (f *fixture) ended(path string) map[string]any {
	f.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		got := f.must(200, "GET", path+deployVer, "")
		switch got["properties"].(map[string]any)["provisioningState"] {
		case "Succeeded", "Failed", "Canceled":
			return got
		}
	}
	f.Fatal("the deployment doesn't end")
	return nil
}

func TestTemplateRefusals(t *testing.T) {
	f := newCloud(t)
	identity := `{"type":"Microsoft.ManagedIdentity/userAssignedIdentities","apiVersion":"2023-01-31","location":"westus2","name":%q,"dependsOn":[%s]}`
	with := func(resources string) string { return `{` + schema + `,"resources":[` + resources + `]}` }
	for name, tt := range map[string]struct{ body, code, text string }{
		"no template":         {`{"properties":{"mode":"Incremental"}}`, "InvalidRequestContent", "no 'template'"},
		"a mode":              {deployment("Sometimes", with(""), "{}"), "InvalidDeploymentMode", ""},
		"a link":              {`{"properties":{"mode":"Incremental","templateLink":{"uri":"https://x"}}}`, "DeploymentFeatureNotSupported", "Send the template itself"},
		"no schema":           {deployment("Incremental", `{"resources":[]}`, "{}"), "InvalidTemplate", "$schema"},
		"a missing parameter": {deployment("Incremental", managedIdentities, "{}"), "InvalidTemplate", "the value for the template parameter 'names' is not provided"},
		"a wrong type":        {deployment("Incremental", managedIdentities, `{"names":{"value":"web"}}`), "InvalidTemplate", "isn't of type 'array'"},
		"a value not allowed": {deployment("Incremental", managedIdentities, `{"names":{"value":["a"]},"role":{"value":"x"}}`), "InvalidTemplate", "not part of the allowed value(s)"},
		"an extra parameter":  {deployment("Incremental", managedIdentities, `{"names":{"value":["a"]},"other":{"value":"x"}}`), "InvalidTemplate", "do not correspond to any parameters"},
		"an unknown type":     {deployment("Incremental", with(`{"type":"A.B/c","apiVersion":"1","name":"x"}`), "{}"), "InvalidTemplate", "'A.B/c' of 'x' is not known"},
		"twice the same":      {deployment("Incremental", with(fmt.Sprintf(identity, "aaa", "")+","+fmt.Sprintf(identity, "AAA", "")), "{}"), "InvalidTemplate", "defined multiple times"},
		"a circle":            {deployment("Incremental", with(fmt.Sprintf(identity, "aaa", `"bbb"`)+","+fmt.Sprintf(identity, "bbb", `"aaa"`)), "{}"), "InvalidTemplate", "circular dependency"},
		"a lost dependency":   {deployment("Incremental", with(fmt.Sprintf(identity, "aaa", `"zzz"`)), "{}"), "InvalidTemplate", "'zzz' is not defined in the template"},
		"a wrong name":        {deployment("Incremental", with(fmt.Sprintf(identity, "a/b", "")), "{}"), "InvalidTemplate", "as many segments"},
		"a wrong expression":  {deployment("Incremental", with(fmt.Sprintf(identity, "[concat(]", "")), "{}"), "InvalidTemplate", "can't be read at position"},
	} {
		t.Run(name, func(t *testing.T) {
			text := (&fixture{TB: t, server: f.server}).refused(ownerID, 400, tt.code, "PUT", deploymentsAt+"bad"+deployVer, tt.body)
			if !strings.Contains(text, tt.text) {
				t.Errorf("%q isn't in: %s", tt.text, text)
			}
			f.refused(ownerID, 400, tt.code, "POST", deploymentsAt+"bad/validate"+deployVer, tt.body)
		})
	}
}

// TestDeploymentIsCancelled: it starts nothing more once it is cancelled.
func TestDeploymentIsCancelled(t *testing.T) {
	f := newCloud(t)
	template := `{` + schema + `,"resources":[]}`
	f.must(201, "PUT", deploymentsAt+"slow"+deployVer, deployment("Incremental", strings.Replace(template, "[]", `[{"type":"Microsoft.ManagedIdentity/userAssignedIdentities","apiVersion":"2023-01-31","name":"never","location":"westus2"}]`, 1), "{}"))
	// No worker runs yet: the deployment can't have begun.
	f.refused(ownerID, 409, "DeploymentActive", "PUT", deploymentsAt+"slow"+deployVer, deployment("Incremental", template, "{}"))
	if status, answer := f.call(ownerID, "POST", deploymentsAt+"slow/cancel"+deployVer, ""); status != 204 {
		t.Fatal(answer)
	}
	f.worker()
	if got := f.ended(deploymentsAt + "slow"); got["properties"].(map[string]any)["provisioningState"] != "Canceled" {
		t.Errorf("%s", toJSON(t, got))
	}
	f.refused(ownerID, 404, "ResourceNotFound", "GET", subPath+"/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/never?api-version=2023-01-31", "")
	f.refused(ownerID, 409, "DeploymentCannotBeCancelled", "POST", deploymentsAt+"slow/cancel"+deployVer, "")
}

// TestLanguageVersion2 is what Bicep writes: resources by symbolic names.
func TestLanguageVersion2(t *testing.T) {
	f := newCloud(t)
	f.worker()
	f.must(201, "PUT", identityPath+"?api-version=2023-01-31", `{"location":"westus2"}`)
	template := `{` + schema + `,"languageVersion":"2.0","resources":{
		"old":{"existing":true,"type":"Microsoft.ManagedIdentity/userAssignedIdentities","apiVersion":"2023-01-31","name":"demo"},
		"grant":{"type":"Microsoft.Authorization/roleAssignments","apiVersion":"2022-04-01","name":"[guid('x', resourceGroup().id)]","dependsOn":["old"],
			"properties":{"roleDefinitionId":"[subscriptionResourceId('Microsoft.Authorization/roleDefinitions','` + readerRole + `')]","principalId":"[reference('old').principalId]","principalType":"ServicePrincipal"}}}}`
	got := f.deploy(ownerID, deploymentsAt+"bicep", deployment("Incremental", template, "{}"))
	if got["properties"].(map[string]any)["provisioningState"] != "Succeeded" {
		t.Errorf("%s", toJSON(t, got))
	}
	p, err := f.directory.ManagedIdentityOf(t.Context(), armid.MustParse(identityPath))
	if err != nil || !f.authorization.Decide(callerOf(p.ObjectID), "Microsoft.Resources/deployments/read", group("g"), false).Allowed {
		t.Errorf("not granted: %v", err)
	}
}

// Small templates whose loops and variables multiply must be refused before they
// take the memory or the processor of everybody.
func TestTemplatesThatMultiplyAreRefused(t *testing.T) {
	f := newCloud(t)
	loops := `"x"`
	for i := range 4 {
		loops = fmt.Sprintf(`{"copy":[{"name":"l%d","count":800,"input":%s}]}`, i, loops)
	}
	var variables strings.Builder
	variables.WriteString(`"v0":""`)
	for i := range 60 {
		fmt.Fprintf(&variables, `,"v%d":"[concat(variables('v%d'),variables('v%d'))]"`, i+1, i, i)
	}
	resource := func(tags string) string {
		return `"resources":[{"type":"Microsoft.ManagedIdentity/userAssignedIdentities","apiVersion":"2023-01-31","name":"i","location":"westeurope","tags":` + tags + `}]}`
	}
	for name, template := range map[string]string{
		"loops in loops":         `{` + schema + `,"variables":{"v":` + loops + `},` + resource(`{"a":"[string(length(variables('v').l3))]"}`),
		"variables of variables": `{` + schema + `,"variables":{` + variables.String() + `},` + resource(`{"a":"[variables('v60')]"}`),
	} {
		status, answer := f.call(ownerID, "POST", deploymentsAt+"d/whatIf"+deployVer, deployment("Incremental", template, "{}"))
		if status != 400 || !strings.Contains(fmt.Sprint(answer), "too large") {
			t.Errorf("%s: %d %v", name, status, answer)
		}
	}
}

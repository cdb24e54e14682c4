package providers_test

import (
	"strings"
	"testing"
)

const groupPath = "/subscriptions/" + subscription + "/resourceGroups/g/providers/"

func TestRegistriesHaveAnAdminUserOnlyWhenEnabled(t *testing.T) {
	f := newCloud(t)
	const version = "?api-version=2022-02-01-preview"
	registry := groupPath + "Microsoft.ContainerRegistry/registries/MyRegistry"
	f.refused(ownerID, 400, "SkuNotSupported", "PUT", registry+version, `{"location":"westus2"}`)
	f.refused(ownerID, 400, "InvalidResourceName", "PUT", groupPath+"Microsoft.ContainerRegistry/registries/a-b"+version, `{"location":"westus2","sku":{"name":"Basic"}}`)
	made := f.must(201, "PUT", registry+version, `{"location":"westus2","sku":{"name":"basic"},"properties":{"adminUserEnabled":false}}`)
	f.has(made, "myregistry.azurecr.io", "properties", "loginServer")
	f.has(made, "Basic", "sku", "tier")
	f.refused(ownerID, 400, "UnauthorizedForCredentialOperations", "POST", registry+"/listCredentials"+version, "")
	f.must(200, "PATCH", registry+version, `{"properties":{"adminUserEnabled":true}}`)
	first := f.must(200, "POST", registry+"/listCredentials"+version, "")
	f.has(first, "MyRegistry", "username")
	second := f.must(200, "POST", registry+"/regenerateCredential"+version, `{"name":"password"}`)
	if at(first, "passwords", 0, "value") == at(second, "passwords", 0, "value") || at(first, "passwords", 1, "value") != at(second, "passwords", 1, "value") {
		t.Error("renewing one password doesn't renew that one alone")
	}
	shown := encode(t, f.must(200, "GET", registry+version, ""))
	if strings.Contains(shown, at(second, "passwords", 0, "value").(string)) {
		t.Error("the document shows a password")
	}
	check := "/subscriptions/" + subscription + "/providers/Microsoft.ContainerRegistry/checkNameAvailability" + version
	f.has(f.must(200, "POST", check, `{"name":"myRegistry","type":"Microsoft.ContainerRegistry/registries"}`), false, "nameAvailable")
	f.has(f.must(200, "POST", check, `{"name":"another1","type":"Microsoft.ContainerRegistry/registries"}`), true, "nameAvailable")
	f.refused(ownerID, 409, "AlreadyInUse", "PUT", "/subscriptions/"+subscription+"/resourceGroups/nodes/providers/Microsoft.ContainerRegistry/registries/myregistry"+version, `{"location":"westus2","sku":{"name":"Basic"}}`)
	f.must(201, "PUT", registry+"/scopeMaps/pullers"+version, `{"properties":{"actions":["repositories/a/content/read"]}}`)
	f.must(201, "PUT", registry+"/tokens/builder"+version, `{"properties":{"scopeMapId":"`+registry+`/scopeMaps/pullers"}}`)
	f.refused(ownerID, 409, "ScopeMapInUse", "DELETE", registry+"/scopeMaps/pullers"+version, "")
	f.must(200, "DELETE", registry+version, "")
	f.has(f.must(200, "POST", check, `{"name":"myRegistry","type":"Microsoft.ContainerRegistry/registries"}`), true, "nameAvailable")
}

func TestStorageAccountsHaveServicesAndContainers(t *testing.T) {
	f := newCloud(t)
	const version = "?api-version=2023-01-01"
	account := groupPath + "Microsoft.Storage/storageAccounts/files1"
	f.refused(ownerID, 400, "AccountNameInvalid", "PUT", groupPath+"Microsoft.Storage/storageAccounts/Files"+version, `{"location":"westus2","sku":{"name":"Standard_LRS"}}`)
	made := f.must(200, "PUT", account+version, `{"location":"westus2","sku":{"name":"Standard_LRS"},"kind":"StorageV2"}`)
	f.has(made, "https://files1.blob.core.windows.net/", "properties", "primaryEndpoints", "blob")
	f.has(made, "Standard", "sku", "tier")
	f.has(f.must(200, "GET", account+"/blobServices/default"+version, ""), false, "properties", "deleteRetentionPolicy", "enabled")
	f.must(200, "PUT", account+"/blobServices/default"+version, `{"properties":{"isVersioningEnabled":true}}`)
	f.has(f.must(200, "GET", account+"/blobServices/default"+version, ""), true, "properties", "isVersioningEnabled")
	container := f.must(201, "PUT", account+"/blobServices/default/containers/inbox"+version, `{}`)
	f.has(container, "Microsoft.Storage/storageAccounts/blobServices/containers", "type")
	f.has(container, "None", "properties", "publicAccess")
	f.has(f.must(200, "GET", account+"/blobServices/default/containers"+version, ""), "inbox", "value", 0, "name")
	f.must(201, "PUT", account+"/queueServices/default/queues/jobs"+version, `{"properties":{}}`)
	f.refused(ownerID, 404, "ParentResourceNotFound", "PUT", account+"2/blobServices/default/containers/inbox"+version, `{}`)
	keys := f.must(200, "POST", account+"/listKeys"+version, "")
	f.has(keys, "key1", "keys", 0, "keyName")
	// A reader reads the account and not its keys.
	const reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	f.grant(guestID, reader, group("g"))
	f.refused(guestID, 403, "AuthorizationFailed", "POST", account+"/listKeys"+version, "")
	check := "/subscriptions/" + subscription + "/providers/Microsoft.Storage/checkNameAvailability" + version
	f.has(f.must(200, "POST", check, `{"name":"files1","type":"Microsoft.Storage/storageAccounts"}`), "AlreadyExists", "reason")
	f.must(200, "DELETE", account+version, "")
	f.must(204, "DELETE", account+"/blobServices/default/containers/inbox"+version, "")
}

func TestServiceBusNamespacesHoldQueuesAndRules(t *testing.T) {
	f := newCloud(t)
	const version = "?api-version=2021-11-01"
	bus := groupPath + "Microsoft.ServiceBus/namespaces/orders1"
	made := f.must(201, "PUT", bus+version, `{"location":"westus2"}`)
	f.has(made, "https://orders1.servicebus.windows.net:443/", "properties", "serviceBusEndpoint")
	f.has(f.must(200, "PUT", bus+"/queues/in"+version, `{"properties":{}}`), "PT1M", "properties", "lockDuration")
	f.must(200, "PUT", bus+"/topics/t"+version, `{}`)
	f.must(200, "PUT", bus+"/topics/t/subscriptions/s"+version, `{}`)
	f.refused(ownerID, 404, "ParentResourceNotFound", "PUT", bus+"/topics/u/subscriptions/s"+version, `{}`)
	keys := f.must(200, "POST", bus+"/AuthorizationRules/RootManageSharedAccessKey/listKeys"+version, "")
	if text, _ := keys["primaryConnectionString"].(string); !strings.HasPrefix(text, "Endpoint=sb://orders1.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=") {
		t.Error("no connection string of the root rule")
	}
	f.refused(ownerID, 400, "BadRequest", "PUT", bus+"/queues/in/authorizationRules/r"+version, `{"properties":{"rights":["Manage"]}}`)
	f.must(200, "PUT", bus+"/queues/in/authorizationRules/r"+version, `{"properties":{"rights":["Send"]}}`)
	rule := f.must(200, "POST", bus+"/queues/in/authorizationRules/r/listKeys"+version, "")
	if text, _ := rule["primaryConnectionString"].(string); !strings.HasSuffix(text, ";EntityPath=in") {
		t.Error("no entity path in the queue's rule")
	}
	f.must(200, "DELETE", bus+version, "")
}

func TestVaultsAndWorkspaces(t *testing.T) {
	f := newCloud(t)
	vault := groupPath + "Microsoft.KeyVault/vaults/secrets-1?api-version=2022-07-01"
	f.refused(ownerID, 400, "BadRequest", "PUT", vault, `{"location":"westus2","properties":{"tenantId":"`+guestID+`"}}`)
	f.has(f.must(201, "PUT", vault, `{"location":"westus2","properties":{"tenantId":"`+tenant+`"}}`), "https://secrets-1.vault.azure.net/", "properties", "vaultUri")
	workspace := groupPath + "Microsoft.OperationalInsights/workspaces/logs"
	const version = "?api-version=2022-10-01"
	made := f.must(201, "PUT", workspace+version, `{"location":"westus2","properties":{"sku":{"name":"PerGB2018"}}}`)
	again := f.must(200, "PUT", workspace+version, `{"location":"westus2","properties":{"retentionInDays":60}}`)
	f.has(again, at(made, "properties", "customerId"), "properties", "customerId")
	f.must(200, "POST", workspace+"/sharedKeys"+version, "")
}

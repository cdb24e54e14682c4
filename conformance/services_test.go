package conformance

import (
	"errors"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerregistry/armcontainerregistry"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/keyvault/armkeyvault"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/servicebus/armservicebus"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/storage/armstorage"
	"github.com/google/uuid"
)

// unique is a name that the whole cloud has once.
func unique(prefix string) string { return prefix + strings.ReplaceAll(uuid.NewString(), "-", "")[:12] }

func TestRegistries(t *testing.T) {
	ctx, in, name := t.Context(), group(t), unique("images")
	registries := must[*armcontainerregistry.RegistriesClient](t, "making a client")(armcontainerregistry.NewRegistriesClient(cloud.Subscription, cloud.credential, cloud.options))
	free := func() armcontainerregistry.RegistriesClientCheckNameAvailabilityResponse {
		return must[armcontainerregistry.RegistriesClientCheckNameAvailabilityResponse](t, "asking for the name")(registries.CheckNameAvailability(ctx,
			armcontainerregistry.RegistryNameCheckRequest{Name: &name, Type: ptr("Microsoft.ContainerRegistry/registries")}, nil))
	}
	if !*free().NameAvailable {
		t.Error("a name that nobody has is taken")
	}
	registry := armcontainerregistry.Registry{Location: ptr(location), SKU: &armcontainerregistry.SKU{Name: to.Ptr(armcontainerregistry.SKUNameBasic)}}
	made := done[armcontainerregistry.RegistriesClientCreateResponse](t, "making a registry")(registries.BeginCreate(ctx, in, name, registry, nil))
	if *made.Properties.LoginServer != name+".azurecr.io" || *made.Properties.AdminUserEnabled {
		t.Errorf("%+v", made.Properties)
	}
	if *free().NameAvailable {
		t.Error("a name that is taken is free")
	}
	_, err := registries.ListCredentials(ctx, in, name, nil)
	if err == nil {
		t.Error("a registry without an admin user gave its password")
	}
	done[armcontainerregistry.RegistriesClientUpdateResponse](t, "admitting the admin user")(registries.BeginUpdate(ctx, in, name, armcontainerregistry.RegistryUpdateParameters{
		Properties: &armcontainerregistry.RegistryPropertiesUpdateParameters{AdminUserEnabled: ptr(true)},
	}, nil))
	if got := must[armcontainerregistry.RegistriesClientListCredentialsResponse](t, "reading its passwords")(registries.ListCredentials(ctx, in, name, nil)); *got.Username != name || len(got.Passwords) != 2 {
		t.Errorf("%s has %d passwords", *got.Username, len(got.Passwords))
	}
	all(t, "listing", registries.NewListByResourceGroupPager(in, nil))
	_, err = registries.BeginCreate(ctx, in, "no-dashes", registry, nil)
	if err == nil {
		t.Error("a name with a dash was taken")
	}
	_, err = registries.Get(ctx, in, "none12345", nil)
	refused(t, err, 404, "ResourceNotFound")
	done[armcontainerregistry.RegistriesClientDeleteResponse](t, "deleting")(registries.BeginDelete(ctx, in, name, nil))
}

func TestStorageAccounts(t *testing.T) {
	ctx, in, name := t.Context(), group(t), unique("store")
	accounts := must[*armstorage.AccountsClient](t, "making a client")(armstorage.NewAccountsClient(cloud.Subscription, cloud.credential, cloud.options))
	containers := must[*armstorage.BlobContainersClient](t, "making a client")(armstorage.NewBlobContainersClient(cloud.Subscription, cloud.credential, cloud.options))
	account := armstorage.AccountCreateParameters{Location: ptr(location), Kind: to.Ptr(armstorage.KindStorageV2), SKU: &armstorage.SKU{Name: to.Ptr(armstorage.SKUNameStandardLRS)}}
	made := done[armstorage.AccountsClientCreateResponse](t, "making an account")(accounts.BeginCreate(ctx, in, name, account, nil))
	if !strings.Contains(*made.Properties.PrimaryEndpoints.Blob, name+".blob.") {
		t.Errorf("blobs are at %s", *made.Properties.PrimaryEndpoints.Blob)
	}
	if got := must[armstorage.AccountsClientListKeysResponse](t, "reading its keys")(accounts.ListKeys(ctx, in, name, nil)); len(got.Keys) != 2 || *got.Keys[0].Value == "" {
		t.Errorf("%d keys", len(got.Keys))
	}
	must[armstorage.AccountsClientUpdateResponse](t, "tagging")(accounts.Update(ctx, in, name, armstorage.AccountUpdateParameters{Tags: map[string]*string{"a": ptr("1")}}, nil))
	if got := must[armstorage.AccountsClientGetPropertiesResponse](t, "reading")(accounts.GetProperties(ctx, in, name, nil)); *got.Tags["a"] != "1" || *got.SKU.Name != armstorage.SKUNameStandardLRS {
		t.Errorf("%+v", got.Account)
	}
	must[armstorage.BlobContainersClientCreateResponse](t, "making a container")(containers.Create(ctx, in, name, "letters", armstorage.BlobContainer{}, nil))
	must[armstorage.BlobContainersClientGetResponse](t, "reading the container")(containers.Get(ctx, in, name, "letters", nil))
	if pages := all(t, "listing containers", containers.NewListPager(in, name, nil)); len(pages[0].Value) != 1 {
		t.Errorf("%d containers", len(pages[0].Value))
	}
	if got := must[armstorage.AccountsClientCheckNameAvailabilityResponse](t, "asking for the name")(accounts.CheckNameAvailability(ctx, armstorage.AccountCheckNameAvailabilityParameters{
		Name: &name, Type: ptr("Microsoft.Storage/storageAccounts")}, nil)); *got.NameAvailable || *got.Reason != armstorage.ReasonAlreadyExists {
		t.Errorf("%+v", got.CheckNameAvailabilityResult)
	}
	_, err := accounts.BeginCreate(ctx, in, "Capitals", account, nil)
	refused(t, err, 400, "AccountNameInvalid")
	elsewhere := group(t)
	_, err = accounts.BeginCreate(ctx, elsewhere, name, account, nil)
	refused(t, err, 409, "StorageAccountAlreadyTaken")
	all(t, "listing accounts", accounts.NewListPager(nil))
	must[armstorage.BlobContainersClientDeleteResponse](t, "deleting the container")(containers.Delete(ctx, in, name, "letters", nil))
	must[armstorage.AccountsClientDeleteResponse](t, "deleting")(accounts.Delete(ctx, in, name, nil))
}

func TestServiceBus(t *testing.T) {
	ctx, in, name := t.Context(), group(t), unique("bus-")
	namespaces := must[*armservicebus.NamespacesClient](t, "making a client")(armservicebus.NewNamespacesClient(cloud.Subscription, cloud.credential, cloud.options))
	queues := must[*armservicebus.QueuesClient](t, "making a client")(armservicebus.NewQueuesClient(cloud.Subscription, cloud.credential, cloud.options))
	made := done[armservicebus.NamespacesClientCreateOrUpdateResponse](t, "making a namespace")(namespaces.BeginCreateOrUpdate(ctx, in, name, armservicebus.SBNamespace{
		Location: ptr(location), SKU: &armservicebus.SBSKU{Name: to.Ptr(armservicebus.SKUNameStandard)}, Identity: &armservicebus.Identity{Type: to.Ptr(armservicebus.ManagedServiceIdentityTypeSystemAssigned)},
	}, nil))
	if made.Identity == nil || made.Identity.PrincipalID == nil || !strings.Contains(*made.Properties.ServiceBusEndpoint, name+".servicebus.") {
		t.Errorf("%+v %+v", made.Properties, made.Identity)
	}
	queue := armservicebus.SBQueue{Properties: &armservicebus.SBQueueProperties{MaxDeliveryCount: ptr[int32](5)}}
	must[armservicebus.QueuesClientCreateOrUpdateResponse](t, "making a queue")(queues.CreateOrUpdate(ctx, in, name, "orders", queue, nil))
	if got := must[armservicebus.QueuesClientGetResponse](t, "reading it")(queues.Get(ctx, in, name, "orders", nil)); *got.Properties.MaxDeliveryCount != 5 || got.Properties.LockDuration == nil {
		t.Errorf("%+v", got.Properties)
	}
	all(t, "listing queues", queues.NewListByNamespacePager(in, name, nil))
	keys := must[armservicebus.NamespacesClientListKeysResponse](t, "reading its keys")(namespaces.ListKeys(ctx, in, name, "RootManageSharedAccessKey", nil))
	if !strings.HasPrefix(*keys.PrimaryConnectionString, "Endpoint=sb://"+name) {
		t.Error("the connection string names another namespace")
	}
	all(t, "listing namespaces", namespaces.NewListByResourceGroupPager(in, nil))
	_, err := queues.Get(ctx, in, name, "none", nil)
	var answer *azcore.ResponseError
	if !errors.As(err, &answer) || answer.StatusCode != 404 {
		t.Errorf("a queue that isn't there: %v", err)
	}
	must[armservicebus.QueuesClientDeleteResponse](t, "deleting the queue")(queues.Delete(ctx, in, name, "orders", nil))
	done[armservicebus.NamespacesClientDeleteResponse](t, "deleting")(namespaces.BeginDelete(ctx, in, name, nil))
}

func TestVaults(t *testing.T) {
	ctx, in, name := t.Context(), group(t), unique("vault")
	vaults := must[*armkeyvault.VaultsClient](t, "making a client")(armkeyvault.NewVaultsClient(cloud.Subscription, cloud.credential, cloud.options))
	vault := armkeyvault.VaultCreateOrUpdateParameters{Location: ptr(location), Properties: &armkeyvault.VaultProperties{
		TenantID: &cloud.Tenant, SKU: &armkeyvault.SKU{Family: to.Ptr(armkeyvault.SKUFamilyA), Name: to.Ptr(armkeyvault.SKUNameStandard)}, EnableRbacAuthorization: ptr(true),
	}}
	made := done[armkeyvault.VaultsClientCreateOrUpdateResponse](t, "making a vault")(vaults.BeginCreateOrUpdate(ctx, in, name, vault, nil))
	if !strings.HasPrefix(*made.Properties.VaultURI, "https://"+name+".vault.") || !*made.Properties.EnableRbacAuthorization {
		t.Errorf("%+v", made.Properties)
	}
	must[armkeyvault.VaultsClientUpdateResponse](t, "tagging")(vaults.Update(ctx, in, name, armkeyvault.VaultPatchParameters{Tags: map[string]*string{"a": ptr("1")}}, nil))
	if got := must[armkeyvault.VaultsClientGetResponse](t, "reading")(vaults.Get(ctx, in, name, nil)); *got.Tags["a"] != "1" {
		t.Errorf("%v", got.Tags)
	}
	all(t, "listing", vaults.NewListByResourceGroupPager(in, nil))
	if got := must[armkeyvault.VaultsClientCheckNameAvailabilityResponse](t, "asking for the name")(vaults.CheckNameAvailability(ctx, armkeyvault.VaultCheckNameAvailabilityParameters{
		Name: &name, Type: ptr("Microsoft.KeyVault/vaults")}, nil)); *got.NameAvailable {
		t.Error("a name that is taken is free")
	}
	_, err := vaults.Get(ctx, in, "none-"+name, nil)
	refused(t, err, 404, "ResourceNotFound")
	_, err = vaults.BeginCreateOrUpdate(ctx, in, "x", vault, nil)
	if err == nil {
		t.Error("a name of one letter was taken")
	}
	must[armkeyvault.VaultsClientDeleteResponse](t, "deleting")(vaults.Delete(ctx, in, name, nil))
}

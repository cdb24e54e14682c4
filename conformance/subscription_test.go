package conformance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/msi/armmsi"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armfeatures"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armlocks"
)

func TestFeatures(t *testing.T) {
	ctx := t.Context()
	features := must[*armfeatures.Client](t, "making a client")(armfeatures.NewClient(cloud.Subscription, cloud.credential, cloud.options))
	const namespace, name = "Microsoft.ContainerService", "EnablePodIdentityPreview"
	begun := must[armfeatures.ClientRegisterResponse](t, "registering")(features.Register(ctx, namespace, name, nil))
	if *begun.Properties.State != "Registering" && *begun.Properties.State != "Registered" {
		t.Errorf("the feature is %s", *begun.Properties.State)
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if got := must[armfeatures.ClientGetResponse](t, "reading")(features.Get(ctx, namespace, name, nil)); *got.Properties.State == "Registered" {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the feature stays %s", *got.Properties.State)
		}
	}
	all(t, "listing a namespace's features", features.NewListPager(namespace, nil))
	must[armfeatures.ClientUnregisterResponse](t, "unregistering")(features.Unregister(ctx, namespace, name, nil))
	_, err := features.Get(ctx, namespace, "NoSuchFeature", nil)
	refused(t, err, 404, "FeatureNotFound")
}

func TestLocks(t *testing.T) {
	ctx, in := t.Context(), group(t)
	locks := must[*armlocks.ManagementLocksClient](t, "making a client")(armlocks.NewManagementLocksClient(cloud.Subscription, cloud.credential, cloud.options))
	identities := clientFor(t, cloud.credential)
	must[armmsi.UserAssignedIdentitiesClientCreateOrUpdateResponse](t, "making an identity")(identities.CreateOrUpdate(ctx, in, "app", armmsi.Identity{Location: ptr(location)}, nil))
	lock := func(level armlocks.LockLevel) armlocks.ManagementLockObject {
		return armlocks.ManagementLockObject{Properties: &armlocks.ManagementLockProperties{Level: to.Ptr(level), Notes: ptr("conformance")}}
	}
	const namespace, kind = "Microsoft.ManagedIdentity", "userAssignedIdentities"
	must[armlocks.ManagementLocksClientCreateOrUpdateAtResourceLevelResponse](t, "locking one resource")(locks.CreateOrUpdateAtResourceLevel(ctx, in, namespace, "", kind, "app", "keep", lock(armlocks.LockLevelCanNotDelete), nil))
	_, err := identities.Delete(ctx, in, "app", nil)
	refused(t, err, 409, "ScopeLocked")
	_, err = identities.Update(ctx, in, "app", armmsi.IdentityUpdate{Tags: map[string]*string{"a": ptr("1")}}, nil)
	if err != nil {
		t.Errorf("a lock against deletion keeps from writing: %v", err)
	}
	must[armlocks.ManagementLocksClientCreateOrUpdateAtResourceGroupLevelResponse](t, "locking the group")(locks.CreateOrUpdateAtResourceGroupLevel(ctx, in, "frozen", lock(armlocks.LockLevelReadOnly), nil))
	_, err = identities.CreateOrUpdate(ctx, in, "other", armmsi.Identity{Location: ptr(location)}, nil)
	refused(t, err, 409, "ScopeLocked")
	if pages := all(t, "listing locks", locks.NewListAtResourceGroupLevelPager(in, nil)); len(pages[0].Value) != 2 {
		t.Errorf("%d locks, want 2", len(pages[0].Value))
	}
	must[armlocks.ManagementLocksClientGetAtResourceLevelResponse](t, "reading")(locks.GetAtResourceLevel(ctx, in, namespace, "", kind, "app", "keep", nil))
	must[armlocks.ManagementLocksClientDeleteAtResourceGroupLevelResponse](t, "unlocking the group")(locks.DeleteAtResourceGroupLevel(ctx, in, "frozen", nil))
	must[armlocks.ManagementLocksClientDeleteAtResourceLevelResponse](t, "unlocking")(locks.DeleteAtResourceLevel(ctx, in, namespace, "", kind, "app", "keep", nil))
	// By scope: the client sends the whole ID as one segment, its slashes encoded.
	scope := "/subscriptions/" + cloud.Subscription + "/resourceGroups/" + in + "/providers/" + namespace + "/" + kind + "/app"
	must[armlocks.ManagementLocksClientCreateOrUpdateByScopeResponse](t, "locking a scope")(locks.CreateOrUpdateByScope(ctx, scope, "scoped", lock(armlocks.LockLevelCanNotDelete), nil))
	got := must[armlocks.ManagementLocksClientGetByScopeResponse](t, "reading a scope's lock")(locks.GetByScope(ctx, strings.TrimPrefix(scope, "/"), "scoped", nil))
	if want := scope + "/providers/Microsoft.Authorization/locks/scoped"; *got.ID != want {
		t.Errorf("the lock is %s, want %s", *got.ID, want)
	}
	if pages := all(t, "listing a scope's locks", locks.NewListByScopePager(scope, nil)); len(pages[0].Value) != 1 {
		t.Errorf("%d locks at the scope, want 1", len(pages[0].Value))
	}
	_, err = identities.Delete(ctx, in, "app", nil)
	refused(t, err, 409, "ScopeLocked")
	must[armlocks.ManagementLocksClientDeleteByScopeResponse](t, "unlocking a scope")(locks.DeleteByScope(ctx, scope, "scoped", nil))
	must[armmsi.UserAssignedIdentitiesClientDeleteResponse](t, "deleting")(identities.Delete(ctx, in, "app", nil))
}

// TestActivityLog finds who wrote what.
func TestActivityLog(t *testing.T) {
	ctx, in, before := t.Context(), group(t), time.Now().Add(-time.Hour).UTC()
	logs := must[*armmonitor.ActivityLogsClient](t, "making a client")(armmonitor.NewActivityLogsClient(cloud.Subscription, cloud.credential, cloud.options))
	identities := clientFor(t, cloud.credential)
	must[armmsi.UserAssignedIdentitiesClientCreateOrUpdateResponse](t, "making an identity")(identities.CreateOrUpdate(ctx, in, "seen", armmsi.Identity{Location: ptr(location)}, nil))
	filter := fmt.Sprintf("eventTimestamp ge '%s' and resourceGroupName eq '%s'", before.Format(time.RFC3339), in)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		found := 0
		for _, page := range all(t, "listing events", logs.NewListPager(filter, nil)) {
			for _, event := range page.Value {
				if *event.OperationName.Value == "Microsoft.ManagedIdentity/userAssignedIdentities/write" && *event.Caller != "" {
					found++
				}
			}
		}
		if found > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no event tells of the write")
		}
	}
	pager := logs.NewListPager("eventTimestamp is late", nil)
	_, err := pager.NextPage(ctx)
	refused(t, err, 400, "InvalidFilterInQueryString")
}

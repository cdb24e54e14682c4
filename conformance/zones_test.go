package conformance

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/dns/armdns"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v6"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/privatedns/armprivatedns"
)

func TestDNSZones(t *testing.T) {
	ctx, in := t.Context(), group(t)
	zones := must[*armdns.ZonesClient](t, "making a client")(armdns.NewZonesClient(cloud.Subscription, cloud.credential, cloud.options))
	records := must[*armdns.RecordSetsClient](t, "making a client")(armdns.NewRecordSetsClient(cloud.Subscription, cloud.credential, cloud.options))
	zone := armdns.Zone{Location: ptr("global")}
	made := must[armdns.ZonesClientCreateOrUpdateResponse](t, "making a zone")(zones.CreateOrUpdate(ctx, in, "sdk.example", zone, nil))
	if len(made.Properties.NameServers) == 0 || made.Etag == nil {
		t.Errorf("%+v", made.Properties)
	}
	set := func(address string) armdns.RecordSet {
		return armdns.RecordSet{Properties: &armdns.RecordSetProperties{TTL: ptr[int64](60), ARecords: []*armdns.ARecord{{IPv4Address: &address}}}}
	}
	first := must[armdns.RecordSetsClientCreateOrUpdateResponse](t, "adding a record")(records.CreateOrUpdate(ctx, in, "sdk.example", "www", armdns.RecordTypeA, set("192.0.2.1"), nil))
	_, err := records.CreateOrUpdate(ctx, in, "sdk.example", "www", armdns.RecordTypeA, set("192.0.2.2"), &armdns.RecordSetsClientCreateOrUpdateOptions{IfNoneMatch: ptr("*")})
	refused(t, err, 412, "PreconditionFailed")
	must[armdns.RecordSetsClientCreateOrUpdateResponse](t, "changing what was read")(records.CreateOrUpdate(ctx, in, "sdk.example", "www", armdns.RecordTypeA, set("192.0.2.3"), &armdns.RecordSetsClientCreateOrUpdateOptions{IfMatch: first.Etag}))
	_, err = records.Delete(ctx, in, "sdk.example", "www", armdns.RecordTypeA, &armdns.RecordSetsClientDeleteOptions{IfMatch: first.Etag})
	refused(t, err, 412, "PreconditionFailed")
	if got := must[armdns.RecordSetsClientGetResponse](t, "reading")(records.Get(ctx, in, "sdk.example", "www", armdns.RecordTypeA, nil)); *got.Properties.ARecords[0].IPv4Address != "192.0.2.3" {
		t.Errorf("%+v", got.Properties)
	}
	count := 0
	for _, page := range all(t, "listing records", records.NewListAllByDNSZonePager(in, "sdk.example", nil)) {
		count += len(page.Value)
	}
	if count != 3 { // NS and SOA come with the zone
		t.Errorf("%d record sets, want 3", count)
	}
	_, err = records.CreateOrUpdate(ctx, in, "sdk.example", "bad", armdns.RecordTypeA, set("not an address"), nil)
	refused(t, err, 400, "BadRequest")
	_, err = records.Get(ctx, in, "sdk.example", "none", armdns.RecordTypeA, nil)
	refused(t, err, 404, "NotFound")
	all(t, "listing zones", zones.NewListByResourceGroupPager(in, nil))
	done[armdns.ZonesClientDeleteResponse](t, "deleting")(zones.BeginDelete(ctx, in, "sdk.example", nil))
	_, err = zones.Get(ctx, in, "sdk.example", nil)
	refused(t, err, 404, "ResourceNotFound")
}

func TestPrivateZones(t *testing.T) {
	ctx, in := t.Context(), group(t)
	zones := must[*armprivatedns.PrivateZonesClient](t, "making a client")(armprivatedns.NewPrivateZonesClient(cloud.Subscription, cloud.credential, cloud.options))
	links := must[*armprivatedns.VirtualNetworkLinksClient](t, "making a client")(armprivatedns.NewVirtualNetworkLinksClient(cloud.Subscription, cloud.credential, cloud.options))
	records := must[*armprivatedns.RecordSetsClient](t, "making a client")(armprivatedns.NewRecordSetsClient(cloud.Subscription, cloud.credential, cloud.options))
	vnets := networkClients(t, cloud.options).NewVirtualNetworksClient()
	net := done[armnetwork.VirtualNetworksClientCreateOrUpdateResponse](t, "making a network")(vnets.BeginCreateOrUpdate(ctx, in, "net", addressed("10.85.0.0/16"), nil))
	done[armprivatedns.PrivateZonesClientCreateOrUpdateResponse](t, "making a zone")(zones.BeginCreateOrUpdate(ctx, in, "sdk.internal", armprivatedns.PrivateZone{Location: ptr("global")}, nil))
	link := done[armprivatedns.VirtualNetworkLinksClientCreateOrUpdateResponse](t, "linking it")(links.BeginCreateOrUpdate(ctx, in, "sdk.internal", "net", armprivatedns.VirtualNetworkLink{
		Location: ptr("global"), Properties: &armprivatedns.VirtualNetworkLinkProperties{VirtualNetwork: &armprivatedns.SubResource{ID: net.ID}, RegistrationEnabled: to.Ptr(false)},
	}, nil))
	if *link.Properties.VirtualNetworkLinkState != armprivatedns.VirtualNetworkLinkStateCompleted {
		t.Errorf("the link is %s", *link.Properties.VirtualNetworkLinkState)
	}
	must[armprivatedns.RecordSetsClientCreateOrUpdateResponse](t, "adding a record")(records.CreateOrUpdate(ctx, in, "sdk.internal", armprivatedns.RecordTypeA, "db", armprivatedns.RecordSet{
		Properties: &armprivatedns.RecordSetProperties{TTL: ptr[int64](60), ARecords: []*armprivatedns.ARecord{{IPv4Address: ptr("10.85.0.9")}}},
	}, nil))
	must[armprivatedns.RecordSetsClientGetResponse](t, "reading it")(records.Get(ctx, in, "sdk.internal", armprivatedns.RecordTypeA, "db", nil))
	all(t, "listing records", records.NewListPager(in, "sdk.internal", nil))
	all(t, "listing links", links.NewListPager(in, "sdk.internal", nil))
	_, err := zones.BeginDelete(ctx, in, "sdk.internal", nil)
	if err == nil {
		t.Error("a zone with a link was deleted")
	}
	done[armprivatedns.VirtualNetworkLinksClientDeleteResponse](t, "unlinking")(links.BeginDelete(ctx, in, "sdk.internal", "net", nil))
	done[armprivatedns.PrivateZonesClientDeleteResponse](t, "deleting")(zones.BeginDelete(ctx, in, "sdk.internal", nil))
}

package providers_test

import (
	"testing"

	"github.com/lanyard-project/lanyard/internal/arm/armid"
)

// The roles of the examples of seed 001: who reads files of a storage account,
// and who sends messages to a Service Bus queue.
const (
	blobDataReader = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
	busDataSender  = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39"

	blobRead   = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
	blobWrite  = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
	busSend    = "Microsoft.ServiceBus/namespaces/messages/send/action"
	busReceive = "Microsoft.ServiceBus/namespaces/messages/receive/action"
)

// may asks, as a service that received the principal's token does, whether it may
// perform the data action on the resource.
func (f *fixture) may(service, principal, action, on string) bool {
	f.Helper()
	status, answer := f.call(service, "POST", on+"/providers/Microsoft.Authorization/checkAccess?api-version=2018-09-01-preview",
		`{"Subject":{"Attributes":{"ObjectId":"`+principal+`"}},"Actions":[{"Id":"`+action+`","IsDataAction":true}]}`)
	if status != 200 {
		f.Fatalf("asking about %s on %s: %d %v", action, on, status, answer)
	}
	return at(answer, "value", 0, "accessDecision") == "Allowed"
}

func TestDataRolesOfSeed001HoldAtEveryScope(t *testing.T) {
	f := newCloud(t)
	const storage, bus = "?api-version=2023-01-01", "?api-version=2021-11-01"
	account := groupPath + "Microsoft.Storage/storageAccounts/files1"
	f.must(200, "PUT", account+storage, `{"location":"westus2","sku":{"name":"Standard_LRS"}}`)
	inbox, outbox := account+"/blobServices/default/containers/inbox", account+"/blobServices/default/containers/outbox"
	f.must(201, "PUT", inbox+storage, `{}`)
	f.must(201, "PUT", outbox+storage, `{}`)
	orders := groupPath + "Microsoft.ServiceBus/namespaces/orders1"
	f.must(201, "PUT", orders+bus, `{"location":"westus2"}`)
	in, other := orders+"/queues/in", orders+"/queues/other"
	f.must(200, "PUT", in+bus, `{}`)
	f.must(200, "PUT", other+bus, `{}`)

	// The services that ask: they may read role assignments, and touch no data.
	const service, reader = "eeeeeeee-0000-0000-0000-000000000005", "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	f.grant(service, reader, group("g"))

	all := []struct{ action, on string }{{blobRead, inbox}, {blobWrite, inbox}, {blobRead, outbox}, {busSend, in}, {busReceive, in}, {busSend, other}}
	for _, c := range []struct {
		name, role, scope string
		want              []bool // of all
	}{
		{"reader of one container", blobDataReader, inbox, []bool{true, false, false, false, false, false}},
		{"reader of the account", blobDataReader, account, []bool{true, false, true, false, false, false}},
		{"reader of the group", blobDataReader, group("g").String(), []bool{true, false, true, false, false, false}},
		{"sender to one queue", busDataSender, in, []bool{false, false, false, true, false, false}},
		{"sender to the namespace", busDataSender, orders, []bool{false, false, false, true, false, true}},
		{"sender to the group", busDataSender, group("g").String(), []bool{false, false, false, true, false, true}},
		{"contributor of everything", "b24988ac-6180-42a0-ab88-20f7382dd24c", group("g").String(), make([]bool, 6)},
	} {
		t.Run(c.name, func(t *testing.T) {
			given := f.grant(guestID, c.role, parsed(t, c.scope))
			for i, q := range all {
				if got := f.may(service, guestID, q.action, q.on); got != c.want[i] {
					t.Errorf("%s on %s: %v", q.action, q.on, got)
				}
			}
			// The very next question after the role is gone is answered with no.
			if status, _ := f.call(ownerID, "DELETE", given.ID.String()+"?api-version=2022-04-01", ""); status != 200 {
				t.Fatalf("removing the assignment: %d", status)
			}
			for _, q := range all {
				if f.may(service, guestID, q.action, q.on) {
					t.Errorf("%s on %s: still allowed", q.action, q.on)
				}
			}
		})
	}
	// Nobody learns about others without a right to.
	f.refused(guestID, 403, "AuthorizationFailed", "POST", inbox+"/providers/Microsoft.Authorization/checkAccess?api-version=2018-09-01-preview",
		`{"Subject":{"Attributes":{"ObjectId":"`+ownerID+`"}},"Actions":[{"Id":"`+blobRead+`","IsDataAction":true}]}`)
}

func parsed(t *testing.T, text string) armid.ID {
	t.Helper()
	id, err := armid.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

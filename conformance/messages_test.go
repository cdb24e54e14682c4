package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources/v4"
	"github.com/google/uuid"
)

// queues makes a namespace with queues, whose locks are short, and returns its ID and name.
func queues(t *testing.T, in string, names ...string) (id, name string) {
	t.Helper()
	name = "bus-" + uuid.NewString()[:12]
	id = resourceOf(t, "/subscriptions/"+cloud.Subscription+"/resourceGroups/"+in+"/providers/Microsoft.ServiceBus/namespaces/"+name, "2021-11-01", armresources.GenericResource{Location: ptr(location)})
	for _, queue := range names {
		resourceOf(t, id+"/queues/"+queue, "2021-11-01", armresources.GenericResource{Properties: map[string]any{"lockDuration": "PT1M", "maxDeliveryCount": 2}})
	}
	return id, name
}

// bus is a caller of a namespace's REST API.
type bus struct {
	*testing.T
	client *http.Client
	name   string
	token  string
}

func newBus(t *testing.T, name string, credential azcore.TokenCredential) *bus {
	t.Helper()
	return &bus{t, tunnel(t), name, tokenFor(t, credential, "https://servicebus.azure.net/.default")}
}

type answered struct {
	status   int
	body     string
	location string
	broker   struct {
		MessageID      string `json:"MessageId"`
		SequenceNumber int
		DeliveryCount  int
		Label          string
	}
}

func (b *bus) call(method, path, body string, header ...string) answered {
	b.Helper()
	if !strings.HasPrefix(path, "https://") {
		path = "https://" + b.name + ".servicebus.windows.net/" + path
	}
	request := must[*http.Request](b.T, "making a request")(http.NewRequestWithContext(b.Context(), method, path, strings.NewReader(body)))
	request.Header.Set("Authorization", "Bearer "+b.token)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response := must[*http.Response](b.T, method+" "+path)(b.client.Do(request))
	defer response.Body.Close()
	a := answered{status: response.StatusCode, body: string(must[[]byte](b.T, "reading")(io.ReadAll(response.Body))), location: response.Header.Get("Location")}
	if properties := response.Header.Get("BrokerProperties"); properties != "" {
		if err := json.Unmarshal([]byte(properties), &a.broker); err != nil {
			b.Errorf("%s: %v", properties, err)
		}
	}
	return a
}

func (b *bus) want(status int, a answered) answered {
	b.Helper()
	if a.status != status {
		b.Errorf("want %d, got %d %s", status, a.status, a.body)
	}
	return a
}

func TestQueues(t *testing.T) {
	in := group(t)
	namespace, name := queues(t, in, "orders")
	principal, credential := servicePrincipal(t)
	grant(t, busSender, namespace, principal)
	grant(t, busReceiver, namespace, principal)
	b := newBus(t, name, credential)

	b.want(204, b.call("DELETE", "orders/messages/head?timeout=0", ""))
	for i := range 3 {
		b.want(201, b.call("POST", "orders/messages", fmt.Sprintf("message %d", i), "BrokerProperties", fmt.Sprintf(`{"MessageId":"id%d","Label":"l"}`, i), "Content-Type", "text/plain"))
	}
	b.want(201, b.call("POST", "orders/messages", `[{"Body":"b1"},{"Body":"b2","BrokerProperties":{"MessageId":"own"},"UserProperties":{"Priority":"high"}}]`, "Content-Type", "application/vnd.microsoft.servicebus.json"))

	// At most once: gone when it is received.
	if got := b.want(200, b.call("DELETE", "orders/messages/head?timeout=5", "")); got.body != "message 0" || got.broker.MessageID != "id0" || got.broker.Label != "l" || got.broker.SequenceNumber != 1 {
		t.Errorf("%+v", got)
	}
	// At least once: under lock until it is completed, and the next receiver gets the next one.
	first := b.want(201, b.call("POST", "orders/messages/head?timeout=5", ""))
	second := b.want(201, b.call("POST", "orders/messages/head?timeout=5", ""))
	if first.body != "message 1" || second.body != "message 2" || first.broker.DeliveryCount != 1 {
		t.Errorf("%+v, then %+v", first, second)
	}
	b.want(200, b.call("POST", first.location, "")) // renewed
	b.want(200, b.call("DELETE", first.location, ""))
	b.want(404, b.call("DELETE", first.location, ""))
	// Given back, it comes again, until it has come too often.
	b.want(200, b.call("PUT", second.location, ""))
	again := b.want(201, b.call("POST", "orders/messages/head?timeout=5", ""))
	if again.body != "message 2" || again.broker.DeliveryCount != 2 {
		t.Errorf("%+v", again)
	}
	b.want(200, b.call("PUT", again.location, ""))
	if got := b.want(200, b.call("DELETE", "orders/messages/head?timeout=5", "")); got.body != "b1" {
		t.Errorf("%+v", got)
	}
	if got := b.want(200, b.call("DELETE", "orders/$DeadLetterQueue/messages/head?timeout=5", "")); got.body != "message 2" {
		t.Errorf("the dead letter is %+v", got)
	}
	if got := b.want(200, b.call("DELETE", "orders/messages/head?timeout=5", "")); got.body != "b2" || got.broker.MessageID != "own" {
		t.Errorf("%+v", got)
	}
	// Who waits is woken.
	woken := make(chan answered)
	go func() { woken <- b.call("DELETE", "orders/messages/head?timeout=30", "") }()
	b.want(201, b.call("POST", "orders/messages", "late"))
	if got := <-woken; got.body != "late" {
		t.Errorf("%+v", got)
	}
	b.want(404, b.call("POST", "none/messages", "x"))
	b.want(413, b.call("POST", "orders/messages", strings.Repeat("x", 300<<10)))
}

// TestQueueRoles is seed 001's example: who may send to a queue can't receive from it, at whatever scope the role is, and
// what is revoked is refused by the very next request.
func TestQueueRoles(t *testing.T) {
	in := group(t)
	namespace, name := queues(t, in, "orders", "other")
	principal, credential := servicePrincipal(t)
	b := newBus(t, name, credential)
	scope := "/subscriptions/" + cloud.Subscription + "/resourceGroups/" + in
	for _, c := range []struct {
		role, scope          string
		sends, other, listen bool
	}{
		{busSender, namespace + "/queues/orders", true, false, false},
		{busSender, namespace, true, true, false},
		{busSender, scope, true, true, false},
		{busReceiver, namespace + "/queues/orders", false, false, true},
		{contributor, scope, false, false, false},
	} {
		for range 2 {
			revoke := grant(t, c.role, c.scope, principal)
			for what, try := range map[string]struct {
				got  answered
				want bool
			}{
				"sending": {b.call("POST", "orders/messages", "x"), c.sends}, "sending to another": {b.call("POST", "other/messages", "x"), c.other},
				"receiving": {b.call("POST", "orders/messages/head?timeout=0", ""), c.listen},
			} {
				if try.want != (try.got.status < 300) || !try.want && (try.got.status != 401 || !strings.Contains(try.got.body, "claim(s) are required to perform this operation")) {
					t.Errorf("%s with %s at %s: %d %s", what, c.role, c.scope, try.got.status, try.got.body)
				}
			}
			revoke()
			b.want(401, b.call("POST", "orders/messages", "x"))
			b.want(401, b.call("DELETE", "orders/messages/head?timeout=0", ""))
		}
	}
	b.token = tokenFor(t, credential, armScope)
	if got := b.want(401, b.call("POST", "orders/messages", "x")); !strings.Contains(got.body, "InvalidAudience") {
		t.Errorf("%s", got.body)
	}
}

package messages

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Who may only send has no say in where a receiver goes, with his token, to settle
// what he received, nor in what the service says of a message.
func TestSendersChooseNoHeadersOfTheService(t *testing.T) {
	for name, send := range map[string]func(*http.Request){
		"headers": func(r *http.Request) {
			r.Header.Set("Location", "https://evil.example/q/messages/1/1")
			r.Header.Set("Set-Cookie", "a=b")
			r.Header.Set("Priority", "high")
		},
		"a batch": func(r *http.Request) {
			r.Header.Set("Content-Type", batchType)
			r.Body = io.NopCloser(strings.NewReader(`[{"Body":"a","UserProperties":{"location":"https://evil.example/q/messages/1/1","BrokerProperties":"{}","content-length":"1","Set-Cookie":"a=b","Priority":"high"}}]`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, q := newBroker(t)
			sending := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://bus.servicebus.windows.net/q/messages", strings.NewReader("a"))
			send(sending)
			if err := s.accept(httptest.NewRecorder(), &call{Request: sending, queue: q, entity: "q"}); err != nil {
				t.Fatal(err)
			}
			receiving := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://bus.servicebus.windows.net/q/messages/head", nil)
			got := httptest.NewRecorder()
			if err := s.deliver(got, &call{Request: receiving, queue: q, entity: "q"}, true); err != nil {
				t.Fatal(err)
			}
			h := got.Header()
			if at := h.Get("Location"); !strings.HasPrefix(at, "https://bus.servicebus.windows.net/q/messages/1/") {
				t.Errorf("the message is settled at %s", at)
			}
			if h.Get("Set-Cookie") != "" || h.Get("Content-Length") != "" || !strings.Contains(h.Get("BrokerProperties"), "LockToken") {
				t.Errorf("headers of the service's own: %v", h)
			}
			if h.Get("Priority") != "high" {
				t.Errorf("a property of the sender's: %v", h)
			}
		})
	}
}

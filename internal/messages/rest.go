package messages

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	batchType = "application/vnd.microsoft.servicebus.json"
	// longestWait bounds how long a receiver waits for a message.
	longestWait = 55 * time.Second
	// mostAtOnce are the messages of a batch: they are one transaction.
	mostAtOnce = 500
)

// dispatch answers one operation of the REST API.
func (s *Service) dispatch(w http.ResponseWriter, c *call) error {
	head := len(c.rest) == 1 && strings.EqualFold(c.rest[0], "head")
	one := len(c.rest) == 2
	switch {
	case c.Method == http.MethodPost && len(c.rest) == 0 && c.queue.part == dead:
		return fail(http.StatusBadRequest, "Nothing can be sent to a dead-letter queue.")
	case c.Method == http.MethodPost && len(c.rest) == 0:
		return s.accept(w, c)
	case c.Method == http.MethodPost && head:
		return s.deliver(w, c, true)
	case c.Method == http.MethodDelete && head:
		return s.deliver(w, c, false)
	case c.Method == http.MethodDelete && one: // complete
		return s.finish(w, c, func(*Message) bool { return false })
	case c.Method == http.MethodPut && one: // abandon
		return s.finish(w, c, func(m *Message) bool { m.Lock, m.Locked = "", time.Time{}; return true })
	case c.Method == http.MethodPost && one: // renew
		return s.finish(w, c, func(m *Message) bool { m.Locked = s.Clock.Now().UTC().Add(c.queue.lock); return true })
	default:
		return fail(http.StatusMethodNotAllowed, "The operation "+c.Method+" isn't one of messages.")
	}
}

// sent is a message of a batch.
type sent struct {
	Body       string            `json:"Body"`
	Properties map[string]any    `json:"BrokerProperties"`
	User       map[string]string `json:"UserProperties"`
}

func (s *Service) accept(w http.ResponseWriter, c *call) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, c.Body, int64(c.queue.longest)+1))
	if err != nil || len(body) > c.queue.longest {
		return fail(http.StatusRequestEntityTooLarge, fmt.Sprintf("The message is larger than %d bytes.", c.queue.longest))
	}
	kind := c.Header.Get("Content-Type")
	if !strings.HasPrefix(kind, batchType) {
		one := sent{Body: string(body)}
		if text := c.Header.Get("BrokerProperties"); text != "" {
			if err := json.Unmarshal([]byte(text), &one.Properties); err != nil {
				return fail(http.StatusBadRequest, "The header BrokerProperties isn't a JSON object.")
			}
		}
		m, err := s.message(one, kind)
		if err != nil {
			return err
		}
		m.Body, m.User = body, userHeaders(c.Header)
		err = s.send(c.Context(), c.queue, []Message{m})
		if err == nil {
			w.WriteHeader(http.StatusCreated)
		}
		return err
	}
	var batch []sent
	if err := json.Unmarshal(body, &batch); err != nil || len(batch) == 0 || len(batch) > mostAtOnce {
		return fail(http.StatusBadRequest, fmt.Sprintf("A batch is a JSON array of 1 to %d objects with Body, BrokerProperties and UserProperties.", mostAtOnce))
	}
	all := make([]Message, len(batch))
	for i, one := range batch {
		if all[i], err = s.message(one, ""); err != nil {
			return err
		}
	}
	if err := s.send(c.Context(), c.queue, all); err != nil {
		return err
	}
	w.WriteHeader(http.StatusCreated)
	return nil
}

// message reads what the sender wants of the broker.
func (s *Service) message(one sent, kind string) (Message, error) {
	m := Message{Body: []byte(one.Body), ContentType: kind, Properties: one.Properties, User: one.User, ID: uuid.NewString()}
	m.ID = strings.ReplaceAll(m.ID, "-", "")
	if id, ok := one.Properties["MessageId"].(string); ok && id != "" {
		if len(id) > 128 {
			return m, fail(http.StatusBadRequest, "MessageId has more than 128 characters.")
		}
		m.ID = id
	}
	if t, ok := one.Properties["ContentType"].(string); ok && kind == "" {
		m.ContentType = t
	}
	now := s.Clock.Now().UTC()
	if text, ok := one.Properties["ScheduledEnqueueTimeUtc"].(string); ok {
		due, err := http.ParseTime(text)
		if err != nil {
			return m, fail(http.StatusBadRequest, "ScheduledEnqueueTimeUtc isn't a time such as 'Mon, 02 Jan 2006 15:04:05 GMT'.")
		}
		m.Due = due
	}
	switch lives := one.Properties["TimeToLive"].(type) {
	case nil:
	case float64:
		if lives > 0 && lives < century.Seconds() {
			m.Expires = now.Add(time.Duration(lives * float64(time.Second)))
		}
	default:
		return m, fail(http.StatusBadRequest, "TimeToLive isn't a number of seconds.")
	}
	return m, nil
}

// userHeaders are the sender's own properties: headers that HTTP has no meaning for.
func userHeaders(h http.Header) map[string]string {
	out := map[string]string{}
	for name, values := range h {
		if isUsers(name) {
			out[name] = strings.Join(values, ",")
		}
	}
	return out
}

// isUsers reports whether a header is a sender's to choose. It isn't where HTTP or
// the service gives it a meaning: whoever receives settles a message, with his token,
// where Location says.
func isUsers(name string) bool {
	switch name = http.CanonicalHeaderKey(name); name {
	case "Authorization", "Brokerproperties", "Accept", "User-Agent", "Connection", "Keep-Alive", "Host", "Expect", "Trailer", "Transfer-Encoding",
		"Upgrade", "Te", "Date", "Location", "Server", "Deadletterreason", "Retry-After", "Cookie", "Set-Cookie", "Www-Authenticate",
		"Strict-Transport-Security", "Alt-Svc", "Link", "Refresh", "Clear-Site-Data":
		return false
	}
	for _, family := range []string{"X-Ms-", "Content-", "Accept-", "Access-Control-", "Proxy-"} {
		if strings.HasPrefix(name, family) {
			return false
		}
	}
	return true
}

func (s *Service) deliver(w http.ResponseWriter, c *call, keep bool) error {
	wait := longestWait
	if text := c.URL.Query().Get("timeout"); text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds < 0 {
			return fail(http.StatusBadRequest, "timeout isn't a number of seconds.")
		}
		wait = min(wait, time.Duration(seconds)*time.Second)
	}
	got, err := s.receive(c.Context(), c.queue, keep, wait)
	if err != nil {
		return err
	}
	if got == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	properties := map[string]any{}
	for name, value := range got.Properties {
		properties[name] = value
	}
	properties["MessageId"], properties["SequenceNumber"], properties["DeliveryCount"] = got.ID, got.Number, got.Deliveries
	properties["EnqueuedTimeUtc"], properties["State"] = got.Enqueued.Format(http.TimeFormat), "Active"
	if got.Reason != "" {
		w.Header().Set("DeadLetterReason", got.Reason)
	}
	h, status := w.Header(), http.StatusOK
	if keep {
		status = http.StatusCreated
		properties["LockToken"], properties["LockedUntilUtc"] = got.Lock, got.Locked.Format(http.TimeFormat)
		path := c.entity
		if c.queue.part == dead {
			path += "/$DeadLetterQueue"
		}
		h.Set("Location", fmt.Sprintf("https://%s/%s/messages/%d/%s", c.Host, path, got.Number, got.Lock))
	}
	encoded, err := json.Marshal(properties)
	if err != nil {
		return err
	}
	h.Set("BrokerProperties", string(encoded))
	for name, value := range got.User {
		if isUsers(name) { // those of a batch have any names
			h.Set(name, value)
		}
	}
	if got.ContentType != "" {
		h.Set("Content-Type", got.ContentType)
	}
	w.WriteHeader(status)
	_, _ = w.Write(got.Body) // a receiver that went away has it under lock, or has lost it as it chose
	return nil
}

func (s *Service) finish(w http.ResponseWriter, c *call, change func(*Message) bool) error {
	held, err := s.settle(c.Context(), c.queue, c.rest[0], c.rest[1], change)
	if err != nil {
		return err
	}
	if !held {
		return fail(http.StatusNotFound, "The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue.")
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

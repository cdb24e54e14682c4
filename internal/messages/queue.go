package messages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/lanyard-project/lanyard/internal/arm/resource"
	"github.com/lanyard-project/lanyard/internal/store"
)

// prefix is below which messages are: by queue, by part, by number.
const prefix = "/lanyard/messages/"

// The parts of a queue.
const (
	active = "active"
	dead   = "dead"
)

// Message is a message with what the broker knows of it.
type Message struct {
	Body        []byte            `json:"body"`
	ContentType string            `json:"contentType,omitempty"`
	Properties  map[string]any    `json:"properties,omitempty"` // the sender's broker properties
	User        map[string]string `json:"user,omitempty"`

	ID         string    `json:"id"`
	Number     int64     `json:"number"`
	Enqueued   time.Time `json:"enqueued"`
	Due        time.Time `json:"due"`              // not before
	Expires    time.Time `json:"expires,omitzero"` // zero: never
	Deliveries int       `json:"deliveries"`       // how often it was given out
	Lock       string    `json:"lock,omitempty"`   // token of who has it
	Locked     time.Time `json:"locked,omitzero"`  // until then
	Reason     string    `json:"reason,omitempty"` // why it is dead
	revision   int64
}

// queue is one queue, or its dead letters.
type queue struct {
	key        string // of this queue since it was made
	part       string
	lock       time.Duration
	deliveries int
	lives      time.Duration // 0: for ever
	buriesLate bool          // messages whose time is over become dead letters
	longest    int
	sessions   bool
}

// queueOf reads a queue's document.
func queueOf(r *resource.Resource) (queue, error) {
	p, err := resource.Read[struct {
		Lock       string `json:"lockDuration"`
		Deliveries int    `json:"maxDeliveryCount"`
		Lives      string `json:"defaultMessageTimeToLive"`
		Buries     bool   `json:"deadLetteringOnMessageExpiration"`
		Largest    int    `json:"maxMessageSizeInKilobytes"`
		Sessions   bool   `json:"requiresSession"`
	}](r)
	if err != nil {
		return queue{}, err
	}
	sum := sha256.Sum256([]byte(r.ID.Key() + "\n" + r.SystemData.CreatedAt.UTC().Format(time.RFC3339Nano)))
	q := queue{key: prefix + hex.EncodeToString(sum[:12]) + "/", part: active, deliveries: p.Deliveries, buriesLate: p.Buries, longest: p.Largest << 10, sessions: p.Sessions}
	if q.lock, err = parsePeriod(p.Lock); err != nil || q.lock <= 0 {
		q.lock = time.Minute
	}
	if q.lives, err = parsePeriod(p.Lives); err != nil || q.lives > century {
		q.lives = 0
	}
	if q.deliveries <= 0 {
		q.deliveries = 10
	}
	if q.longest <= 0 {
		q.longest = 256 << 10
	}
	return q, nil
}

func (q queue) of(part string) queue { q.part = part; return q }

func (q queue) messages() string { return q.key + q.part + "/" }

func (q queue) message(number int64) string { return fmt.Sprintf("%s%020d", q.messages(), number) }

// send puts messages into the queue, all or none.
func (s *Service) send(ctx context.Context, q queue, all []Message) error {
	counter := q.key + "next"
	for {
		next, revision := int64(1), int64(0)
		item, err := s.State.Get(ctx, counter)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return err
		default:
			if next, err = strconv.ParseInt(string(item.Value), 10, 64); err != nil {
				return fmt.Errorf("reading the next number of a queue: %w", err)
			}
			revision = item.Revision
		}
		now := s.Clock.Now().UTC()
		ops := []store.Op{store.Put(counter, []byte(strconv.FormatInt(next+int64(len(all)), 10)))}
		for i := range all {
			m := all[i]
			m.Number, m.Enqueued = next+int64(i), now
			if m.Due.IsZero() {
				m.Due = now
			}
			if m.Expires.IsZero() && q.lives > 0 {
				m.Expires = m.Due.Add(q.lives)
			}
			value, err := json.Marshal(m)
			if err != nil {
				return err
			}
			ops = append(ops, store.Put(q.message(m.Number), value))
		}
		_, err = s.State.Txn(ctx, []store.Cond{store.Unchanged(counter, revision)}, ops)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// receive gives out the oldest message that nobody has, waiting for one as long as
// ctx lasts. keep locks it for the receiver; without it is removed. Nil: none came.
func (s *Service) receive(ctx context.Context, q queue, keep bool, wait time.Duration) (*Message, error) {
	if wait <= 0 {
		got, _, err := s.next(ctx, q, keep, 0)
		return got, err
	}
	return s.await(ctx, q, keep, wait)
}

// look is what was seen of a queue that had no free message.
type look struct {
	last int64         // the number of the last message
	free time.Duration // when one could be free
}

// next gives out the oldest free message behind the one of the number.
func (s *Service) next(ctx context.Context, q queue, keep bool, behind int64) (got *Message, seen look, err error) {
	seen = look{behind, time.Minute}
	after := ""
	if behind > 0 {
		after = q.message(behind)
	}
	for more := true; more; {
		page, err := s.State.List(ctx, q.messages(), store.ListOptions{Limit: 32, After: after})
		if err != nil {
			return nil, seen, err
		}
		more = page.More
		for _, item := range page.Items {
			after = item.Key
			m, err := decode(item)
			if err != nil {
				return nil, seen, err
			}
			seen.last = m.Number
			now := s.Clock.Now()
			switch {
			case q.part == active && !m.Expires.IsZero() && now.After(m.Expires) && !now.Before(m.Locked):
				if err := s.bury(ctx, q, m, "TTLExpiredException", q.buriesLate); err != nil {
					return nil, seen, err
				}
			case now.Before(m.Due):
				seen.free = min(seen.free, m.Due.Sub(now))
			case now.Before(m.Locked):
				seen.free = min(seen.free, m.Locked.Sub(now))
			case q.part == active && m.Deliveries >= q.deliveries:
				if err := s.bury(ctx, q, m, "MaxDeliveryCountExceeded", true); err != nil {
					return nil, seen, err
				}
			default:
				taken, err := s.take(ctx, q, m, keep)
				if taken || err != nil {
					return m, seen, err
				}
			}
		}
	}
	return nil, seen, nil
}

func decode(item store.Item) (*Message, error) {
	m := &Message{revision: item.Revision}
	if err := json.Unmarshal(item.Value, m); err != nil {
		return nil, fmt.Errorf("reading a message: %w", err)
	}
	return m, nil
}

// take locks or removes a message, unless another receiver was faster.
func (s *Service) take(ctx context.Context, q queue, m *Message, keep bool) (bool, error) {
	key := q.message(m.Number)
	op := store.Delete(key)
	m.Deliveries++
	if keep {
		m.Lock, m.Locked = uuid.NewString(), s.Clock.Now().UTC().Add(q.lock)
		value, err := json.Marshal(m)
		if err != nil {
			return false, err
		}
		op = store.Put(key, value)
	}
	_, err := s.State.Txn(ctx, []store.Cond{store.Unchanged(key, m.revision)}, []store.Op{op})
	if errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// bury moves a message to the dead letters, or drops it.
func (s *Service) bury(ctx context.Context, q queue, m *Message, reason string, keep bool) error {
	key := q.message(m.Number)
	ops := []store.Op{store.Delete(key)}
	if keep {
		m.Reason, m.Lock, m.Locked, m.Expires = reason, "", time.Time{}, time.Time{}
		value, err := json.Marshal(m)
		if err != nil {
			return err
		}
		ops = append(ops, store.Put(q.of(dead).message(m.Number), value))
	}
	_, err := s.State.Txn(ctx, []store.Cond{store.Unchanged(key, m.revision)}, ops)
	if errors.Is(err, store.ErrConflict) {
		return nil // somebody else has it
	}
	return err
}

// settle does something to a message that the caller has under lock: the change
// returns false for a message that is done with. It reports false when the lock is
// lost.
func (s *Service) settle(ctx context.Context, q queue, message, lock string, change func(*Message) (stays bool)) (bool, error) {
	m, err := s.locked(ctx, q, message, lock)
	if m == nil || err != nil {
		return false, err
	}
	key := q.message(m.Number)
	op := store.Delete(key)
	if change(m) {
		value, err := json.Marshal(m)
		if err != nil {
			return false, err
		}
		op = store.Put(key, value)
	}
	_, err = s.State.Txn(ctx, []store.Cond{store.Unchanged(key, m.revision)}, []store.Op{op})
	if errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// locked finds a message by its number or ID, and the token of its lock.
func (s *Service) locked(ctx context.Context, q queue, message, lock string) (*Message, error) {
	valid := func(m *Message) bool {
		return strings.EqualFold(m.Lock, lock) && s.Clock.Now().Before(m.Locked)
	}
	if number, err := strconv.ParseInt(message, 10, 64); err == nil && number > 0 {
		item, err := s.State.Get(ctx, q.message(number))
		if err == nil {
			if m, err := decode(item); err != nil || valid(m) {
				return m, err
			}
		} else if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
	}
	for after, more := "", true; more; {
		page, err := s.State.List(ctx, q.messages(), store.ListOptions{Limit: 100, After: after})
		if err != nil {
			return nil, err
		}
		more = page.More
		for _, item := range page.Items {
			after = item.Key
			m, err := decode(item)
			if err != nil {
				return nil, err
			}
			if m.ID == message && valid(m) {
				return m, nil
			}
		}
	}
	return nil, nil
}

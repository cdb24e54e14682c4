package messages

import (
	"context"
	"sync"
	"time"

	"github.com/lanyard-project/lanyard/internal/store"
	"github.com/lanyard-project/lanyard/internal/store/changes"
)

// room is where receivers wait for the messages of one part of a queue. However
// many they are, one of them looks at a time, when something may be there, and not
// again at what has others' locks.
type room struct {
	queue   queue
	turn    changes.Marker // of the one who looks next
	waiting int            // belongs to the rooms
	leave   context.CancelFunc
	left    sync.WaitGroup

	mu     sync.Mutex
	passed int64     // no message up to this number is free …
	until  time.Time // … before then
	freed  int       // how often one became free
	sooner time.Time // when one will be of which was heard since somebody began to look
}

// rooms are those with somebody in them.
type rooms struct {
	mu sync.Mutex
	of map[string]*room // by the prefix of their messages
}

// await waits for a message.
func (s *Service) await(ctx context.Context, q queue, keep bool, wait time.Duration) (*Message, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	r := s.enterRoom(ctx, q)
	defer s.leaveRoom(r)
	for {
		select {
		case <-ctx.Done():
			return nil, nil // none came, or the receiver went away
		case <-r.turn:
		}
		behind, freed := r.begin(s.Clock.Now())
		got, seen, err := s.next(ctx, q, keep, behind)
		if got != nil || err != nil {
			r.turn.Mark() // there may be more, for others
			if ctx.Err() != nil && got == nil {
				err = nil
			}
			return got, err
		}
		r.end(seen, freed, s.Clock.Now())
	}
}

// enterRoom lets a receiver in, and opens the room for the first one.
func (s *Service) enterRoom(ctx context.Context, q queue) *room {
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	r := s.rooms.of[q.messages()]
	if r == nil {
		watching, leave := context.WithCancel(context.WithoutCancel(ctx)) // until the last one leaves
		r = &room{queue: q, turn: changes.NewMarker(), leave: leave}
		events := s.State.Watch(watching, q.messages(), 0)
		r.left.Go(func() { s.attend(watching, r, events) })
		if s.rooms.of == nil {
			s.rooms.of = map[string]*room{}
		}
		s.rooms.of[q.messages()] = r
	}
	r.waiting++
	return r
}

func (s *Service) leaveRoom(r *room) {
	s.rooms.mu.Lock()
	r.waiting--
	last := r.waiting == 0
	if last {
		delete(s.rooms.of, r.queue.messages())
	}
	s.rooms.mu.Unlock()
	if last {
		r.leave()
		r.left.Wait()
	}
}

// lookAgain is when a queue is looked at again although nothing has changed: locks end
// and messages fall due by a clock that can be moved.
const lookAgain = 200 * time.Millisecond

// attend tells the room of messages that come free, until the context ends.
func (s *Service) attend(ctx context.Context, r *room, events <-chan store.Event) {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if r.isDue(s.Clock.Now()) {
				r.turn.Mark()
			}
		case event, open := <-events:
			switch {
			case !open || event.Type == store.EventError:
				r.forget()
				select { // a store that is away is asked again in a moment
				case <-ctx.Done():
					return
				case <-ticker.C:
				}
				events = s.State.Watch(ctx, r.queue.messages(), 0)
				r.turn.Mark()
			case event.Type == store.EventPut:
				m, err := decode(event.Item)
				now := s.Clock.Now()
				if err != nil || !now.Before(m.Due) && !now.Before(m.Locked) {
					r.forget()
					r.turn.Mark()
				} else {
					r.later(m, now)
				}
			}
		}
	}
}

// begin says behind which message to look.
func (r *room) begin(now time.Time) (behind int64, freed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Before(r.until) {
		behind = r.passed
	}
	r.sooner = time.Time{}
	return behind, r.freed
}

// end notes what was seen, unless a message came free meanwhile.
func (r *room) end(seen look, freed int, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if freed != r.freed {
		return
	}
	until := now.Add(seen.free)
	if now.Before(r.until) && r.until.Before(until) {
		until = r.until // of those that weren't looked at
	}
	if !r.sooner.IsZero() && r.sooner.Before(until) {
		until = r.sooner
	}
	r.passed, r.until = seen.last, until
}

// forget is for a message that came free.
func (r *room) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.freed++
	r.passed, r.until = 0, time.Time{}
}

// later is for a message that will be free.
func (r *room) later(m *Message, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := m.Due
	if m.Locked.After(at) {
		at = m.Locked
	}
	if now.Before(r.until) && at.Before(r.until) {
		r.until = at
	}
	if r.sooner.IsZero() || at.Before(r.sooner) {
		r.sooner = at
	}
}

// isDue reports whether what was passed over has to be looked at again.
func (r *room) isDue(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !now.Before(r.until)
}

package tokencache

import (
	"context"
	"errors"
)

// flight is a fetch under way; those who want its token wait until it has landed.
type flight struct {
	shelf  *shelf
	fresh  bool
	landed chan struct{}
	token  Token
	err    error
}

// owner counts the flights that go on one account.
type owner struct {
	flying int
	turn   chan struct{} // closed when one of them has landed
}

// board gives the flight to a token: the one that is under way, whoever began it, or a new one on the owner's account. If he has as
// many as he may, there is none but a channel that says when to try again.
func (c *Cache) board(r Request) (*flight, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.shelves[r.Key.Identity]
	if ok {
		if f, ok := s.flights[r.Key]; ok {
			return f, nil
		}
	}
	o := c.owners[r.Owner]
	if o == nil {
		o = &owner{turn: make(chan struct{})}
		c.owners[r.Owner] = o
	}
	if o.flying >= c.options.PerOwner {
		return nil, o.turn
	}
	if !ok {
		s = c.newShelf(r.Key.Identity)
	}
	o.flying++
	f := &flight{shelf: s, fresh: r.Fresh, landed: make(chan struct{})}
	s.flights[r.Key] = f
	go c.fly(f, r)
	return f, nil
}

func (c *Cache) fly(f *flight, r Request) {
	ctx, cancel := context.WithTimeout(c.ctx, c.options.Timeout)
	defer cancel()
	f.token, f.err = r.Fetch(ctx, r.Fresh)
	now := c.clock.Now()
	if f.err == nil && f.token.ExpiresOn.Sub(now) < c.options.Margin {
		f.err = errors.New("the source gave a token that has expired")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(f.landed)
	o := c.owners[r.Owner]
	o.flying--
	close(o.turn)
	if o.turn = make(chan struct{}); o.flying == 0 {
		delete(c.owners, r.Owner)
	}
	if c.shelves[r.Key.Identity] != f.shelf { // dropped meanwhile
		return
	}
	delete(f.shelf.flights, r.Key)
	if f.err != nil {
		f.shelf.postpone(r, now, f.err, c.options)
		return
	}
	c.store(f.shelf, r, f.token, now)
}

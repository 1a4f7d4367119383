package compositor

import (
	"context"
	"sync"
	"time"
)

// wakeup is a publication that may have expired, or with pub 0 a presentity that
// may be forgotten.
type wakeup struct {
	p   *presentity
	pub uint64
}

// clock wakes at whole seconds. A refreshed publication is not moved: when its
// old second comes it waits for the next.
type clock struct {
	mu   sync.Mutex
	due  map[int64][]wakeup // mu guards it
	next int64              // first second not rung; mu guards it
}

func (c *clock) set(w wakeup, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sec := max(at.Unix(), c.next)
	c.due[sec] = append(c.due[sec], w)
}

func (c *clock) ring(now int64) (due []wakeup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for at, list := range c.due {
		if at <= now {
			due = append(due, list...)
			delete(c.due, at)
		}
	}
	c.next = now + 1
	return due
}

func (c *Compositor) tick(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			for _, w := range c.clock.ring(now.Unix()) {
				c.woken(w, now)
			}
		}
	}
}

func (c *Compositor) woken(w wakeup, now time.Time) {
	if w.pub == 0 {
		c.release(w.p)
		return
	}
	w.p.mu.Lock()
	pub := w.p.now.pubs[w.pub]
	w.p.mu.Unlock()
	switch {
	case pub == nil:
	case pub.Expires.After(now):
		c.clock.set(w, pub.Expires)
	default:
		c.enqueue(w.p, job{pub: w.pub})
	}
}

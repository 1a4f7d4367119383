package notifier

import (
	"context"
	"sync"
	"time"
)

// clock wakes subscriptions at whole seconds. A subscription that is refreshed
// is not moved: when its old second comes it is found not due and waits for the
// next, so a refresh costs the clock nothing.
type clock struct {
	mu   sync.Mutex
	due  map[stamp][]*subscription // mu guards it
	next stamp                     // the first second not rung yet; mu guards it
}

// setLocked asks for s to be woken at the time given, unless it is woken earlier
// anyway. The caller holds the mutex of the subscription's presentity.
func (c *clock) setLocked(s *subscription, at stamp) {
	if s.wake != 0 && s.wake <= at {
		return
	}
	c.mu.Lock()
	at = max(at, c.next)
	c.due[at] = append(c.due[at], s)
	c.mu.Unlock()
	s.wake = at
}

// ring returns what is due at or before now.
func (c *clock) ring(now stamp) (due []*subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now >= c.next+3600 { // the machine slept: do not walk each second
		for at, list := range c.due {
			if at <= now {
				due = append(due, list...)
				delete(c.due, at)
			}
		}
		c.next = now + 1
		return due
	}
	for ; c.next <= now; c.next++ {
		if list, ok := c.due[c.next]; ok {
			due = append(due, list...)
			delete(c.due, c.next)
		}
	}
	return due
}

// tick runs the clock until ctx ends.
func (n *Notifier) tick(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			for _, s := range n.clock.ring(stampOf(now)) {
				n.woken(s, stampOf(now))
			}
		}
	}
}

// woken looks at a subscription whose second has come: it may have expired or
// may be allowed to try a NOTIFY again.
func (n *Notifier) woken(s *subscription, now stamp) {
	p := s.pres
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.state == retired || s.wake > now {
		return // woken by the trace of an earlier wish
	}
	s.wake = 0
	if s.state == active && s.until+n.grace <= now {
		n.endLocked(s, timedOut)
		n.deleteRow(s)
		return
	}
	if s.retry != 0 && s.retry <= now {
		s.retry = 0
		n.markSubLocked(s)
	}
	if at := s.rates.pulse(); at != 0 && at <= now && s.retry == 0 && !s.owed {
		s.owed = true // RFC 6446 §6.3: told though nothing changed
		n.markSubLocked(s)
	}
	n.scheduleLocked(s)
}

// scheduleLocked wakes the subscription when it may next need it.
func (n *Notifier) scheduleLocked(s *subscription) {
	at := s.until + n.grace
	if s.retry != 0 && s.retry < at {
		at = s.retry
	} else if pulse := s.rates.pulse(); pulse != 0 && pulse < at && !s.owed {
		at = pulse
	}
	n.clock.setLocked(s, at)
}

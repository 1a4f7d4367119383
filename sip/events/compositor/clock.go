package compositor

import "time"

// wakeup is a publication that may have expired, or with pub 0 a presentity that
// may be forgotten.
type wakeup struct {
	p   *presentity
	pub uint64
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
		c.clock.Set(w, pub.Expires.Unix())
	default:
		c.enqueue(w.p, job{pub: w.pub})
	}
}

package notifier

// wakeLocked asks for s to be woken at the time given, unless it is woken earlier
// anyway. What is paced is woken often, and each time then waits for its end again:
// the entry that is there for it is used again. The caller holds the mutex of the
// subscription's presentity.
func (n *Notifier) wakeLocked(s *subscription, at stamp) {
	switch {
	case s.wake != 0 && s.wake <= at:
	case at == s.far:
		s.wake = at
	default:
		s.wake = stamp(n.clock.Set(s, int64(at)))
		s.far = max(s.far, s.wake)
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
	n.wakeLocked(s, at)
}

package registrar

import (
	"slices"
	"time"

	"lamplight/presence"
)

// noteMost is the longest a note lies, in seconds. What was replaced meanwhile is
// let go of when its note comes up: a mobile that is granted days, and falls asleep
// and wakes many times in them, leaves a copy each time.
const noteMost = 600

// scheduleLocked notes when the binding's end has to be looked at. A refresh
// does not move the note: whoever looks finds a later end and notes that.
func (s *shard) scheduleLocked(b *Binding) {
	at := b.end.Unix()
	if soon, ok := b.nudgeAt(); ok {
		at = min(at, soon.Unix())
	}
	at = min(max(at, s.swept)+1, s.swept+noteMost)
	s.due[at] = append(s.due[at], b)
}

// sweep looks at every binding whose noted second has passed.
func (s *shard) sweep(now time.Time) {
	var over, nudge []*Binding
	s.mu.Lock()
	due := s.dueLocked(now)
	for s.swept < now.Unix() {
		// A clock that jumped ahead must not make this loop for hours.
		if now.Unix()-s.swept > 7200 {
			s.swept = s.firstDueLocked(now.Unix()) - 1
		}
		s.swept++
		list := s.due[s.swept]
		delete(s.due, s.swept)
		for _, b := range list {
			switch {
			case b.gone:
			case b.end.After(now):
				if soon, ok := b.nudgeAt(); ok && !soon.After(now) {
					b.nudged = true
					nudge = append(nudge, b)
				}
				s.scheduleLocked(b)
			default:
				over = append(over, b)
			}
		}
	}
	s.mu.Unlock()
	for _, f := range due {
		f()
	}
	for _, b := range nudge {
		s.r.nudge(b)
	}
	for _, b := range over {
		s.enqueue(b.Agent, s.r.expire(b))
	}
}

func (s *shard) firstDueLocked(most int64) int64 {
	for at := range s.due {
		most = min(most, at)
	}
	return most
}

// expire ends a binding whose time is over.
func (r *Registrar) expire(b *Binding) func(*record, time.Time) *change {
	return func(rec *record, now time.Time) *change {
		if b.gone || b.end.After(now) || !slices.Contains(rec.bindings, b) {
			return nil // refreshed or replaced while this waited
		}
		c := without(rec, []*Binding{b}, presence.CauseFactExpired)
		c.then = r.orExpire(c.drop)
		return c
	}
}

// retryPause is how long an end that could not be committed waits.
const retryPause = 5 * time.Second

// putOff is something to be done by the sweep of a later second.
type putOff struct {
	at time.Time
	f  func()
}

// later has f called on the shard's goroutine after a pause.
func (s *shard) later(pause time.Duration, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = append(s.late, putOff{time.Now().Add(pause), f})
}

// dueLocked takes what was put off until now.
func (s *shard) dueLocked(now time.Time) (due []func()) {
	s.late = slices.DeleteFunc(s.late, func(l putOff) bool {
		if l.at.After(now) {
			return false
		}
		due = append(due, l.f)
		return true
	})
	return due
}

// orExpire is what follows a commit that had to happen: if it failed, the
// bindings have ended all the same, and the sweep tries again after a pause.
func (r *Registrar) orExpire(drop []*Binding) func(error) {
	return func(err error) {
		if err == nil {
			return
		}
		s := r.shard(drop[0].Agent)
		s.mu.Lock()
		defer s.mu.Unlock()
		now := time.Now()
		for _, b := range drop {
			if b.end.After(now) {
				b.end, b.Expires = now, now
			}
			at := now.Add(retryPause).Unix()
			s.due[at] = append(s.due[at], b)
			r.o.Log.Error().Err(err).Str("aor", b.AOR).Str("contact", b.Bare()).Msg("end of binding not committed, will try again")
		}
	}
}

// without is the change that drops some of an agent's bindings.
func without(rec *record, drop []*Binding, cause presence.Cause) *change {
	next := slices.DeleteFunc(slices.Clone(rec.bindings), func(b *Binding) bool { return slices.Contains(drop, b) })
	return &change{next: next, drop: drop, cause: cause, actor: "system"}
}

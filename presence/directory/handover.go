package directory

import (
	"time"

	"lamplight/presence"
)

// Handover tells the listeners of the assignments that began or ended by time
// alone since it was last called, as an edit by "system" that puts them again as
// they are, and says when it is to be called next; the zero time is when an edit
// with assignments brings a reason to. Whoever asks the directory who holds a
// device at a time needs none of this; it is for those who keep something of the
// holder's.
func (d *Directory) Handover(now time.Time) (next time.Time) {
	d.edit.Lock()
	defer d.edit.Unlock()
	e := Edit{Actor: "system", Cause: string(presence.CauseFactExpired)}
	d.mu.Lock()
	for id, at := range d.ix.turns {
		if at.After(now) {
			next = earlier(next, at)
			continue
		}
		v := d.ix.devices[id]
		for i := range v.assignments {
			if a := &v.assignments[i]; within(a.From, at, now) || within(a.To, at, now) {
				e.Assignments = append(e.Assignments, *a)
			}
		}
		if at, ok := d.ix.turn(v, now); ok {
			next = earlier(next, at)
		}
	}
	d.mu.Unlock()
	if len(e.Assignments) > 0 {
		for _, f := range d.listeners {
			f(e)
		}
	}
	return next
}

// turn notes when an assignment of the device next begins or ends after now; ok
// is false if none does.
func (x *indexes) turn(v *device, now time.Time) (next time.Time, ok bool) {
	for i := range v.assignments {
		for _, at := range [...]time.Time{v.assignments[i].From, v.assignments[i].To} {
			if at.After(now) {
				next = earlier(next, at)
			}
		}
	}
	if next.IsZero() {
		delete(x.turns, v.ID)
		return next, false
	}
	x.turns[v.ID] = next
	return next, true
}

// within: at is from first to last, both included.
func within(at, first, last time.Time) bool { return !at.Before(first) && !at.After(last) }

// earlier of two times, of which a zero a is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

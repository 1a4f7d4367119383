package roster

import "time"

// timers is a heap of actors by what is due of each first. One timer of the
// shard serves all.
//
// It goes by the wall clock alone, as facts do, which are stored: where that clock is set
// right slowly it lags the monotonic one, and what was due by one and not over by the
// other would be taken out and put back for ever.
type timers []*actor

// next is when something is due first; zero: never.
func (h timers) next() time.Time {
	if len(h) == 0 {
		return time.Time{}
	}
	return h[0].due
}

// pop takes out an actor of which something is due, or returns nil.
func (h *timers) pop(now time.Time) *actor {
	if len(*h) == 0 || (*h)[0].due.After(now.Round(0)) {
		return nil
	}
	a := (*h)[0]
	h.remove(a)
	return a
}

// set notes when something is due of the actor; the zero time takes it out.
func (h *timers) set(a *actor, due time.Time) {
	due = due.Round(0)
	switch {
	case due.IsZero():
		h.remove(a)
	case a.slot == 0:
		a.due = due
		*h = append(*h, a)
		a.slot = len(*h)
		h.up(a.slot - 1)
	case !due.Equal(a.due):
		a.due = due
		h.up(a.slot - 1)
		h.down(a.slot - 1)
	}
}

func (h *timers) remove(a *actor) {
	if a.slot == 0 {
		return
	}
	at, last := a.slot-1, len(*h)-1
	h.swap(at, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	a.slot, a.due = 0, time.Time{}
	if at < last {
		h.up(at)
		h.down(at)
	}
}

func (h timers) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = i+1, j+1
}

func (h timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h[i].due.Before(h[parent].due) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h timers) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].due.Before(h[least].due) {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}

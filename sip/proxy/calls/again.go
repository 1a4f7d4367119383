package calls

import "slices"

// mostAgain is how often one call may pass through us at the same time beside the
// first.
const mostAgain = 4

// add has requests find the call. One that a proxy behind us sends back for another
// address is a call of its own with the names of the first (RFC 3261 §6, spiral): it
// is found once the first has ended, for a BYE comes by as often as the INVITE did.
func (t *Tracker) add(c *Call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := c.kept.key()
	switch {
	case t.calls[k] == nil && len(t.calls) < t.o.Most:
		t.calls[k] = c
	case t.calls[k] != nil && len(t.again[k]) < mostAgain:
		t.again[k] = append(t.again[k], c)
	default:
		return false
	}
	return true
}

// drop forgets a call.
func (t *Tracker) drop(c *Call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := c.kept.key()
	more := t.again[k]
	switch at := slices.Index(more, c); {
	case at >= 0:
		more = slices.Delete(more, at, at+1)
	case t.calls[k] != c:
		return
	case len(more) > 0:
		t.calls[k] = more[0]
		more = slices.Delete(more, 0, 1)
	default:
		delete(t.calls, k)
	}
	if t.again[k] = more; len(more) == 0 {
		delete(t.again, k)
	}
}

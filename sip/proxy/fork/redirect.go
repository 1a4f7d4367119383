package fork

import (
	"cmp"
	"slices"
	"strconv"

	"lamplight/sip/message"
)

const (
	// maxRedirected bounds the places that redirections add to one call, maxDepth
	// how often in a row one is followed.
	maxRedirected = 8
	maxDepth      = 3
)

// redirected is where a redirection leads, the most wanted first; those that are
// wanted alike ring together (RFC 3261 §16.6). The call's mutex guards it.
type redirected struct {
	depth int
	next  [][]Target
}

// contacts reads where a redirection leads, as far as the plan lets it: 300, 301
// and 302; the others want something of the caller (RFC 3261 §21.3).
func (b *branch) contacts(m *message.Message) [][]Target {
	if m == nil || m.Status < 300 || m.Status > 302 {
		return nil
	}
	b.call.mu.Lock()
	redirect := b.call.plan.Redirect
	b.call.mu.Unlock()
	if redirect == nil {
		return nil
	}
	list, err := m.Contacts()
	if err != nil || len(list) > 4*maxRedirected {
		return nil
	}
	type wish struct {
		q float64
		t Target
	}
	var wishes []wish
	for _, c := range list {
		if t, ok := redirect(&b.target, c); ok {
			wishes = append(wishes, wish{qOf(c), t})
		}
	}
	slices.SortStableFunc(wishes, func(a, b wish) int { return cmp.Compare(b.q, a.q) })
	var out [][]Target
	for i, w := range wishes {
		if i == 0 || w.q != wishes[i-1].q {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], w.t)
	}
	return out
}

// qOf is how much a contact is wanted (RFC 3261 §20.10).
func qOf(c message.NameAddr) float64 {
	v, ok := c.Params.Get("q")
	q, err := strconv.ParseFloat(v, 64)
	if !ok || err != nil || q < 0 || q > 1 {
		return 1
	}
	return q
}

// followLocked has the branch's contacts stand for it. One that the call has been to
// is left out, which ends loops.
func (b *branch) followLocked(m *message.Message, to [][]Target) bool {
	c := b.call
	if b.ended || b.quit || c.over || b.depth >= maxDepth {
		return false
	}
	g := &redirected{depth: b.depth + 1}
	for _, same := range to {
		same = slices.DeleteFunc(same, func(t Target) bool { return !c.newLocked(t.URI) })
		if len(same) > 0 {
			g.next = append(g.next, same)
		}
	}
	if len(g.next) == 0 {
		return false
	}
	c.groups = append(c.groups, g)
	c.tellLocked(b, Moved, m.Status, m)
	b.ended, b.replaced, b.status = true, true, m.Status
	b.stopLocked()
	return true
}

// newLocked reports whether the call may go there, and notes that it does.
func (c *Call) newLocked(uri string) bool {
	if len(c.seen) >= maxRedirected || slices.Contains(c.seen, uri) ||
		slices.ContainsFunc(c.branches, func(b *branch) bool { return b.uri() == uri }) {
		return false
	}
	c.seen = append(c.seen, uri)
	return true
}

// redirectLocked makes branches of what is next in each redirection.
func (c *Call) redirectLocked() (start []*branch) {
	for _, g := range c.groups {
		if c.over || len(g.next) == 0 || slices.ContainsFunc(c.branches, func(b *branch) bool { return b.group == g && !b.ended }) {
			continue
		}
		for _, t := range g.next[0] {
			b := c.newBranchLocked(t)
			b.group, b.depth = g, g.depth
			start = append(start, b)
		}
		g.next = g.next[1:]
	}
	return start
}

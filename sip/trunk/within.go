package trunk

import (
	"lamplight/sip/proxy/fork"
	"lamplight/sip/transport"
)

// Within is the way of a request within a call that goes to a trunk, by the flow that the
// call has: what is asked of us there is answered as it was when the call began. false:
// no trunk with credentials is there, or it cannot be told which of several.
func (t *Trunks) Within(f *transport.Flow, method string) (w fork.Way, ok bool) {
	t.mu.Lock()
	lines := t.lines
	t.mu.Unlock()
	var found *line
	for _, l := range lines {
		if l.conf.User == "" || !l.reaches(f) {
			continue
		}
		if found != nil {
			return w, false
		}
		found = l
	}
	if found == nil {
		return w, false
	}
	w.Flow = f
	found.signs(&w, method)
	return w, true
}

// reaches reports whether the flow leads to one of its hops: by TLS, over the stream
// that we opened, whose certificate names the trunk.
func (l *line) reaches(f *transport.Flow) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.hops {
		if h.own == f || h.target.Transport != transport.TLS && h.target.Transport == f.Transport() && h.target.Addr == f.Remote() {
			return true
		}
	}
	return false
}

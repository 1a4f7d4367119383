package outbound

import (
	"maps"
	"sync"

	"lamplight/sip/transport"
)

// mostMoved bounds the streams that are remembered to have been replaced.
const mostMoved = 10_000

// moved are streams that have ended or were left, and the ones that their owners have now.
type moved struct {
	mu sync.Mutex
	to map[string]*transport.Flow // by the ID of the old one; guarded by mu
}

// Moved says that the owner of a stream that has ended, or that he has left without a
// word, is reached by another one: from now on the old one's token leads there. The
// stream must have been his alone. When too many are remembered, and none has
// ended, one of them is forgotten.
func (t *Tokens) Moved(from, to *transport.Flow) {
	m := &t.moved
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.to == nil {
		m.to = make(map[string]*transport.Flow)
	}
	if len(m.to) >= mostMoved {
		maps.DeleteFunc(m.to, func(_ string, f *transport.Flow) bool { return !alive(f) })
	}
	for id := range m.to {
		if len(m.to) < mostMoved {
			break
		}
		delete(m.to, id)
	}
	for id, f := range m.to { // who moved to the one that has ended has moved on
		if f == from {
			m.to[id] = to
		}
	}
	m.to[from.ID()] = to
}

func (m *moved) find(id string) *transport.Flow {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.to[id]
	if f != nil && !alive(f) { // its owner may move once more
		return nil
	}
	return f
}

func alive(f *transport.Flow) bool {
	select {
	case <-f.Done():
		return false
	default:
		return true
	}
}

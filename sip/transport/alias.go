package transport

import (
	"net/netip"
	"slices"
)

// Alias notes that the peer of a stream takes requests on it that are meant for
// another port of its address, the one where it listens: Flow then finds this
// stream instead of opening one (RFC 5923). It is for the caller to know that the
// peer may say so. A stream has one alias, the last.
func (l *Layer) Alias(f *Flow, port uint16) {
	if f.stream == nil || port == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.alias == port || l.streams[f.number] != f {
		return
	}
	l.unaliasLocked(f)
	f.alias = port
	k := f.aliased()
	l.aliases[k] = append(l.aliases[k], f)
}

// aliased is the address that the stream stands for besides its own.
func (f *Flow) aliased() streamPeer {
	return streamPeer{f.transport, netip.AddrPortFrom(f.remote.Addr(), f.alias)}
}

func (l *Layer) unaliasLocked(f *Flow) {
	if f.alias == 0 {
		return
	}
	k := f.aliased()
	f.alias = 0
	if l.aliases[k] = slices.DeleteFunc(l.aliases[k], func(o *Flow) bool { return o == f }); len(l.aliases[k]) == 0 {
		delete(l.aliases, k)
	}
}

// openLocked is the newest stream to a peer that still takes messages, nil if there
// is none. One that has ended but has something left to write is none: what were
// sent on it would be lost.
func (l *Layer) openLocked(to streamPeer) *Flow {
	var newest *Flow
	for _, f := range append(slices.Clone(l.aliases[to]), l.peers[to]) {
		if f != nil && f.stream.takes() && (newest == nil || f.number > newest.number) {
			newest = f
		}
	}
	return newest
}

// takes reports whether the stream takes messages.
func (s *stream) takes() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err == nil
}

// Outgoing reports whether it is a stream that we opened.
func (f *Flow) Outgoing() bool { return f.stream != nil && f.stream.outgoing }

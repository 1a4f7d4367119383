package webrtc

import (
	"net/http"
	"net/netip"
)

// waiting are the sockets that have not said who they are yet. Anybody can open one, so
// nobody at one address takes the places of all. The server's mu guards it.
type waiting struct {
	all  int
	from map[netip.Addr]int
}

// enter counts one in, if there is room.
func (w *waiting) enter(a netip.Addr, l *Limits) bool {
	if w.all >= l.Waiting || w.from[a] >= l.WaitingFrom {
		return false
	}
	if w.from == nil {
		w.from = make(map[netip.Addr]int)
	}
	w.all++
	w.from[a]++
	return true
}

func (w *waiting) leave(a netip.Addr) {
	w.all--
	if w.from[a]--; w.from[a] == 0 {
		delete(w.from, a)
	}
}

// source is whom the request is from, the zero address where that cannot be told.
func (s *Server) source(r *http.Request) netip.Addr {
	if s.o.Source != nil {
		return s.o.Source(r)
	}
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

package webrtc

import (
	"encoding/json"
	"io"
	"net/http"

	"lamplight/webrtc/signalling"
)

// maxBeacon is the size of a goodbye by HTTP in bytes.
const maxBeacon = 1 << 10

// goodbyeBody is what navigator.sendBeacon posts, as text/plain.
type goodbyeBody struct {
	Resume string `json:"resume"`
	Why    string `json:"why"`
}

// Beacon is the endpoint for goodbyes by HTTP (navigator.sendBeacon), which
// browsers deliver even while a page is torn down. It is idempotent and tells
// nothing: whatever token is posted, known or not, the answer is 204. A token
// is good until the next welcome, so that the goodbye of a page that came back
// already ends nothing.
func (s *Server) Beacon() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "webphone: POST only", http.StatusMethodNotAllowed)
			return
		}
		if !s.originOK(r) {
			s.m.refuse("origin")
			http.Error(w, "webphone: origin", http.StatusForbidden)
			return
		}
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBeacon))
		if err != nil {
			http.Error(w, "webphone: too long", http.StatusRequestEntityTooLarge)
			return
		}
		var body goodbyeBody
		if json.Unmarshal(b, &body) != nil || body.Resume == "" {
			s.m.refuse("invalid")
			http.Error(w, "webphone: {\"resume\", \"why\"} expected", http.StatusBadRequest)
			return
		}
		s.goodbye(body)
		w.WriteHeader(http.StatusNoContent)
	})
}

func (s *Server) goodbye(b goodbyeBody) {
	s.mu.RLock()
	x := s.resume[b.Resume]
	s.mu.RUnlock()
	if x == nil {
		return
	}
	x.seat.mu.Lock()
	defer x.seat.mu.Unlock()
	if x.ended || x.token != b.Resume || x.link == nil && b.Why != signalling.ByeLogout {
		return
	}
	s.m.beacons.Inc()
	x.bye(b.Why)
}

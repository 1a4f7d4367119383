package api

import (
	"net/http"
	"time"

	"lamplight/presence"
	"lamplight/web/access"
)

// seat is the place of one open live stream among those that may be open.
type seat struct {
	agent   presence.AgentID // zero for a token's
	session string
	over    chan struct{} // closed when the session has ended; by the holder of API.mu
}

// enter counts a stream in, if there is room and the server is not stopping.
// One person's tabs cannot take the room of everybody.
func (a *API) enter(s *access.Subject) (*seat, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || a.open >= a.o.Streams {
		return nil, a.full(http.StatusServiceUnavailable, "too many live streams are open, or the server is stopping")
	}
	if !s.Agent.IsZero() && len(a.seats[s.Agent]) >= a.o.AgentStreams {
		return nil, a.full(http.StatusTooManyRequests, "too many pages of this agent are open; close some")
	}
	e := &seat{agent: s.Agent, session: s.Session, over: make(chan struct{})}
	if !e.agent.IsZero() {
		if a.seats[e.agent] == nil {
			a.seats[e.agent] = make(map[*seat]bool)
		}
		a.seats[e.agent][e] = true
	}
	a.open++
	a.streams.Add(1)
	a.meters.streams.Inc()
	return e, nil
}

func (a *API) full(code int, why string) *Problem {
	a.meters.refused.Inc()
	p := problem(code, "%s", why)
	p.retry = 5 * time.Second
	return p
}

// leave gives the place back.
func (a *API) leave(e *seat) {
	a.mu.Lock()
	a.open--
	if !e.agent.IsZero() {
		if delete(a.seats[e.agent], e); len(a.seats[e.agent]) == 0 {
			delete(a.seats, e.agent)
		}
	}
	a.mu.Unlock()
	a.meters.streams.Dec()
	a.streams.Done()
}

// endStreams ends the streams of a session that has logged out.
func (a *API) endStreams(s *access.Subject) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for e := range a.seats[s.Agent] {
		if e.session == s.Session && !closedAlready(e.over) {
			close(e.over)
		}
	}
}

func closedAlready(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

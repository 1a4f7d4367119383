package webrtc

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/webrtc/signalling"
)

// seat is one agent's place: all its sessions, of which at most one leads.
type seat struct {
	srv   *Server
	agent presence.AgentID
	grace time.Duration // the domain's, read when the seat was taken
	dials *rate.Limiter // calls that the agent makes

	// snap is the agent's newest snapshot; wakes are the sockets to be woken
	// when it changes. Both are read and written on the roster's shard, too.
	snap  atomic.Pointer[presence.Snapshot]
	wakes atomic.Pointer[[]*link]

	mu       sync.Mutex
	sessions []*session // guarded by mu
	leader   *session   // guarded by mu
	epoch    int64      // of the last lead given; guarded by mu
	// yielded is the fact of a former leader, left to its grace time until the
	// new leader's microphone is proven; guarded by mu.
	yielded string
	dead    bool // taken out of the server's map; guarded by mu
}

// notice takes a snapshot on the roster's shard.
func (st *seat) notice(snap *presence.Snapshot) {
	st.snap.Store(snap)
	if links := st.wakes.Load(); links != nil {
		for _, l := range *links {
			l.nudge()
		}
	}
}

// rewake notes which sockets snapshots concern; mu is held.
func (st *seat) rewake() {
	var links []*link
	for _, x := range st.sessions {
		if x.link != nil {
			links = append(links, x.link)
		}
	}
	st.wakes.Store(&links)
}

// list is a copy of the sessions; mu is held.
func (st *seat) list() []*session { return slices.Clone(st.sessions) }

// sit gives the session a place and returns with the seat locked, or returns
// false if a limit is reached.
func (s *Server) sit(agent *presence.Agent, x *session) bool {
	for {
		s.mu.Lock()
		if s.count >= s.o.Limits.Sessions {
			s.mu.Unlock()
			return false
		}
		s.count++
		st := s.seats[agent.ID]
		if st == nil {
			st = s.newSeat(agent)
			s.seats[agent.ID] = st
		}
		s.mu.Unlock()
		st.mu.Lock()
		full := !st.dead && !st.room()
		if full || st.dead { // dead: its last session ended meanwhile
			gone := st.dead
			st.mu.Unlock()
			s.mu.Lock()
			s.count--
			s.mu.Unlock()
			if gone {
				continue
			}
			return false
		}
		st.sessions = append(st.sessions, x)
		x.seat = st
		if snap, ok := s.o.Roster.Snapshot(st.agent); ok && st.snap.Load() == nil {
			st.snap.Store(snap)
		}
		return true
	}
}

func (s *Server) newSeat(agent *presence.Agent) *seat {
	policy := presence.Policy{}
	if d, ok := s.o.Directory.Domain(agent.Domain); ok {
		policy = d.Policy
	}
	return &seat{srv: s, agent: agent.ID, grace: policy.LabelGrace(), dials: rate.NewLimiter(rate.Every(dialEvery), dialBurst)}
}

// room makes room for one more session: what waits for its page to come back
// goes first. mu is held.
func (st *seat) room() bool {
	limit := st.srv.o.Limits.PerAgent
	if len(st.sessions) < limit {
		return true
	}
	for _, x := range st.list() {
		if x.link == nil {
			x.remove()
		}
	}
	return len(st.sessions) < limit // the seat may be dead now; sit looks
}

// claim makes x the leader under a new epoch. The former leader's fact becomes
// a closed one, so that the label waits while x proves its microphone. mu is
// held.
func (st *seat) claim(x *session, now time.Time) {
	st.epoch = max(now.UnixMilli(), st.epoch+1)
	old := st.leader
	st.leader = x
	if old != nil && old != x {
		old.stopTest()
		if old.fact != nil {
			f := *old.fact
			if f.State != presence.SessionClosed {
				f.State, f.Closed = presence.SessionClosed, now
				st.apply(presence.CauseWebphoneGone, roster.PutSession{Session: f})
			}
			st.yielded, old.fact = f.ID, nil
		}
		if old.link != nil {
			old.link.send(signalling.Encode(signalling.TakenOverMsg{T: signalling.TakenOver, Epoch: st.epoch}))
			old.tell()
		}
	}
	if st.yielded == x.id {
		st.yielded = ""
	}
	for _, other := range st.sessions {
		if other != x && other != old {
			other.tell()
		}
	}
}

// vacate takes x off the lead and tells the others that it is free. mu is held.
func (st *seat) vacate(x *session) {
	if st.leader != x {
		return
	}
	st.leader = nil
	for _, other := range st.sessions {
		if other != x {
			other.tell()
		}
	}
}

// hangAll ends all calls.
func (st *seat) hangAll() {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, x := range st.sessions {
		x.hangAll(signalling.WhyGone)
	}
}

// stopTimers stops what waits for pages to come back.
func (st *seat) stopTimers() {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, x := range st.sessions {
		if x.grace != nil {
			x.grace.Stop()
		}
		x.stopTest()
	}
}

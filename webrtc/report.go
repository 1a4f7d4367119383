package webrtc

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
)

// apply tells the roster; mu is held, so the agent's changes arrive in order.
func (st *seat) apply(cause presence.Cause, ops ...roster.Op) { st.applyAck(nil, cause, ops...) }

// applyAck notes in ack, if it is not nil, the version of the first snapshot
// that holds the change. mu is held.
func (st *seat) applyAck(ack *atomic.Uint64, cause presence.Cause, ops ...roster.Op) {
	st.srv.o.Roster.Apply(st.agent, roster.Change{Cause: cause, Ops: ops}, func(snap *presence.Snapshot, err error) {
		switch {
		case err != nil:
			st.srv.failed(st.agent, cause, ops, err)
		case ack != nil && snap != nil:
			ack.CompareAndSwap(0, snap.Version)
		}
	})
}

// failed takes note of facts the roster withdrew. It runs on the store's writer
// or a shard, or within Apply.
func (s *Server) failed(a presence.AgentID, cause presence.Cause, ops []roster.Op, err error) {
	s.m.reportFailed.Inc()
	s.o.Log.Error().Str("agent", a.String()).Str("cause", string(cause)).Err(err).
		Msg("roster did not take a webphone's state")
	if errors.Is(err, roster.ErrClosed) || errors.Is(err, roster.ErrUnknown) {
		return
	}
	for _, op := range ops {
		switch op := op.(type) {
		case roster.PutSession:
			s.retries.add(a, op.ID)
		case roster.DropSession:
			s.retries.add(a, op.ID)
		}
	}
}

// retryAfter is the pause before the roster is told again.
const retryAfter = time.Second

// retries tells the roster again what it could not commit: for a session that
// lives, its present state; for one that is gone, that it is gone.
type retries struct {
	srv  *Server
	mu   sync.Mutex
	open map[string]presence.AgentID // by session id; guarded by mu
	wake chan struct{}
	done chan struct{}
}

func newRetries(s *Server) *retries {
	r := &retries{
		srv: s, open: map[string]presence.AgentID{},
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	go r.run()
	return r
}

// add never blocks. Beyond the limit on sessions nothing is remembered; the
// fact then ends by the roster's own limits.
func (r *retries) add(a presence.AgentID, id string) {
	r.mu.Lock()
	if len(r.open) < 2*r.srv.o.Limits.Sessions {
		r.open[id] = a
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *retries) run() {
	defer close(r.done)
	for {
		select {
		case <-r.srv.ctx.Done():
			return
		case <-r.wake:
		}
		select {
		case <-r.srv.ctx.Done():
			return
		case <-time.After(retryAfter):
		}
		r.mu.Lock()
		todo := r.open
		r.open = map[string]presence.AgentID{}
		r.mu.Unlock()
		for id, a := range todo {
			r.srv.reportAgain(a, id)
		}
	}
}

func (r *retries) close() { <-r.done }

func (s *Server) reportAgain(a presence.AgentID, id string) {
	s.mu.RLock()
	st := s.seats[a]
	s.mu.RUnlock()
	if st == nil {
		st = &seat{srv: s, agent: a}
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, x := range st.sessions {
		if x.id == id && x.fact != nil {
			st.applyAck(x.ack, presence.CauseWebphoneBack, roster.PutSession{Session: *x.fact})
			return
		}
	}
	if id != st.yielded { // that one ends by its grace time
		st.apply(presence.CauseWebphoneGone, roster.DropSession{ID: id})
	}
}

package webrtc

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/coder/websocket"

	"lamplight/presence"
	"lamplight/webrtc/liveness"
	"lamplight/webrtc/signalling"
)

func statusCode(code int) websocket.StatusCode { return websocket.StatusCode(code) }

// serve runs an attached socket until it is closed. The calling goroutine
// reads, a second one writes and keeps the time.
func (s *Server) serve(x *session, l *link) {
	written := make(chan struct{})
	go func() {
		defer close(written)
		x.run(l)
	}()
	err := x.listen(l)
	close(l.gone)
	x.left(l, err)
	<-written
}

// listen reads until the socket is closed.
func (x *session) listen(l *link) error {
	for {
		m, err := l.read(context.Background())
		switch {
		case errors.Is(err, signalling.ErrInvalid):
			x.abuse(l, "invalid", err.Error())
			return err
		case errors.Is(err, websocket.ErrMessageTooBig): // and closed with 1009
			x.accuse(l, "too-big", err.Error())
			return err
		case err != nil:
			return err
		case !l.rate.Allow():
			x.abuse(l, "rate", "too many messages")
			return errAbuse
		}
		x.srv.m.in(m.T)
		if !x.handle(l, m) {
			return errAbuse
		}
	}
}

var errAbuse = errors.New("webrtc: page broke the protocol")

// abuse closes the socket of a page that breaks the protocol.
func (x *session) abuse(l *link, why, reason string) {
	x.accuse(l, why, reason)
	l.finish(ending{code: websocket.StatusPolicyViolation, reason: why})
}

// accuse counts and logs what a page did for which its socket is closed.
func (x *session) accuse(l *link, why, reason string) {
	x.srv.m.refuse(why)
	x.srv.o.Log.Warn().Str("session", x.id).Str("agent", x.seat.agent.String()).
		Str("src", l.remote.String()).Str("why", reason).Msg("webphone closed")
}

// left takes note that the socket is closed.
func (x *session) left(l *link, err error) {
	x.seat.mu.Lock()
	defer x.seat.mu.Unlock()
	if x.link != l {
		return // replaced, dropped, or it said goodbye before
	}
	x.srv.o.Log.Debug().Str("session", x.id).Err(err).Msg("webphone socket closed")
	// Grace is for a closed socket; it is not added to silence.
	if x.life == presence.SessionSuspect && !x.frozen && !goodbye(err) {
		x.lose(time.Now(), "broken after silence")
		return
	}
	x.away()
}

// lose ends a session whose page is silent.
func (x *session) lose(now time.Time, how string) {
	x.srv.m.lost.Inc()
	x.srv.o.Log.Info().Str("session", x.id).Str("agent", x.seat.agent.String()).
		Dur("silence", now.Sub(x.pulse.Heard())).Str("how", how).Msg("webphone lost")
	if x.linger(presence.CauseWebphoneQuiet) {
		return
	}
	x.drop(presence.CauseWebphoneQuiet, signalling.CloseSilent, "silent")
}

// run writes the socket and keeps the session's time.
func (x *session) run(l *link) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-l.gone:
			return
		case <-l.wake:
		case <-timer.C:
		}
		next, ours := x.tick(l)
		usable, err := l.flush(x.srv.o.Write)
		if err != nil {
			x.broken(l, err)
		}
		if !usable {
			l.cut() // ends the reader
			return
		}
		if !ours { // the session is not on this socket any more
			next = time.Now().Add(time.Hour)
		}
		timer.Reset(time.Until(next))
	}
}

// broken: a write failed. A peer that takes nothing is silent; anything else is
// a closed socket, which the reader sees too.
func (x *session) broken(l *link, err error) {
	x.seat.mu.Lock()
	defer x.seat.mu.Unlock()
	if x.link == l && unread(err) {
		x.lose(time.Now(), "does not read")
	}
}

// tick does what is due and says when to look again.
func (x *session) tick(l *link) (next time.Time, ours bool) {
	x.seat.mu.Lock()
	defer x.seat.mu.Unlock()
	if x.link != l || x.ended {
		return time.Time{}, false
	}
	now := time.Now()
	if x.droppedByOthers() {
		x.drop(presence.CauseLogout, signalling.CloseLoggedOut, "logged out")
		return time.Time{}, false
	}
	if x.pulse.State(now) == liveness.Lost {
		x.lose(now, "no answer")
		return time.Time{}, false
	}
	x.judgeLife(now)
	fast := x.leads() && x.routable() || len(x.calls) > 0
	if x.pulse.Due(now, fast) {
		l.send(signalling.AppendPing(nil, x.pulse.Ping(now)))
		x.srv.m.pings.Inc()
	}
	next = x.pulse.Wake(now, fast)
	for _, due := range [...]time.Time{x.stepTest(now), x.renew(l, now)} {
		if !due.IsZero() && due.Before(next) {
			next = due
		}
	}
	return next, true
}

// judgeLife follows the pulse between alive and suspect.
func (x *session) judgeLife(now time.Time) {
	life := presence.SessionAlive
	if x.frozen || x.pulse.State(now) != liveness.Alive {
		life = presence.SessionSuspect
	}
	if life == x.life || x.life == presence.SessionClosed {
		return
	}
	x.life = life
	cause := presence.CauseWebphoneBack
	if life == presence.SessionSuspect {
		cause = presence.CauseWebphoneQuiet
		x.srv.m.suspected.Inc()
	}
	x.settle(cause)
}

// routable: calls may be offered to this agent, now or as soon as a call ends.
func (x *session) routable() bool {
	snap := x.seat.snap.Load()
	return snap == nil || snap.Regular || snap.Campaign || snap.Selected.Status == presence.SelectAvailable
}

// droppedByOthers: a snapshot at least as new as the fact does not have it,
// though it was not withdrawn here. Somebody logged the agent out.
func (x *session) droppedByOthers() bool {
	snap := x.seat.snap.Load()
	if snap == nil || x.fact == nil {
		return false
	}
	if since := x.ack.Load(); since == 0 || snap.Version < since {
		return false
	}
	return !slices.ContainsFunc(snap.Sessions, func(f presence.Session) bool { return f.ID == x.id })
}

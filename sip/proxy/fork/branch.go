package fork

import (
	"context"
	"errors"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// branch is one place that rings. The mutex of its call guards what follows
// target.
type branch struct {
	call   *Call
	target Target

	flow   *transport.Flow
	tx     *transaction.Outgoing
	cancel []message.Header // set: to be canceled as soon as there is a tx
	quit   bool             // it is not wanted any more
	ended  bool             // it will not answer any more, or has answered
	status int              // what it ended with
	res    *message.Message // its refusal; nil where there was none
	tag    string           // To tag of its 2xx
	own    []string         // our Record-Route on it
	timer  *time.Timer      // Timer C
	ring   *time.Timer      // Target.Ring
}

// reachTime bounds the search for a flow.
const reachTime = 6 * time.Second

// start sends the INVITE, once there is a flow.
func (b *branch) start() {
	if b.target.Flow != nil || b.target.Reach == nil {
		b.launch(b.target.Flow)
		return
	}
	b.call.f.Go(func() {
		ctx, cancel := context.WithTimeout(b.call.f.life, reachTime)
		defer cancel()
		f, err := b.target.Reach(ctx)
		if err != nil {
			b.call.f.o.Log.Info().Err(err).Str("call_id", b.call.req.CallID()).Str("method", "INVITE").Str("target", b.target.ID).Msg("branch without a flow")
			f = nil
		}
		b.launch(f)
	})
}

// launch sends the INVITE on this flow; without one the branch has failed as if
// it had answered 430 (RFC 5626 §11.5).
func (b *branch) launch(f *transport.Flow) {
	c := b.call
	c.mu.Lock()
	switch {
	case c.over || b.quit:
		b.ended = true
		c.mu.Unlock()
		return
	case f == nil:
		b.endLocked(430, nil)
		c.mu.Unlock()
		c.advance()
		return
	}
	b.flow = f
	b.timer = time.AfterFunc(c.f.o.TimerC, b.silent)
	if b.target.Ring > 0 {
		b.ring = time.AfterFunc(b.target.Ring, b.silent)
	}
	first := make([]message.Header, 0, 4)
	if c.plan.RecordRoute != nil {
		b.own = c.plan.RecordRoute(f)
		for _, r := range b.own {
			first = append(first, message.Header{Name: message.RecordRoute, Value: r})
		}
	}
	for _, r := range b.target.Route {
		first = append(first, message.Header{Name: message.Route, Value: r})
	}
	c.tellLocked(b, Tried, 0, nil)
	c.mu.Unlock()
	out := message.RelayRequest(c.req.Message, b.target.URI, first, c.plan.Strip...)
	for _, h := range b.target.Headers {
		out.Add(h.Name, h.Value)
	}
	tx := c.f.o.Transactions.Invite(f, message.NewBranch()+c.mark, out, b.got)
	c.mu.Lock()
	b.tx = tx
	if b.cancel != nil {
		tx.Cancel(b.cancel...)
	}
	c.mu.Unlock()
	c.tell()
}

// got takes what came of the INVITE.
func (b *branch) got(m *message.Message, err error) {
	c := b.call
	c.mu.Lock()
	switch {
	case err != nil:
		b.endLocked(statusOf(err), nil)
	case m.Status <= 100:
	case m.Status < 200:
		b.provisionalLocked(m)
	case m.Status < 300:
		b.acceptedLocked(m)
	default:
		b.endLocked(m.Status, m)
		if m.Status >= 600 && !c.over && !c.plan.Many { // RFC 3261 §16.7 step 5: nobody else need be asked
			c.step = len(c.plan.Steps)
			c.cancelOthersLocked(b, message.Header{})
		}
	}
	c.mu.Unlock()
	c.advance()
}

// statusOf is what a branch without an answer counts as (RFC 3261 §16.8, §16.9).
func statusOf(err error) int {
	if errors.Is(err, transaction.ErrTimeout) {
		return 408
	}
	return 503
}

// provisionalLocked passes a provisional response on (RFC 3261 §16.7 step 2:
// Timer C begins anew).
func (b *branch) provisionalLocked(m *message.Message) {
	c := b.call
	if b.timer != nil && !b.quit {
		b.timer.Reset(c.f.o.TimerC)
	}
	if c.over || b.quit {
		return
	}
	c.tellLocked(b, Ringing, m.Status, m)
	c.req.Respond(message.RelayResponse(m))
}

// acceptedLocked: the first 2xx has the call; the same again is passed on again,
// any other is released.
func (b *branch) acceptedLocked(m *message.Message) {
	c := b.call
	switch {
	case !c.over:
		b.tag, b.status, b.ended = m.ToTag(), m.Status, true
		b.stopLocked()
		c.answeredLocked(b, m)
	case c.winner == b && b.tag == m.ToTag():
		if c.passed {
			c.req.Again(message.RelayResponse(m))
		}
	default:
		b.ended = true
		b.stopLocked()
		b.releaseLocked(m)
	}
}

// endLocked: it will not answer any more.
func (b *branch) endLocked(status int, m *message.Message) {
	if b.ended {
		return
	}
	b.ended, b.status, b.res = true, status, m
	b.stopLocked()
	if !b.quit {
		b.call.tellLocked(b, Failed, status, m)
	}
}

func (b *branch) stopLocked() {
	for _, t := range []*time.Timer{b.timer, b.ring} {
		if t != nil {
			t.Stop()
		}
	}
}

// silent is Timer C, or the end of the ringing time: the branch is canceled and
// counts as 408 (RFC 3261 §16.8).
func (b *branch) silent() {
	c := b.call
	c.mu.Lock()
	if !b.ended && !b.quit {
		c.tellLocked(b, Failed, 408, nil)
		b.takeBackLocked(message.Header{})
		b.ended, b.status = true, 408
	}
	c.mu.Unlock()
	c.advance()
}

// cancelLocked ends a branch that is not needed any more.
func (b *branch) cancelLocked(why message.Header) {
	if b.quit || b.ended {
		return
	}
	b.call.tellLocked(b, Canceled, 0, nil)
	b.takeBackLocked(why)
}

// takeBackLocked cancels the INVITE.
func (b *branch) takeBackLocked(why message.Header) {
	b.quit = true
	b.stopLocked()
	b.cancel = []message.Header{}
	if why.Name != "" {
		b.cancel = append(b.cancel, why)
	}
	if b.tx != nil {
		b.tx.Cancel(b.cancel...)
	}
}

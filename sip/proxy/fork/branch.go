package fork

import (
	"cmp"
	"errors"
	"strconv"
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
	until  time.Time        // it rings; zero: it has not been tried

	way         Way              // how it is tried
	found       bool             // way is set already
	quiet       *time.Timer      // Way.Silence
	heard       bool             // it has said something
	rang        bool             // it has sent a provisional response other than 100
	lost        int              // why this way did not take it; zero: it still may
	lostRes     *message.Message // the same, where somebody said so
	seeking     bool             // another way is looked for
	none        bool             // there is no other
	replaced    bool             // another branch stands for it
	ways        int              // how many were tried before
	answers     int              // to challenges on this way
	extra       []message.Header // the last of them
	shift       uint32           // of CSeq
	breadth     int              // its share of Max-Breadth
	depth       int              // of redirections
	undescribed bool             // its description was refused here
	group       *redirected      // whose contact it is; nil: nobody's
}

// reachTime bounds the search for a flow.
const reachTime = 6 * time.Second

// start sends the INVITE, once there is a flow.
func (b *branch) start() {
	switch {
	case b.found:
		b.launch(b.way)
		return
	case b.target.Next == nil && (b.target.Flow != nil || b.target.Reach == nil):
		b.launch(Way{Flow: b.target.Flow})
		return
	}
	b.call.f.Go(func() {
		w, err := b.target.way(b.call.f.life)
		if err != nil {
			b.noWay(err)
		}
		b.launch(w)
	})
}

func (b *branch) noWay(err error) {
	b.call.f.o.Log.Info().Err(err).Str("call_id", b.call.req.CallID()).Str("method", "INVITE").Str("target", b.target.ID).Msg("branch without a flow")
}

// launch sends the INVITE this way; without a flow the branch has failed as if it
// had answered 430 (RFC 5626 §11.5), and without breadth as if 440 (RFC 5393 §5).
func (b *branch) launch(w Way) {
	c, f := b.call, w.Flow
	c.mu.Lock()
	switch {
	case c.over || b.quit:
		b.ended = true
		c.mu.Unlock()
		c.advance() // it may be what the refusal waited for
		return
	case f == nil || b.breadth == 0:
		status := 430
		if f != nil {
			status = 440
		}
		b.endLocked(status, nil)
		c.mu.Unlock()
		c.advance()
		return
	}
	b.flow, b.way, b.found = f, w, true
	b.timersLocked()
	first := make([]message.Header, 0, 4)
	if c.plan.RecordRoute != nil {
		b.own = shifted(c.plan.RecordRoute(f), b.shift)
		for _, r := range b.own {
			first = append(first, message.Header{Name: message.RecordRoute, Value: r})
		}
	}
	route := b.target.Route
	if w.Route != nil {
		route = w.Route
	}
	for _, r := range route {
		first = append(first, message.Header{Name: message.Route, Value: r})
	}
	media := c.plan.Media
	c.tellLocked(b, Tried, 0, nil)
	c.mu.Unlock()
	out := b.request(first)
	if media != nil && !b.described(media, out, f) {
		return
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

// timersLocked starts those of a branch that is tried. All ways to a target share
// its ringing time.
func (b *branch) timersLocked() {
	b.timer = time.AfterFunc(b.call.f.o.TimerC, b.silent)
	if b.target.Ring > 0 {
		if b.until.IsZero() {
			b.until = time.Now().Add(b.target.Ring)
		}
		b.ring = time.AfterFunc(time.Until(b.until), b.silent)
	}
	if b.way.Silence > 0 && b.target.Next != nil {
		b.quiet = time.AfterFunc(b.way.Silence, b.quietTooLong)
	}
}

// request is the INVITE as it is sent there.
func (b *branch) request(first []message.Header) *message.Builder {
	in := b.call.req.Message
	out := message.RelayRequest(in, b.uri(), first, b.call.strip...)
	out.Set(maxBreadth, strconv.Itoa(b.breadth))
	if b.shift > 0 {
		n, method := in.CSeq()
		out.Set(message.CSeq, strconv.Itoa(int(n+b.shift))+" "+method)
	}
	for _, h := range b.target.Headers {
		out.Add(h.Name, h.Value)
	}
	if b.answers == 0 && b.way.Ahead != nil {
		b.extra = b.way.Ahead(b.uri(), in.Body)
	}
	for _, h := range b.extra {
		out.Add(h.Name, h.Value)
	}
	return out
}

// uri is the Request-URI there.
func (b *branch) uri() string { return cmp.Or(b.way.URI, b.target.URI) }

// got takes what came of the INVITE.
func (b *branch) got(m *message.Message, err error) {
	c := b.call
	follow := b.contacts(m)
	c.mu.Lock()
	if m != nil {
		b.heardLocked(m)
	}
	switch {
	case err != nil:
		if !b.lostLocked(statusOf(err), nil, err) {
			b.endLocked(statusOf(err), nil)
		}
	case m.Status <= 100:
	case m.Status < 200:
		b.provisionalLocked(m)
	case m.Status < 300:
		b.acceptedLocked(m)
	case b.lostLocked(m.Status, m, nil), b.followLocked(m, follow):
	default:
		b.endLocked(m.Status, m)
		if m.Status >= 600 && !c.over && !c.plan.Many { // RFC 3261 §16.7 step 5: nobody else need be asked
			c.declinedLocked()
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
	c.req.Respond(b.relayed(m))
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
		c.againLocked(m)
	default:
		b.ended = true
		b.stopLocked()
		b.releaseLocked(m, elsewhere())
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
	for _, t := range []*time.Timer{b.timer, b.ring, b.quiet} {
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

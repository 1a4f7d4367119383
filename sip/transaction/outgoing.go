package transaction

import (
	"errors"
	"sync"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// Outgoing is an INVITE client transaction (RFC 3261 §17.1.1, RFC 6026 §7.2):
// an INVITE of ours, or one that a proxy passes on.
type Outgoing struct {
	layer  *Layer
	flow   *transport.Flow
	branch string
	raw    []byte // the INVITE
	got    func(*message.Message, error)
	over   chan struct{} // closed when the end of its stream means nothing any more

	next, prev *Outgoing // in the list of settled ones; guarded by the table's mu
	listed     bool      // guarded by the table's mu

	mu       sync.Mutex
	state    outgoingState // guarded by mu, as all below
	interval time.Duration // of Timer A
	again    *time.Timer   // Timer A
	end      *time.Timer   // Timer B, D or M, or the wait for what a CANCEL brings
	ack      []byte        // of a refusal, to be repeated
	cancel   []byte        // the CANCEL, from the moment it is wanted
	canceled bool          // it was sent
	told     []outcomeOf   // what got has not been called with yet
	telling  bool          // somebody calls got
}

// outcomeOf is one call of got.
type outcomeOf struct {
	m   *message.Message
	err error
}

type outgoingState uint8

// The states of RFC 6026 §7.2, figure 5.
const (
	calling outgoingState = iota
	proceeding
	completed
	accepted
	terminated
)

// Invite starts an INVITE client transaction: it adds a Via with this branch,
// which must be unique, and sends. got is called with every provisional response and every 2xx,
// also those that come again or from another fork (even after a refusal, as long as
// Timer D runs), or once with a refusal, whose ACK the transaction sends itself; or once with ErrTimeout, ErrFlowClosed,
// ErrOverload or ErrClosed, but not after a final response. The calls come one
// after the other, in the order of what arrived, perhaps the first before Invite
// returns. got must not block; it may call Cancel.
//
// A peer that only ever sends provisional responses is waited for without end:
// Timer C is the caller's (RFC 3261 §16.6 step 11).
func (l *Layer) Invite(f *transport.Flow, branch string, b *message.Builder, got func(*message.Message, error)) *Outgoing {
	o := &Outgoing{layer: l, flow: f, branch: branch, got: got, over: make(chan struct{}), interval: l.o.T1}
	b.Via(l.Via(f, o.branch))
	raw := b.Bytes()
	o.raw = raw
	o.mu.Lock() // whoever finds it in the table waits until its timers are there
	if err := l.outgoing.add(o, l.o.Urgent); err != nil {
		o.state = terminated
		close(o.over)
		o.mu.Unlock()
		got(nil, err)
		return o
	}
	o.end = time.AfterFunc(64*l.o.T1, o.timedOut) // Timer B
	if f.Reliable() {
		l.wg.Go(o.watchFlow)
	} else {
		o.again = time.AfterFunc(o.interval, o.sendAgain) // Timer A
	}
	o.mu.Unlock()
	if err := f.Send(raw); err != nil && (f.Reliable() || errors.Is(err, transport.ErrTooLong) || errors.Is(err, ErrFlowClosed)) {
		o.fail(err)
	}
	return o
}

// Cancel takes the INVITE back (RFC 3261 §9.1): at once if a provisional
// response has come, else as soon as one comes. The outcome, mostly 487, comes as
// any other; if none comes within 64×T1, it is ErrTimeout.
func (o *Outgoing) Cancel(reason ...message.Header) {
	o.mu.Lock()
	if o.cancel != nil || o.state != calling && o.state != proceeding {
		o.mu.Unlock()
		return
	}
	o.cancel = o.hop("CANCEL", "", reason)
	send := o.takeCancelLocked()
	o.mu.Unlock()
	o.sendCancel(send)
}

// takeCancelLocked is the CANCEL if its time has come.
func (o *Outgoing) takeCancelLocked() []byte {
	if o.cancel == nil || o.canceled || o.state != proceeding {
		return nil
	}
	o.canceled = true
	o.resetLocked(64 * o.layer.o.T1)
	return o.cancel
}

func (o *Outgoing) sendCancel(raw []byte) {
	if raw != nil {
		o.layer.SendRaw(o.flow, o.branch, raw, func(*message.Message, error) {}) // the INVITE's own end is what counts
	}
}

// hop makes the CANCEL or the ACK of a refusal: the INVITE's Request-URI, its
// topmost Via, Route, From, Call-ID and number, and for an ACK the response's To
// (RFC 3261 §9.1, §17.1.1.3).
func (o *Outgoing) hop(method, to string, extra []message.Header) []byte {
	inv, err := message.Parse(o.raw)
	if err != nil {
		return nil // it was built here
	}
	b := message.NewRequest(method, inv.URI)
	via := false
	for i := range inv.Headers {
		switch h := &inv.Headers[i]; h.Name {
		case message.Via:
			if !via {
				b.Add(h.Name, h.Value)
			}
			via = true
		case message.MaxForwards, message.From, message.CallID, message.Route:
			b.Add(h.Name, h.Value)
		case message.To:
			if to == "" {
				to = h.Value
			}
			b.Add(h.Name, to)
		case message.CSeq:
			b.Add(h.Name, h.Value[:len(h.Value)-len("INVITE")]+method)
		}
	}
	for _, h := range extra {
		b.Add(h.Name, h.Value)
	}
	return b.Bytes()
}

// response takes a response to the INVITE.
func (o *Outgoing) response(m *message.Message) {
	o.mu.Lock()
	var cancel []byte
	var forgotten *Outgoing
	switch {
	case o.state == terminated:
	case o.state == completed:
		switch {
		case m.Status >= 300:
			_ = o.flow.Send(o.ack)
		case m.Status >= 200: // of another fork downstream, which picked up as the others were taken back
			o.told = append(o.told, outcomeOf{m, nil})
		}
	case m.Status < 200:
		if o.state != accepted {
			cancel = o.provisionalLocked(m)
		}
	case m.Status < 300:
		forgotten = o.acceptedLocked(m)
	case o.state != accepted: // a fork downstream refuses after another answered: its ACK is that fork's proxy's
		forgotten = o.refusedLocked(m)
	}
	o.mu.Unlock()
	o.sendCancel(cancel)
	o.tell()
	if forgotten != nil {
		o.layer.metric.drop("settled_invite")
		forgotten.fail(nil)
	}
}

func (o *Outgoing) provisionalLocked(m *message.Message) (cancel []byte) {
	if o.state == calling {
		o.state = proceeding
		o.stopLocked()
	}
	o.told = append(o.told, outcomeOf{m, nil})
	return o.takeCancelLocked()
}

func (o *Outgoing) acceptedLocked(m *message.Message) (forgotten *Outgoing) {
	o.told = append(o.told, outcomeOf{m, nil})
	if o.state != accepted {
		o.state = accepted
		forgotten = o.settleLocked() // until Timer M
	}
	return forgotten
}

func (o *Outgoing) refusedLocked(m *message.Message) (forgotten *Outgoing) {
	o.state = completed
	o.ack = o.hop("ACK", m.Get(message.To), nil)
	_ = o.flow.Send(o.ack)
	o.told = append(o.told, outcomeOf{m, nil})
	forgotten = o.settleLocked() // until Timer D
	if o.flow.Reliable() {       // which is zero
		o.terminateLocked()
	}
	return forgotten
}

// settleLocked: it has its final response. Nothing is made of the INVITE any more,
// and the end of a stream is nobody's matter. The oldest of those that are settled
// is to be forgotten where there are too many.
func (o *Outgoing) settleLocked() (forgotten *Outgoing) {
	o.stopLocked()
	o.resetLocked(64 * o.layer.o.T1)
	o.raw, o.cancel = nil, nil
	close(o.over)
	return o.layer.outgoing.settle(o)
}

// tell calls got with what there is to tell, unless somebody does already.
func (o *Outgoing) tell() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.telling {
		return
	}
	o.telling = true
	for len(o.told) > 0 {
		next := o.told[0]
		o.told = o.told[1:]
		o.mu.Unlock()
		o.got(next.m, next.err)
		o.mu.Lock()
	}
	o.telling = false
}

// sendAgain is Timer A.
func (o *Outgoing) sendAgain() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != calling {
		return
	}
	_ = o.flow.Send(o.raw)
	o.interval *= 2
	o.again.Reset(o.interval)
}

// timedOut is the timer of the state that it finds.
func (o *Outgoing) timedOut() {
	o.mu.Lock()
	final := o.state == completed || o.state == accepted
	o.mu.Unlock()
	if final {
		o.fail(nil)
		return
	}
	o.fail(ErrTimeout)
}

// fail ends the transaction; the caller is told why if it has no final response.
func (o *Outgoing) fail(err error) {
	o.mu.Lock()
	if o.state == terminated {
		o.mu.Unlock()
		return
	}
	if (o.state == calling || o.state == proceeding) && err != nil {
		o.told = append(o.told, outcomeOf{nil, err})
	}
	o.terminateLocked()
	o.mu.Unlock()
	o.tell()
}

func (o *Outgoing) terminateLocked() {
	if o.state == calling || o.state == proceeding {
		close(o.over)
	}
	o.state = terminated
	o.stopLocked()
	o.layer.outgoing.drop(o)
}

func (o *Outgoing) stopLocked() {
	if o.again != nil {
		o.again.Stop()
	}
	o.end.Stop()
}

func (o *Outgoing) resetLocked(d time.Duration) { o.end.Reset(d) }

// watchFlow ends the transaction with its stream.
func (o *Outgoing) watchFlow() {
	select {
	case <-o.flow.Done():
		o.fail(ErrFlowClosed)
	case <-o.over:
	}
}

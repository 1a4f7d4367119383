package ua

import (
	"strconv"
	"sync"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// Handler hears what happens to a call. Its methods must not block; they come in
// the order of the flow, timers perhaps between.
type Handler interface {
	// Progress of a call that was made: a provisional response, perhaps with an
	// answer (early media).
	Progress(status int, sdp []byte)
	// Answered: a call that was made is answered.
	Answered(sdp []byte)
	// Acknowledged: the other side has our answer; sdp is its own where the offer was
	// ours.
	Acknowledged(sdp []byte)
	// Offered: the other side wants to change the session.
	Offered(o *Offer)
	// Referred: the other side wants us to call somebody in its place.
	Referred(r *Referral)
	// Transferred is how far a transfer that Refer asked for has come.
	Transferred(status int)
	// Ended is the last.
	Ended(e End)
}

// End says why a call is over.
type End struct {
	Status int    // as of a response; 200 for a BYE
	Text   string // the phrase
	// Far: it was not the owner who ended it.
	Far bool
	// Elsewhere: another device has answered, so nobody has missed a call.
	Elsewhere bool
	// Canceled: who called took it back.
	Canceled bool
}

type state uint8

const (
	calling state = iota // ours, no final response yet
	ringing              // theirs, not answered yet
	talked               // there was a 2xx
	ended
)

// Call is one dialog. Its methods may be called from any goroutine.
type Call struct {
	phone    *Phone
	id, tag  string
	incoming bool
	invite   *transaction.Request // theirs
	replaces *Call

	mu        sync.Mutex
	state     state           // guarded by mu, as all below
	handler   Handler         // nil until a call that comes has an owner
	untold    []func(Handler) // what waits for it
	local     string          // our address with our tag
	remote    string          // theirs, with their tag once it is known
	remoteTag string
	target    string   // their contact
	routes    []string // the first hop first
	seq       uint32
	remoteSeq uint32
	out       *transaction.Outgoing
	taken     bool   // ours was taken back
	ack       []byte // of the 2xx of ours
	ok        repeat // of the 2xx to theirs
	early     reliable
	bye       bool   // wanted, once the ACK has come
	changing  bool   // an offer of ours, or theirs, is open
	open      *Offer // of theirs, that nobody has answered
	told      bool   // the handler heard of the end
	timer     sessionTimer
}

// ID is the Call-ID.
func (c *Call) ID() string { return c.id }

// Incoming reports whether the other side called.
func (c *Call) Incoming() bool { return c.incoming }

// SDP is the offer that came with the call, nil for none.
func (c *Call) SDP() []byte {
	if c.invite == nil {
		return nil
	}
	return sdp(c.invite.Message)
}

// Header of the INVITE that brought the call.
func (c *Call) Header(n message.Name) string {
	if c.invite == nil {
		return ""
	}
	return c.invite.Get(n)
}

// Replaces is the call whose place this one is to take, nil for none.
func (c *Call) Replaces() *Call { return c.replaces }

// From is who is at the other end: what a trusted network says of it (RFC 3325), or
// it says itself.
func (c *Call) From() message.NameAddr {
	for _, text := range []string{c.Header("P-Asserted-Identity"), c.remoteAddress()} {
		if a, err := message.ParseNameAddr(text); err == nil && text != "" {
			return a
		}
	}
	return message.NameAddr{}
}

func (c *Call) remoteAddress() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remote
}

func (c *Call) remoteIs(tag string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remoteTag == tag
}

func (c *Call) talking() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == talked
}

// Ring says that somebody hears it ring.
func (c *Call) Ring() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == ringing {
		c.ringLocked()
	}
}

// Answer picks up: with the answer to the offer that came, or with an offer where
// none did, whose answer Acknowledged brings.
func (c *Call) Answer(sdp []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != ringing {
		return ErrState
	}
	b := c.phone.describe(message.NewResponse(c.invite.Message, 200, "").ToTag(c.tag))
	c.timer.answerLocked(c, c.invite.Message, b)
	b.Body(contentSDP, sdp)
	c.early.stop()
	c.state, c.changing = talked, true // until the ACK
	c.invite.Respond(b)
	c.repeatLocked(c.invite, b)
	return nil
}

// Reject refuses a call that has not been answered.
func (c *Call) Reject(status int, phrase string, because ...Warning) {
	c.mu.Lock()
	if c.state != ringing {
		c.mu.Unlock()
		return
	}
	c.invite.Respond(warned(message.NewResponse(c.invite.Message, status, phrase).ToTag(c.tag), because))
	c.mu.Unlock()
	c.over(End{Status: status, Text: phrase})
}

// End ends the call, however far it is: it is taken back, refused with that status,
// or hung up.
func (c *Call) End(status int, because ...Warning) {
	c.mu.Lock()
	switch c.state {
	case ended:
		c.mu.Unlock()
		return
	case ringing:
		c.mu.Unlock()
		c.Reject(status, "", because...)
		return
	case calling:
		c.taken = true
		if c.out != nil {
			c.out.Cancel()
		}
	case talked:
		c.byeLocked()
	}
	c.mu.Unlock()
	c.over(End{Status: 200})
}

// byeLocked hangs up. Who answered waits for the ACK (RFC 3261 §15): before it the
// other side may not know of the dialog.
func (c *Call) byeLocked() {
	if c.ok.open() {
		c.bye = true
		return
	}
	c.phone.stack.tx.Send(c.phone.flow, c.requestLocked("BYE"), func(*message.Message, error) {})
}

// over ends the call for its owner. A call of ours that is taken back stays known to
// its transaction, which may yet bring a 2xx.
func (c *Call) over(e End) {
	c.mu.Lock()
	tell := !c.told
	c.told = true
	c.state = ended
	c.early.stop()
	waits := c.bye && c.ok.open() && !e.Far // the BYE waits for the ACK
	if !waits {
		c.ok.stop()
	}
	c.timer.stop()
	c.answerAllLocked()
	c.mu.Unlock()
	if !waits {
		c.phone.drop(c)
	}
	if tell {
		c.tell(func(h Handler) { h.Ended(e) })
	}
}

// answerAllLocked answers what waits for the owner, who will not answer any more (RFC 3261
// §15.1.2): else it would wait for ever, for with the flow goes who might cancel it.
func (c *Call) answerAllLocked() {
	if o := c.open; o != nil && !o.r.Answered() {
		o.r.Respond(message.NewResponse(o.r.Message, 487, ""))
	}
	c.open = nil
	if c.invite != nil && !c.invite.Answered() {
		c.invite.Respond(message.NewResponse(c.invite.Message, 487, "").ToTag(c.tag))
	}
}

// canceled: who called took it back.
func (c *Call) canceled(reasons []string) {
	c.mu.Lock()
	was := c.state
	if was == ringing {
		c.invite.Respond(message.NewResponse(c.invite.Message, 487, "").ToTag(c.tag))
	}
	c.mu.Unlock()
	if was == ringing {
		c.over(End{Status: 487, Far: true, Canceled: true, Elsewhere: elsewhere(reasons)})
	}
}

// requestLocked starts a request of the dialog (RFC 3261 §12.2.1.1).
func (c *Call) requestLocked(method string) *message.Builder {
	if method != "ACK" {
		c.seq++
	}
	return c.numberedLocked(method, c.seq)
}

func (c *Call) numberedLocked(method string, seq uint32) *message.Builder {
	b := message.NewRequest(method, c.target)
	for _, r := range c.routes {
		b.Add(message.Route, r)
	}
	return b.AddInt(message.MaxForwards, 70).Add(message.From, c.local).Add(message.To, c.remote).
		Add(message.CallID, c.id).Add(message.CSeq, strconv.FormatUint(uint64(seq), 10)+" "+method).
		Add(message.UserAgent, c.phone.stack.o.UserAgent)
}

// repeat is a 2xx that waits for its ACK (RFC 3261 §13.3.1.4): over streams too, for
// not all hops are.
type repeat struct {
	timer *time.Timer
	seq   uint32
}

func (r *repeat) open() bool { return r.timer != nil }

func (r *repeat) stop() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// repeatLocked sends it again until the ACK comes, and gives up in the end.
func (c *Call) repeatLocked(req *transaction.Request, b *message.Builder) {
	s := c.phone.stack
	seq, _ := req.CSeq()
	wait, end := s.o.T1, time.Now().Add(64*s.o.T1)
	var timer *time.Timer
	timer = s.after(wait, func() {
		c.mu.Lock()
		if c.ok.timer != timer {
			c.mu.Unlock()
			return
		}
		if time.Now().Before(end) {
			req.Again(b)
			wait = min(2*wait, s.o.T2)
			timer.Reset(wait)
			c.mu.Unlock()
			return
		}
		c.ok.stop()
		c.byeLocked()
		c.mu.Unlock()
		c.over(End{Status: 408, Text: "No ACK", Far: true})
		c.phone.drop(c)
	})
	c.ok = repeat{timer: timer, seq: seq}
}

// Name is the dialog's, as a Replaces header of the other side's would say it (RFC
// 3891 §3).
func (c *Call) Name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return message.DialogName{CallID: c.id, ToTag: c.tag, FromTag: c.remoteTag}.String()
}

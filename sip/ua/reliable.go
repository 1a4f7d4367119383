package ua

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// tag100rel is the extension of RFC 3262: provisional responses that are not lost.
const tag100rel = "100rel"

// reliable is a provisional response that waits for its PRACK: it is repeated over
// streams too, for not all hops are.
type reliable struct {
	seq   uint32 // its RSeq; 0: there was none
	timer *time.Timer
}

func (r *reliable) stop() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// ringLocked says that it rings: reliably to who requires it (RFC 3262 §3), and to
// nobody else.
func (c *Call) ringLocked() {
	b := c.phone.describe(message.NewResponse(c.invite.Message, 180, "").ToTag(c.tag))
	switch {
	case !slices.ContainsFunc(c.invite.Values(message.Require), func(v string) bool { return strings.EqualFold(v, tag100rel) }):
		c.invite.Respond(b)
	case c.SDP() == nil:
		// §5: it would have to bring our offer, which is made when somebody answers.
	case c.early.seq == 0:
		c.early.seq = 1 + rand.Uint32N(1<<31-1) // §3: below 2**31
		b.Add(message.Require, tag100rel).Add("RSeq", strconv.FormatUint(uint64(c.early.seq), 10))
		c.invite.Respond(b)
		c.ringAgainLocked(b)
	}
}

// ringAgainLocked repeats the response until its PRACK comes. §3 would refuse a call
// whose caller says nothing for 64*T1; he has lost nothing but a number, so it rings on.
func (c *Call) ringAgainLocked(b *message.Builder) {
	s := c.phone.stack
	wait, end := s.o.T1, time.Now().Add(64*s.o.T1)
	var timer *time.Timer
	timer = s.after(wait, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.early.timer != timer || c.state != ringing {
			return
		}
		if wait *= 2; time.Now().Add(wait).After(end) {
			c.early.timer = nil
			return
		}
		c.invite.Respond(b)
		timer.Reset(wait)
	})
	c.early.timer = timer
}

// acknowledgedEarly takes a PRACK: response number, CSeq number, method (§7.2). An offer
// of its own is not due while ours has no answer (§5).
func (c *Call) acknowledgedEarly(r *transaction.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := strings.Fields(r.Get("RAck"))
	var seq uint32
	if c.invite != nil {
		seq, _ = c.invite.CSeq()
	}
	switch {
	case c.early.seq == 0 || !slices.Equal(f, []string{strconv.FormatUint(uint64(c.early.seq), 10), strconv.FormatUint(uint64(seq), 10), "INVITE"}):
		refuse(r, 481, "")
	case sdp(r.Message) != nil:
		refuse(r, 488, "")
	default:
		c.early.stop()
		refuse(r, 200, "")
	}
}
